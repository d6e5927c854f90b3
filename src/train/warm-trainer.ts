import type { Gpu } from '../gpu/gpu.ts';
import type { Config } from './config.ts';
import { Trainer } from './trainer.ts';

/** Iterations after the warm-up: buffers have been touched and networks are not where they began. */
const ITERATIONS_BEFORE = 5;

/**
 * A trainer whose iterations may be timed: it has collected its warm-up and learned a little, and minibatches are drawn
 * from all of the replay buffer, as late in a run. The part that nothing was collected for holds zeros.
 * @throws UsageError when the configuration does not fit the adapter.
 */
export async function warmTrainer(gpu: Gpu, config: Config): Promise<Trainer> {
  const trainer = await Trainer.create(gpu, config);
  await gpu.ready();
  trainer.advance(Math.ceil(config.warmupTransitions / config.environments) + ITERATIONS_BEFORE);
  const reading = await trainer.clock.read();
  trainer.clock.write({ ...reading, replaySize: config.replayCapacity });
  return trainer;
}
