import { environmentOf } from '../envs/environment.ts';
import { multigoal, MULTIGOAL_PROBES } from '../envs/multigoal.ts';
import { MultigoalOptimum } from '../exact/multigoal-optimum.ts';
import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Config } from '../train/config.ts';
import { Evaluator, type Learned } from '../train/evaluator.ts';
import {
  compareWithOptimum,
  GAP_ROLLOUTS,
  LONGEST_EPISODE,
  type GroundTruth,
} from '../train/ground-truth.ts';

/** Whether the exact optimum of a task can be computed here. */
export function hasOptimum(environment: string): boolean {
  return environment === multigoal.spec.name;
}

/**
 * The exact optimum of a run's task at `temperature`; `spacing` of its grid as in `MultigoalOptimum`.
 * @throws UsageError if the task has no exact solution here.
 */
export async function solveOptimum(
  gpu: Gpu,
  { environment, discount }: Pick<Config, 'environment' | 'discount'>,
  temperature: number,
  spacing?: number,
): Promise<MultigoalOptimum> {
  if (!hasOptimum(environment)) {
    throw new UsageError(
      `The exact optimum is known of ${multigoal.spec.name} alone, not of ${environment}: leave out --exact.`,
    );
  }
  return MultigoalOptimum.solve(gpu, { temperature, discount, ...(spacing !== undefined && { spacing }) });
}

/** All distances of policy and critic from the optimum of their task, by rollouts and draws with `seed`. */
export async function measureAgainst(
  optimum: MultigoalOptimum,
  gpu: Gpu,
  learned: Learned,
  { environment: name, rewardScale }: Config,
  seed: number,
): Promise<GroundTruth> {
  const environment = environmentOf(name);
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
    rewardScale,
    seed,
  });
}
