import type { Gpu } from '../gpu/gpu.ts';
import type { Bound } from '../gpu/program.ts';
import { wholeTensor } from '../profile/timing.ts';
import type { Config } from '../train/config.ts';
import { Trainer } from '../train/trainer.ts';

/** Iterations after the warm-up: buffers have been touched and networks are not where they began. */
const ITERATIONS_BEFORE = 5;

/**
 * A trainer whose iterations may be timed: it has collected its warm-up and learned a little, and minibatches are drawn
 * from all of the replay buffer, as late in a run. The part that nothing was collected for holds zeros.
 */
export async function warmTrainer(gpu: Gpu, config: Config): Promise<Trainer> {
  const trainer = await Trainer.create(gpu, config);
  await gpu.ready();
  trainer.advance(Math.ceil(config.warmupTransitions / config.environments) + ITERATIONS_BEFORE);
  const reading = await trainer.clock.read();
  trainer.clock.write({ ...reading, replaySize: config.replayCapacity });
  return trainer;
}

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
