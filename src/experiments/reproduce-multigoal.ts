import { multigoal, MULTIGOAL_PROBES } from '../envs/multigoal.ts';
import type { MultigoalOptimum } from '../exact/multigoal-optimum.ts';
import { bestSquashedGaussian } from '../exact/squashed-gaussian.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { comparison } from '../report/comparison.ts';
import { resolveConfig, type Config } from '../train/config.ts';
import { Evaluator, type Evaluation } from '../train/evaluator.ts';
import type { GroundTruth } from '../train/ground-truth.ts';
import { Trainer } from '../train/trainer.ts';
import { measureAgainst } from './ground-truth.ts';

/**
 * The comparison of the paper's first experiment (section 5.1), with the exact optimum beside it: soft Q-learning, soft
 * actor-critic with one squashed Gaussian and with a mixture of four, and DDPG, at three temperatures.
 */

/** Temperatures compared, raw reward units. */
export const TEMPERATURES = [10, 5, 3] as const;

/** One learner of the comparison. */
export interface Arm {
  readonly name: string;
  /** In words, for tables and figures. */
  readonly label: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Temperatures at which it is run: DDPG knows none, and is held against the optimum at 10. */
  readonly temperatures: readonly number[];
}

/** The same for all: environments, annealing, warm-up, always random environments, actions per state. */
const SHARED = { environment: 'multigoal', environments: 64 } as const;
const MIXTURE = { algorithm: 'sac', mixtureComponents: 4 } as const;
const CRITIC_FIRST = 250;
/** Little data but its own: as many random transitions as it takes to fill minibatches, and no random environments. */
const OWN_DATA = { warmupTransitions: 64, randomShare: 0 } as const;

/** All learners compared. Of the two with and without a critic-first phase the better counts. */
export const ARMS: readonly Arm[] = [
  {
    name: 'soft-q',
    label: 'soft Q, critic first',
    settings: { algorithm: 'soft-q', criticFirstUpdates: CRITIC_FIRST },
  },
  { name: 'soft-q-together', label: 'soft Q', settings: { algorithm: 'soft-q', criticFirstUpdates: 0 } },
  { name: 'sac', label: 'SAC', settings: { algorithm: 'sac', criticFirstUpdates: 0 } },
  {
    name: 'sac-critic-first',
    label: 'SAC, critic first',
    settings: { algorithm: 'sac', criticFirstUpdates: CRITIC_FIRST },
  },
  { name: 'sac-mixture', label: 'SAC, mixture of 4', settings: { ...MIXTURE, criticFirstUpdates: 0 } },
  {
    name: 'sac-mixture-critic-first',
    label: 'SAC, mixture of 4, critic first',
    settings: { ...MIXTURE, criticFirstUpdates: CRITIC_FIRST },
  },
]
  .map((arm): Arm => ({ ...arm, temperatures: TEMPERATURES }))
  .concat([
    {
      name: 'ddpg',
      label: 'DDPG, own data',
      settings: { algorithm: 'ddpg', ...OWN_DATA },
      temperatures: [10],
    },
    { name: 'ddpg-rich', label: "DDPG, soft Q's data", settings: { algorithm: 'ddpg' }, temperatures: [10] },
  ]);

/** How alpha comes to its value: from 10, geometrically; networks learn in units that keep Q of one size. */
function schedule(temperature: number): Partial<Config> {
  switch (temperature) {
    case 10:
      return {};
    case 5:
      return { finalTemperature: 5, temperatureUpdates: 1000, rewardScale: 0.2, updates: 2500 };
    default:
      return {
        finalTemperature: temperature,
        temperatureUpdates: 2000,
        rewardScale: 1 / temperature,
        updates: 4000,
      };
  }
}

/** The settings of one run. */
export function configOf(arm: Arm, temperature: number, seed: number): Config {
  return resolveConfig({ ...SHARED, ...arm.settings, ...schedule(temperature), seed });
}

/** One run's outcome. */
export interface ComparisonRow {
  readonly arm: string;
  readonly temperature: number;
  readonly seed: number;
  readonly updates: number;
  /** Rollouts from the task's own start states. */
  readonly evaluation: Evaluation;
  /** Shares of the goals when every episode starts at the origin exactly. */
  readonly fromOrigin: readonly number[];
  readonly truth: GroundTruth;
}

const ROLLOUTS = 500;

/** Trains one arm on one seed and measures it. */
export async function runArm(
  gpu: Gpu,
  arm: Arm,
  optimum: MultigoalOptimum,
  seed: number,
): Promise<ComparisonRow> {
  const release = gpu.scope();
  try {
    const trainer = await Trainer.create(gpu, configOf(arm, optimum.temperature, seed));
    await trainer.run();
    const { algorithm, environment } = trainer;
    const evaluator = new Evaluator(gpu, algorithm, environment, { rollouts: ROLLOUTS, seed });
    const evaluation = evaluator.summarise(await evaluator.rollOut());
    const params = { start_spread: 0 };
    const still = new Evaluator(gpu, algorithm, environment, { rollouts: ROLLOUTS, seed, params });
    const { outcomeShares } = still.summarise(await still.rollOut());
    const truth = await measureAgainst(optimum, trainer, seed);
    const { temperature } = optimum;
    const { updates } = trainer;
    return { arm: arm.name, temperature, seed, updates, evaluation, fromOrigin: outcomeShares, truth };
  } finally {
    release();
  }
}

