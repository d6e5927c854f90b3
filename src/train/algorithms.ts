import type { Algorithm, LearnerContext } from '../algorithms/algorithm.ts';
import { SoftQLearning } from '../algorithms/soft-q-learning.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Config } from './config.ts';

/** The learner that a run's settings ask for. */
export function createAlgorithm(gpu: Gpu, context: LearnerContext, config: Config): Algorithm {
  const options = { ...config, finalTemperature: config.finalTemperature ?? config.temperature };
  return new SoftQLearning(gpu, context, options);
}
