import { MULTIGOAL_PROBES } from '../envs/multigoal.ts';
import type { MultigoalOptimum } from '../exact/multigoal-optimum.ts';
import { Evaluator, type Learned } from '../train/evaluator.ts';
import type { Trainer } from '../train/trainer.ts';
import {
  compareWithOptimum,
  GAP_ROLLOUTS,
  LONGEST_EPISODE,
  type GroundTruth,
} from '../train/ground-truth.ts';

/**
 * All distances of policy and critic from the optimum of a trained task, by rollouts and draws with `seed`. `learned`
 * stands in for the learner's own policy.
 */
export async function measureAgainst(
  optimum: MultigoalOptimum,
  { gpu, algorithm, environment, config }: Trainer,
  seed: number,
  learned: Learned = algorithm,
): Promise<GroundTruth> {
  const evaluator = new Evaluator(gpu, learned, environment, {
    rollouts: GAP_ROLLOUTS,
    seed,
    maxEpisodeSteps: LONGEST_EPISODE,
  });
  return compareWithOptimum(evaluator, {
    optimum,
    model: optimum.model(seed),
    probes: MULTIGOAL_PROBES,
    trajectories: await evaluator.rollOut(),
    rewardScale: config.rewardScale,
    seed,
  });
}
