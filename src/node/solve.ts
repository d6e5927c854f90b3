import { environmentOf } from '../envs/environment.ts';
import { multigoal, MULTIGOAL_BOUND } from '../envs/multigoal.ts';
import { hoverWarning } from '../exact/hover-warning.ts';
import { MultigoalOptimum, type Mode, type OptimumRollouts } from '../exact/multigoal-optimum.ts';
import { UsageError } from '../gpu/errors.ts';
import { parseAdapterChoice } from './adapter.ts';
import { finiteNumber, wholeNumber } from './arguments.ts';
import { percent, table } from './table.ts';
import { openGpu } from './train.ts';

/** The flags of `softq solve` as the user wrote them. */
export interface SolveFlags {
  readonly alpha: string;
  readonly grid: string;
  readonly discount: string;
  readonly noise: string;
  readonly at: string;
  readonly rollouts: string;
  readonly seed: string;
  readonly json?: true;
  readonly adapter?: string;
}

/** What the flags are when they are left out. */
export const SOLVE_DEFAULTS = {
  alpha: '10',
  grid: '0.02',
  discount: '0.99',
  noise: '0',
  at: '0,0',
  rollouts: '1000',
  seed: '0',
} satisfies SolveFlags;

/** Rollouts that take minutes on the slowest machine. */
const MOST_ROLLOUTS = 100_000;

/** What `softq solve` found; one JSON object. */
interface SolveReport {
  readonly environment: string;
  readonly adapter: string;
  /** Temperature, raw reward units. */
  readonly alpha: number;
  readonly discount: number;
  readonly noise: number;
  /** Distance between grid points. */
  readonly grid: number;
  /** sup |T V - V|, nats. */
  readonly residual: number;
  readonly sweeps: number;
  /** Of the solution, compilation included. */
  readonly seconds: number;
  readonly points: readonly PointReport[];
  readonly rollouts: Omit<OptimumRollouts, 'goalShares'> & {
    readonly seed: number;
    /** Of the mean return. */
    readonly standardError: number;
    readonly goalShares: Readonly<Record<string, number>>;
  };
}

interface PointReport {
  readonly state: readonly number[];
  /** V*, raw reward units. */
  readonly value: number;
  /** Of pi*(.|state), nats. */
  readonly entropy: number;
  readonly modes: readonly Mode[];
}

/**
 * Solves an environment exactly and prints V*, entropy and modes at points, and what episodes of pi* come to.
 * @throws UsageError for flags that make no sense and grids that do not fit.
 */
export async function solveAction(name: string, flags: SolveFlags): Promise<void> {
  const environment = environmentOf(name);
  if (environment !== multigoal) {
    throw new UsageError(`Only multigoal can be solved exactly, not '${name}'.`);
  }
  const alpha = finiteNumber('--alpha', flags.alpha);
  if (!(alpha > 0)) throw new UsageError(`--alpha must be greater than 0, not ${flags.alpha}.`);
  const [grid, discount, noise] = [
    finiteNumber('--grid', flags.grid),
    finiteNumber('--discount', flags.discount),
    finiteNumber('--noise', flags.noise),
  ];
  const states = parsePoints(flags.at);
  const count = wholeNumber('--rollouts', flags.rollouts, 1, MOST_ROLLOUTS);
  const seed = wholeNumber('--seed', flags.seed, 0);
  const { gpu, name: adapter } = await openGpu(parseAdapterChoice(flags.adapter));
  const started = performance.now();
  const optimum = await MultigoalOptimum.solve(gpu, {
    temperature: alpha,
    discount,
    spacing: grid,
    params: { noise },
  });
  const seconds = (performance.now() - started) / 1000;
  const warning =
    noise === 0 && discount === Number(SOLVE_DEFAULTS.discount) ? hoverWarning(alpha) : undefined;
  if (warning !== undefined) process.stderr.write(`softq: ${warning}\n`);
  const { goalShares, ...rollouts } = optimum.rollOut({ count, seed });
  const report: SolveReport = {
    environment: name,
    adapter,
    alpha,
    discount,
    noise,
    grid,
    residual: optimum.residual,
    sweeps: optimum.sweeps,
    seconds,
    points: states.map((state) => ({
      state,
      value: optimum.valueAt(state),
      entropy: optimum.entropyAt(state),
      modes: optimum.modesAt(state),
    })),
    rollouts: {
      ...rollouts,
      seed,
      standardError: rollouts.returnDeviation / Math.sqrt(count),
      goalShares: Object.fromEntries(environment.outcomes!.map((goal, i) => [goal, goalShares[i]!])),
    },
  };
  console.log(flags.json ? JSON.stringify(report) : render(report));
}

function render(report: SolveReport): string {
  const { points, rollouts } = report;
  const shares = Object.entries(rollouts.goalShares).map(([goal, share]) => `${goal} ${percent(share)}`);
  const modes = (point: PointReport) =>
    point.modes.map(
      ({ action, logDensity }) =>
        `(${action.map((one) => one.toFixed(2)).join(', ')}) ${logDensity.toFixed(2)}`,
    );
  return [
    table([
      ['alpha', `${report.alpha} (raw reward units)`],
      ['discount, noise', `${report.discount}, ${report.noise}`],
      ['grid', `${report.grid}`],
      ['residual', `${report.residual.toExponential(1)} nats`],
      ['sweeps', `${report.sweeps} in ${report.seconds.toFixed(1)} s`],
      ['return of pi*', `${rollouts.meanReturn.toFixed(1)} +- ${rollouts.standardError.toFixed(1)}`],
      ['mean episode length', rollouts.meanLength.toFixed(2)],
      ['success in 30 steps', percent(rollouts.success)],
      ['goal shares', shares.join(', ')],
      ['rollouts, seed', `${rollouts.rollouts}, ${rollouts.seed}`],
      ['adapter', report.adapter],
    ]),
    table(
      points.map((point) => [
        point.state.join(', '),
        point.value.toFixed(3),
        point.entropy.toFixed(4),
        modes(point).join('\n'),
      ]),
      ['state', 'V*', 'entropy (nats)', 'modes: action, log density'],
    ),
  ].join('\n');
}

/** `x,y;x,y` as states within the walls. */
function parsePoints(text: string): [number, number][] {
  return text.split(';').map((part) => {
    const [x = NaN, y = NaN, ...more] = part.split(',').map((one) => (one.trim() === '' ? NaN : Number(one)));
    if (more.length > 0 || !Number.isFinite(x) || !Number.isFinite(y))
      throw new UsageError(`--at must be points as in '0,0;2.5,0', not '${text}'.`);
    if (Math.max(Math.abs(x), Math.abs(y)) > MULTIGOAL_BOUND) {
      throw new UsageError(
        `The point ${part.trim()} of --at lies outside the world, which ends at ${MULTIGOAL_BOUND} on every side.`,
      );
    }
    return [x, y];
  });
}
