import { DIAGONAL, multigoal, MULTIGOAL_PROBES } from '../envs/multigoal.ts';
import type { MultigoalOptimum } from '../exact/multigoal-optimum.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { ComparisonData } from '../report/comparison.ts';
import { resolveConfig, type Config } from '../train/config.ts';
import { Evaluator, type Evaluation } from '../train/evaluator.ts';
import type { GroundTruth } from '../train/ground-truth.ts';
import { Trainer } from '../train/trainer.ts';
import { covers, medianOf } from './coverage.ts';
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

/** All else that the arms have in common is the default preset's: warm-up, random environments, actions per state. */
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

/**
 * How alpha comes to its value: from 10, geometrically, in units that keep Q of one size. Colder runs take the recipe of the
 * preset `sharp`, half as long. The kernel's bandwidth concerns soft Q-learning alone.
 */
function schedule(temperature: number, arm: Arm): Partial<Config> {
  if (temperature === 10) return {};
  return {
    finalTemperature: temperature,
    temperatureUpdates: 200 * (10 - temperature),
    rewardScale: 1 / temperature,
    updates: 3000,
    environments: 256,
    batchSize: 128,
    randomShare: 0.5,
    criticLearningRate: 5e-3,
    policyLearningRate: 5e-3,
    finalLearningRateShare: 0.02,
    ...(arm.settings['algorithm'] === 'soft-q' && { bandwidth: 'paper' }),
  };
}

/** The settings of one run. */
export function configOf(arm: Arm, temperature: number, seed: number): Config {
  return resolveConfig({ ...SHARED, ...arm.settings, ...schedule(temperature, arm), seed });
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

/** One arm at one temperature over its seeds: medians, and how many seeds did what. */
export interface ComparisonSummary {
  readonly arm: Arm;
  readonly temperature: number;
  readonly seeds: number;
  /** Gradient steps of each run. */
  readonly updates: number;
  /** Seeds whose policy covers all goals; see `covers`. */
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
          updates: mine[0]!.updates,
          covering: mine.filter(({ evaluation }) => covers(evaluation)).length,
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

/** Where episodes start: as the task has it, with noise around the origin, or at the origin exactly. */
export type Start = 'noise' | 'origin';

/** Which goals the runs of one arm reach. */
export interface GoalCommitment {
  readonly arm: Arm;
  readonly start: Start;
  readonly seeds: number;
  /** Seeds that end at one goal in 95 % of the episodes. */
  readonly committed: number;
  /** Seeds by the goal that most of their episodes reach, in the goals' order; those that reach none are left out. */
  readonly favourites: readonly number[];
  /** Mean over the seeds of each goal's share. */
  readonly shares: readonly number[];
}

/** Learners whose goals are shown run by run: the paper's pair, DDPG and soft Q-learning. */
const SHOWN_SHARES = ['soft-q', 'sac', 'ddpg', 'ddpg-rich'] as const;
const COMMITTED = 0.95;

const sharesOf = ({ evaluation, fromOrigin }: ComparisonRow, start: Start) =>
  start === 'noise' ? evaluation.outcomeShares : fromOrigin;

/**
 * Whether a learner commits to one goal, and whether all its seeds to the same one, at temperature 10. From the origin a
 * deterministic policy reaches one goal by construction; with noise it could reach several.
 */
export function summariseGoals(rows: readonly ComparisonRow[]): GoalCommitment[] {
  return SHOWN_SHARES.flatMap((name) =>
    (['noise', 'origin'] as const).flatMap((start): GoalCommitment[] => {
      const arm = ARMS.find((one) => one.name === name)!;
      const runs = rows
        .filter((row) => row.arm === name && row.temperature === 10)
        .map((row) => sharesOf(row, start));
      if (runs.length === 0) return [];
      const greatest = (shares: readonly number[]) => Math.max(...shares);
      return [
        {
          arm,
          start,
          seeds: runs.length,
          committed: runs.filter((shares) => greatest(shares) >= COMMITTED).length,
          favourites: runs[0]!.map(
            (_, goal) =>
              runs.filter((shares) => greatest(shares) > 0 && shares.indexOf(greatest(shares)) === goal)
                .length,
          ),
          shares: runs[0]!.map((_, goal) => runs.reduce((sum, run) => sum + run[goal]!, 0) / runs.length),
        },
      ];
    }),
  );
}

/** The comparison as `comparison` of the report draws it. */
export function comparisonData(
  rows: readonly ComparisonRow[],
  floors: ReadonlyMap<number, readonly [number, number]>,
  adapter: string,
): ComparisonData {
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
  return {
    title: 'How near each learner comes to the maximum-entropy optimum of the multi-goal task',
    caption:
      `Each dot is one run (seeds ${seeds[0]} to ${seeds.at(-1)}, ${adapter}); triangles lie beyond the axis or have no ` +
      'density. Dashed: the best squashed Gaussian, which no SAC with one Gaussian can pass. All learners share ' +
      'annealing, warm-up, random environments and actions per state, but for DDPG on its own data. At \u03b1 = 10 ' +
      'learning rates, targets and numbers of updates are those that each was tuned to; colder, SAC and soft Q differ in ' +
      "the speed of the target alone, and in soft Q's kernel.",
    learners: ARMS.map(({ label }) => label),
    divergences: panels,
    goals: multigoal.outcomes ?? [],
    shares: SHOWN_SHARES.flatMap((name) => {
      const runs = rows.filter((row) => row.arm === name && row.temperature === 10);
      const bars = (start: Start) => runs.map((row) => ({ seed: row.seed, shares: sharesOf(row, start) }));
      if (!name.startsWith('ddpg')) {
        return [{ learner: `${labelOf(name)}, \u03b1 = 10`, runs: bars('noise') }];
      }
      return [
        { learner: labelOf(name), runs: bars('noise') },
        { learner: `${labelOf(name)}, from (0, 0)`, runs: bars('origin') },
      ];
    }),
  };
}