/** KL(pi || pi*) of the best squashed Gaussian at the origin and at (2.5, 2.5): what no SAC with one can beat. */
export function gaussianFloor(optimum: MultigoalOptimum): readonly [origin: number, diagonal: number] {
  const at = (state: readonly number[]) => bestSquashedGaussian(optimum, state).nats;
  return [at(MULTIGOAL_PROBES[0]!), at([2.5, 2.5])];
}

/** One arm at one temperature over its seeds: medians, and how many seeds did what. */
export interface ComparisonSummary {
  readonly arm: Arm;
  readonly temperature: number;
  readonly seeds: number;
  /** Seeds with every goal in at least 5 % of episodes and success of at least 80 %. */
  readonly covering: number;
  readonly meanReturn: number;
  readonly goalEntropy: number;
  readonly criticError: number;
  readonly energyDistance: number;
  /** Median KL(pi || pi*) at (0, 0) and (2.5, 2.5), and whether it is only a lower bound in some seed. */
  readonly divergence: readonly [origin: number, diagonal: number];
  readonly divergenceIsBound: boolean;
  /** Seeds whose KL lies below the best squashed Gaussian's at both states. */
  readonly belowFloor: number;
  readonly gap: number;
}

/** Index among the probe states of (2.5, 2.5). */
export const DIAGONAL = MULTIGOAL_PROBES.findIndex(([x, y]) => x === 2.5 && y === 2.5);

/** Medians of every arm at every temperature that has rows, in the arms' order. */
export function summariseComparison(
  rows: readonly ComparisonRow[],
  floors: ReadonlyMap<number, readonly [number, number]>,
): ComparisonSummary[] {
  return TEMPERATURES.flatMap((temperature) =>
    ARMS.flatMap((arm): ComparisonSummary[] => {
      const mine = rows.filter((row) => row.arm === arm.name && row.temperature === temperature);
      if (mine.length === 0) return [];
      const of = (value: (row: ComparisonRow) => number) => medianOf(mine.map(value));
      const [origin, diagonal] = floors.get(temperature)!;
      const kl = (row: ComparisonRow, probe: number) => row.truth.divergence[probe]!;
      return [
        {
          arm,
          temperature,
          seeds: mine.length,
          covering: mine.filter(covers).length,
          meanReturn: of(({ evaluation }) => evaluation.meanReturn),
          goalEntropy: of(({ evaluation }) => evaluation.outcomeEntropy),
          criticError: of(({ truth }) => truth.critic.meanAbsolute),
          energyDistance: of(({ truth }) => truth.energyDistance.mean),
          divergence: [of((row) => kl(row, 0).nats), of((row) => kl(row, DIAGONAL).nats)],
          divergenceIsBound: mine.some((row) => kl(row, 0).lowerBound || kl(row, DIAGONAL).lowerBound),
          belowFloor: mine.filter((row) => kl(row, 0).nats < origin && kl(row, DIAGONAL).nats < diagonal)
            .length,
          gap: of(({ truth }) => truth.gap.nats),
        },
      ];
    }),
  );
}

function covers({ evaluation }: ComparisonRow): boolean {
  return evaluation.success >= 0.8 && Math.min(...evaluation.outcomeShares) >= 0.05;
}

/** The middle of the sorted values, the mean of the two middle ones for an even count. */
function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Learners whose goals are drawn run by run: the paper's pair, DDPG and soft Q-learning. */
const SHOWN_SHARES = ['soft-q', 'sac', 'ddpg', 'ddpg-rich'] as const;

/** The comparison as a figure, an SVG text. */
export function drawComparison(
  rows: readonly ComparisonRow[],
  floors: ReadonlyMap<number, readonly [number, number]>,
  adapter: string,
  document: Document,
): string {
  const seeds = [...new Set(rows.map(({ seed }) => seed))].sort((a, b) => a - b);
  const labelOf = (name: string) => ARMS.find((arm) => arm.name === name)!.label;
  const panels = [0, DIAGONAL].flatMap((probe, k) =>
    [...floors].map(([temperature, floor]) => ({
      temperature,
      state: MULTIGOAL_PROBES[probe]!,
      floor: floor[k]!,
      points: rows
        .filter((row) => row.temperature === temperature)
        .map(({ arm, truth }) => ({ learner: labelOf(arm), ...truth.divergence[probe]! })),
    })),
  );
  return comparison(
    {
      title: 'How near each learner comes to the maximum-entropy optimum of the multi-goal task',
      caption:
        `Each dot is one run (seeds ${seeds[0]} to ${seeds.at(-1)}, ${adapter}); triangles lie beyond the axis or have no ` +
        'density. Dashed: the best squashed Gaussian, which no SAC with one Gaussian can pass. All learners share ' +
        'annealing, warm-up, random environments and actions per state, but for DDPG on its own data.',
      learners: ARMS.map(({ label }) => label),
      divergences: panels,
      goals: multigoal.outcomes ?? [],
      shares: SHOWN_SHARES.map((name) => ({
        learner: name.startsWith('ddpg') ? labelOf(name) : `${labelOf(name)}, \u03b1 = 10`,
        runs: rows
          .filter((row) => row.arm === name && row.temperature === 10)
          .map(({ seed, evaluation }) => ({ seed, shares: evaluation.outcomeShares })),
      })),
    },
    document,
  );
}
