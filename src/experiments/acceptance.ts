import { nearestNeighbourEntropy } from '../exact/entropy.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { resolveConfig } from '../train/config.ts';
import { Evaluator, type Evaluation, type Rollout } from '../train/evaluator.ts';
import { Trainer } from '../train/trainer.ts';

/** Updates between two looks at the coverage of the goals. */
const EVALUATE_EVERY = 125;
const ROLLOUTS_ON_THE_WAY = 256;
const FINAL_ROLLOUTS = 500;
/** A policy covers the goals when each gets at least this share and it succeeds at least this often. */
const COVERAGE = { share: 0.05, success: 0.8 } as const;
/** States and actions per state behind the policy's entropy. */
const ENTROPY_SAMPLE = { states: 64, actions: 128 } as const;
/** Share of the seeds in which each metric must lie within its bounds. */
const SEEDS_TO_PASS = 0.9;

/** Metrics that need no exact solution. */
export type AcceptanceMetric =
  | 'success'
  | 'smallest goal share'
  | 'goal entropy'
  | 'mean return'
  | 'mean episode length'
  | 'policy entropy'
  | 'coverage stable from update';

/** Bounds of one run, calibrated on an independent implementation with slack (ten seeds each). */
export const THRESHOLDS: Readonly<
  Record<'default' | 'tiny', Readonly<Record<AcceptanceMetric, readonly [number, number]>>>
> = {
  default: {
    success: [0.93, 1],
    'smallest goal share': [0.1, 0.25],
    'goal entropy': [0.93, 1],
    'mean return': [-225, -170],
    'mean episode length': [8.8, 12],
    'policy entropy': [0.42, 0.8],
    'coverage stable from update': [0, 750],
  },
  tiny: {
    success: [0.93, 1],
    'smallest goal share': [0.06, 0.25],
    'goal entropy': [0.88, 1],
    'mean return': [-225, -170],
    'mean episode length': [8.8, 12],
    'policy entropy': [0.42, 0.8],
    'coverage stable from update': [0, 1000],
  },
};

/** One seed's numbers; coverage that is never stable is infinite. */
export interface SeedResult {
  readonly seed: number;
  readonly metrics: Readonly<Record<AcceptanceMetric, number>>;
  /** What the policy did every 125 updates. */
  readonly history: readonly { readonly updates: number; readonly evaluation: Evaluation }[];
}

/** One metric over all seeds. */
export interface Judgement {
  readonly metric: AcceptanceMetric;
  readonly low: number;
  readonly high: number;
  readonly least: number;
  readonly median: number;
  readonly greatest: number;
  readonly passed: number;
  readonly of: number;
  readonly ok: boolean;
}

/**
 * Trains multi-goal on one seed and measures everything that can be judged without the exact solution.
 * `settings` are changes to the preset, e.g. `{ environments: 64 }`.
 */
export async function acceptSeed(
  gpu: Gpu,
  seed: number,
  settings: Readonly<Record<string, unknown>>,
): Promise<SeedResult> {
  const release = gpu.scope();
  try {
    const config = resolveConfig({ ...settings, environment: 'multigoal', seed });
    const trainer = await Trainer.create(gpu, config);
    const { algorithm, environment } = trainer;
    const onTheWay = new Evaluator(gpu, algorithm, environment, { rollouts: ROLLOUTS_ON_THE_WAY, seed });
    const history: { updates: number; evaluation: Evaluation }[] = [];
    while (trainer.updates < config.updates) {
      await trainer.run({ until: Math.min(trainer.updates + EVALUATE_EVERY, config.updates) });
      history.push({ updates: trainer.updates, evaluation: onTheWay.summarise(await onTheWay.rollOut()) });
    }
    const final = new Evaluator(gpu, algorithm, environment, { rollouts: FINAL_ROLLOUTS, seed });
    const rollouts = await final.rollOut();
    const evaluation = final.summarise(rollouts);
    const metrics = {
      success: evaluation.success,
      'smallest goal share': Math.min(...evaluation.outcomeShares),
      'goal entropy': evaluation.outcomeEntropy,
      'mean return': evaluation.meanReturn,
      'mean episode length': evaluation.meanLength,
      'policy entropy': await policyEntropy(final, rollouts),
      'coverage stable from update': stableFrom(history),
    };
    return { seed, metrics, history };
  } finally {
    release();
  }
}

/** Mean entropy in nats of the policy at states that its rollouts visit. */
async function policyEntropy(evaluator: Evaluator, rollouts: readonly Rollout[]): Promise<number> {
  // The last observation of an episode is not one that the policy acts in.
  const visited = rollouts.flatMap(({ observations }) => observations.slice(0, -1));
  const step = visited.length / ENTROPY_SAMPLE.states;
  const states = Array.from({ length: ENTROPY_SAMPLE.states }, (_, i) => visited[Math.floor(i * step)]!);
  const actions = await evaluator.actionsAt(states, ENTROPY_SAMPLE.actions, 1);
  return actions.reduce((sum, points) => sum + nearestNeighbourEntropy(points).nats, 0) / states.length;
}

/** The first update from which every later look finds all goals covered; infinite if the last one does not. */
function stableFrom(history: SeedResult['history']): number {
  const covers = ({ success, outcomeShares }: Evaluation) =>
    success >= COVERAGE.success && Math.min(...outcomeShares) >= COVERAGE.share;
  let from = Infinity;
  for (const { updates, evaluation } of [...history].reverse()) {
    if (!covers(evaluation)) break;
    from = updates;
  }
  return from;
}

/** Each metric of all seeds against its bounds. */
export function judge(results: readonly SeedResult[], preset: keyof typeof THRESHOLDS): Judgement[] {
  return (Object.entries(THRESHOLDS[preset]) as [AcceptanceMetric, readonly [number, number]][]).map(
    ([metric, [low, high]]) => {
      const values = results.map(({ metrics }) => metrics[metric]).sort((a, b) => a - b);
      const passed = values.filter((value) => value >= low && value <= high).length;
      return {
        metric,
        low,
        high,
        least: values[0]!,
        median: values[Math.floor((values.length - 1) / 2)]!,
        greatest: values.at(-1)!,
        passed,
        of: values.length,
        ok: passed >= Math.ceil(SEEDS_TO_PASS * values.length),
      };
    },
  );
}
