import type { Optimum } from './optimum.ts';

/** The law of tanh(u), u normal with `mean` (2) and `covariance` (2, 2), before the squashing. */
export interface SquashedGaussian {
  readonly mean: readonly [number, number];
  readonly covariance: readonly [readonly [number, number], readonly [number, number]];
  /** KL(g || pi*) in nats. */
  readonly nats: number;
}

/** Points per axis at which log pi* is tabulated; between them it is interpolated bilinearly. */
const TABLE_POINTS = 161;
/** Standard normal quadrature: equidistant points per axis up to this many deviations, spectrally accurate. */
const NORMAL_POINTS = 33;
const NORMAL_REACH = 4.5;
/** Centres (as actions, both axes) and deviations (before the squashing) from which the search starts. */
const START_CENTRES = [-0.6, 0, 0.6] as const;
const START_DEVIATIONS = [0.3, 0.9] as const;
/** Each start is searched from for this many moves; the best few are followed to the end. */
const SCOUTING_MOVES = 40;
const FOLLOWED_STARTS = 4;

/** m_0, m_1, log L_00, L_10, log L_11 with u = m + L z, L lower triangular. */
type Parameters = readonly number[];

/**
 * The Gaussian with full covariance, squashed by tanh, that minimises KL(g || pi*(.|state)) for two actions: what no actor
 * of soft actor-critic's kind can beat. KL = E_z[log N(u) - sum log(1 - tanh(u)^2) - log pi*(tanh u)] by quadrature over
 * z (error about 0.002 nats), minimised by Nelder and Mead's simplex from 18 starts, since each mode of pi* is a valley.
 */
export function bestSquashedGaussian(
  optimum: Pick<Optimum, 'logDensityAt'>,
  state: readonly number[],
): SquashedGaussian {
  const objective = divergenceOf(tabulate((action) => optimum.logDensityAt(state, action)));
  const starts = START_CENTRES.flatMap((x) =>
    START_CENTRES.flatMap((y) =>
      START_DEVIATIONS.map((deviation) => {
        const log = Math.log(deviation);
        return descend(objective, [Math.atanh(x), Math.atanh(y), log, 0, log], SCOUTING_MOVES);
      }),
    ),
  );
  const [best] = starts
    .sort((a, b) => a.value - b.value)
    .slice(0, FOLLOWED_STARTS)
    .map(({ at }) => descend(objective, at, SIMPLEX_MOVES))
    .sort((a, b) => a.value - b.value) as [{ at: Parameters; value: number }];
  const [m0, m1, log00, l10, log11] = best.at as [number, number, number, number, number];
  const l00 = Math.exp(log00);
  const l11 = Math.exp(log11);
  const covariance = [
    [l00 * l00, l00 * l10],
    [l00 * l10, l10 * l10 + l11 * l11],
  ] as const;
  return { mean: [m0, m1], covariance, nats: best.value };
}

/** `f` on a regular grid over the box and its faces, as a function that interpolates. */
function tabulate(f: (action: readonly number[]) => number): (x: number, y: number) => number {
  const cells = TABLE_POINTS - 1;
  const table = Float64Array.from({ length: TABLE_POINTS ** 2 }, (_, i) =>
    f([(2 * Math.floor(i / TABLE_POINTS)) / cells - 1, (2 * (i % TABLE_POINTS)) / cells - 1]),
  );
  return (x, y) => {
    const row = ((x + 1) / 2) * cells;
    const column = ((y + 1) / 2) * cells;
    const i = Math.min(Math.floor(row), cells - 1);
    const j = Math.min(Math.floor(column), cells - 1);
    const at = i * TABLE_POINTS + j;
    const low = table[at]! + (column - j) * (table[at + 1]! - table[at]!);
    const next = at + TABLE_POINTS;
    const high = table[next]! + (column - j) * (table[next + 1]! - table[next]!);
    return low + (row - i) * (high - low);
  };
}

/** KL(g || pi*) in nats as a function of g's parameters. */
function divergenceOf(logDensity: (x: number, y: number) => number): (at: Parameters) => number {
  const step = (2 * NORMAL_REACH) / (NORMAL_POINTS - 1);
  const z = Array.from({ length: NORMAL_POINTS }, (_, i) => i * step - NORMAL_REACH);
  const total = z.reduce((sum, x) => sum + Math.exp(-0.5 * x * x), 0);
  const weight = z.map((x) => Math.exp(-0.5 * x * x) / total);
  return ([m0, m1, log00, l10, log11]) => {
    const l00 = Math.exp(log00!);
    const l11 = Math.exp(log11!);
    // Minus the normal's entropy; squashing and pi* are taken off at each point.
    let sum = -Math.log(2 * Math.PI) - 1 - log00! - log11!;
    for (let i = 0; i < NORMAL_POINTS; i++) {
      const u = m0! + l00 * z[i]!;
      const x = Math.tanh(u);
      const slope = logTanhSlope(u);
      for (let j = 0; j < NORMAL_POINTS; j++) {
        const v = m1! + l10! * z[i]! + l11 * z[j]!;
        sum -= weight[i]! * weight[j]! * (slope + logTanhSlope(v) + logDensity(x, Math.tanh(v)));
      }
    }
    return sum;
  };
}

/** log(1 - tanh(u)^2), without cancellation. */
function logTanhSlope(u: number): number {
  const size = Math.abs(u);
  return 2 * (Math.LN2 - size - Math.log1p(Math.exp(-2 * size)));
}

const SIMPLEX_STEP = 0.3;
const SIMPLEX_MOVES = 600;
/** The search ends when the corners' values agree to this, in nats. */
const SIMPLEX_TOLERANCE = 1e-6;

/** A local minimum of `f` near `start` by the simplex method of Nelder and Mead (1965). */
function descend(
  f: (at: Parameters) => number,
  start: Parameters,
  moves: number,
): { at: Parameters; value: number } {
  const corner = (at: Parameters) => ({ at, value: f(at) });
  const corners = [start, ...start.map((_, d) => start.map((x, e) => (d === e ? x + SIMPLEX_STEP : x)))].map(
    corner,
  );
  const order = () => corners.sort((a, b) => a.value - b.value);
  order();
  for (let move = 0; move < moves; move++) {
    const best = corners[0]!;
    const worst = corners.at(-1)!;
    if (worst.value - best.value < SIMPLEX_TOLERANCE) break;
    const centre = start.map(
      (_, d) => corners.slice(0, -1).reduce((sum, { at }) => sum + at[d]!, 0) / start.length,
    );
    const along = (amount: number) => corner(centre.map((c, d) => c + amount * (c - worst.at[d]!)));
    let moved = along(1);
    if (moved.value < best.value) {
      const further = along(2);
      if (further.value < moved.value) moved = further;
    } else if (moved.value >= corners.at(-2)!.value) {
      moved = along(moved.value < worst.value ? 0.5 : -0.5);
    }
    if (moved.value < worst.value) corners[corners.length - 1] = moved;
    else
      corners.splice(
        1,
        start.length,
        ...corners.slice(1).map(({ at }) => corner(at.map((x, d) => (x + best.at[d]!) / 2))),
      );
    order();
  }
  return corners[0]!;
}
