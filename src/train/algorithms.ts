import type { Algorithm, LearnerContext } from '../algorithms/algorithm.ts';
import { Ddpg } from '../algorithms/ddpg.ts';
import { Sac } from '../algorithms/sac.ts';
import { SoftQLearning } from '../algorithms/soft-q-learning.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Config } from './config.ts';

/**
 * The learner that a run's settings ask for.
 * @throws UsageError for settings that do not go together.
 */
export function createAlgorithm(gpu: Gpu, context: LearnerContext, config: Config): Algorithm {
  const options = { ...config, finalTemperature: config.finalTemperature ?? config.temperature };
  switch (config.algorithm) {
    case 'soft-q':
      return new SoftQLearning(gpu, context, options);
    case 'sac':
      return new Sac(gpu, context, { ...options, components: config.mixtureComponents });
    case 'ddpg':
      return new Ddpg(gpu, context, options);
  }
}
