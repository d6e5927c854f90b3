import { MULTIGOAL_PROBES } from '../envs/multigoal.ts';
import type { MultigoalOptimum } from '../exact/multigoal-optimum.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { resolveConfig, type Config } from '../train/config.ts';
import { Evaluator, type Evaluation } from '../train/evaluator.ts';
import type { GroundTruth } from '../train/ground-truth.ts';
import { Trainer } from '../train/trainer.ts';
import { measureAgainst } from './ground-truth.ts';

/** Updates between two looks at the coverage of the goals. */
const EVALUATE_EVERY = 125;
const ROLLOUTS_ON_THE_WAY = 256;
const FINAL_ROLLOUTS = 500;
/** A policy covers the goals when each gets at least this share and it succeeds at least this often. */
const COVERAGE = { share: 0.05, success: 0.8 } as const;
/** Index among the probe states of (2.5, 2.5). */
const DIAGONAL = MULTIGOAL_PROBES.findIndex(([x, y]) => x === 2.5 && y === 2.5);
/** Share of the seeds in which each metric must lie within its bounds. */
const SEEDS_TO_PASS = 0.9;

/** What is judged: what the policy does, then how far it and its critic lie from the exact optimum. */
export type AcceptanceMetric =
  | 'success'
  | 'smallest goal share'
  | 'goal entropy'
  | 'mean return'
  | 'mean episode length'
  | 'policy entropy'
  | 'coverage stable from update'
  | 'mean |Q error|'
  | 'Q bias'
  | 'greatest |Q error|'
  | 'sliced Wasserstein-1'
  | 'energy distance'
  | 'KL at (0, 0)'
  | 'KL at (2.5, 2.5)'
  | 'soft-return gap';

/** Where a metric must lie: in nine of ten seeds, or in the median over the seeds. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
  readonly of: 'seeds' | 'median';
}

const seeds = (low: number, high: number): Bounds => ({ low, high, of: 'seeds' });
const median = (low: number, high: number): Bounds => ({ low, high, of: 'median' });
/** Below zero a divergence or an energy distance is noise of its estimate. */
const NOISE = -0.2;

const DEFAULT_BOUNDS: Readonly<Record<AcceptanceMetric, Bounds>> = {
  success: seeds(0.93, 1),
  'smallest goal share': seeds(0.1, 0.25),
  'goal entropy': seeds(0.93, 1),
  'mean return': seeds(-225, -170),
  'mean episode length': seeds(8.8, 12),
  'policy entropy': seeds(0.42, 0.8),
  'coverage stable from update': seeds(0, 750),
  'mean |Q error|': seeds(0, 1),
  'Q bias': seeds(-1, 0.5),
  'greatest |Q error|': seeds(0, 4),
  'sliced Wasserstein-1': seeds(0, 0.13),
  'energy distance': seeds(NOISE, 0.05),
  'KL at (0, 0)': seeds(NOISE, 0.35),
  'KL at (2.5, 2.5)': seeds(NOISE, 0.35),
  'soft-return gap': seeds(NOISE, 3),
};

/** Bounds of one run, calibrated on an independent implementation with slack (ten seeds each), in nats where not shares. */
export const THRESHOLDS: Readonly<
  Record<'default' | 'tiny' | 'sharp', Readonly<Record<AcceptanceMetric, Bounds>>>
> = {
  default: DEFAULT_BOUNDS,
  tiny: {
    ...DEFAULT_BOUNDS,
    'smallest goal share': seeds(0.06, 0.25),
    'goal entropy': seeds(0.88, 1),
    'coverage stable from update': seeds(0, 1000),
    'greatest |Q error|': seeds(0, 6),
  },
  // At alpha 5 the optimum's return is -142, its length 7.6; one squashed Gaussian cannot come nearer than 0.62 and 0.36.
  sharp: {
    ...DEFAULT_BOUNDS,
    'smallest goal share': seeds(0.06, 0.25),
    'goal entropy': seeds(0.88, 1),
    'mean return': seeds(-165, -130),
    'mean episode length': seeds(6.5, 9.5),
    'policy entropy': seeds(-0.4, 0.4),
    'coverage stable from update': seeds(0, 2250),
    'mean |Q error|': seeds(0, 1.5),
    'Q bias': seeds(-1.5, 0.5),
    'greatest |Q error|': seeds(0, 6),
    'KL at (0, 0)': median(NOISE, 0.4),
    'KL at (2.5, 2.5)': median(NOISE, 0.25),
  },
};

/** One seed's numbers; coverage that is never stable is infinite. */
export interface SeedResult {
  readonly seed: number;
  readonly metrics: Readonly<Record<AcceptanceMetric, number>>;
  /** What the policy did every 125 updates. */
  readonly truth: GroundTruth;
  readonly history: readonly { readonly updates: number; readonly evaluation: Evaluation }[];
}

/** One metric over all seeds. */
export interface Judgement extends Bounds {
  readonly metric: AcceptanceMetric;
  readonly least: number;
  readonly median: number;
  readonly greatest: number;
  /** Seeds within the bounds. */
  readonly passed: number;
  readonly seeds: number;
  readonly ok: boolean;
}

/** The configuration of an acceptance run. */
export function acceptanceConfig(seed: number, settings: Readonly<Record<string, unknown>>): Config {
  return resolveConfig({ ...settings, environment: 'multigoal', seed });
}

/**
 * Trains by `config` and measures everything that is judged, against the optimum at the temperature where the run ends.
 */
export async function acceptSeed(gpu: Gpu, config: Config, optimum: MultigoalOptimum): Promise<SeedResult> {
  const { seed } = config;
  const release = gpu.scope();
  try {
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
    const truth = await measureAgainst(optimum, trainer, seed);
    const metrics = {
      success: evaluation.success,
      'smallest goal share': Math.min(...evaluation.outcomeShares),
      'goal entropy': evaluation.outcomeEntropy,
      'mean return': evaluation.meanReturn,
      'mean episode length': evaluation.meanLength,
      'policy entropy': truth.entropy.policy,
      'coverage stable from update': stableFrom(history),
      'mean |Q error|': truth.critic.meanAbsolute,
      'Q bias': truth.critic.bias,
      'greatest |Q error|': truth.critic.maxAbsolute,
      'sliced Wasserstein-1': truth.slicedWasserstein.mean,
      'energy distance': truth.energyDistance.mean,
      'KL at (0, 0)': truth.divergence[0]!.nats,
      'KL at (2.5, 2.5)': truth.divergence[DIAGONAL]!.nats,
      'soft-return gap': truth.gap.nats,
    };
    return { seed, metrics, history, truth };
  } finally {
    release();
  }
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
  const bounds = Object.entries(THRESHOLDS[preset]) as [AcceptanceMetric, Bounds][];
  return bounds.map(([metric, { low, high, of }]) => {
    const values = results.map(({ metrics }) => metrics[metric]).sort((a, b) => a - b);
    const within = (value: number) => value >= low && value <= high;
    const passed = values.filter(within).length;
    const middle = values[Math.floor((values.length - 1) / 2)]!;
    return {
      metric,
      low,
      high,
      of,
      least: values[0]!,
      median: middle,
      greatest: values.at(-1)!,
      passed,
      seeds: values.length,
      ok: of === 'median' ? within(middle) : passed >= Math.ceil(SEEDS_TO_PASS * values.length),
    };
  });
}
