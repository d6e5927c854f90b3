import type { Bound } from '../gpu/program.ts';
import { wholeTensor } from '../profile/timing.ts';
import type { Trainer } from '../train/trainer.ts';

/**
 * Bytes that a dispatch of a training moves of a bound tensor: of the replay buffer what the environments record in a
 * step, or what a minibatch gathers; all of everything else.
 */
export function movedIn({ replay, config }: Trainer): (bound: Bound) => number {
  return (bound) => {
    const { tensor, written } = bound;
    if (tensor.buffer !== replay.ring.buffer) return wholeTensor(bound);
    const rows = written ? config.environments : config.batchSize;
    return (wholeTensor(bound) / replay.capacity) * rows;
  };
}
