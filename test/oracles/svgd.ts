// The Stein variational direction of one state's particles, in float64.

/**
 * How the bandwidth follows from the median squared distance and the number M of fixed particles.
 * - `code`: med / log M, what the released code does; log(M + 1) when M = 1, where log M is 0.
 * - `paper`: med / (2 log(M + 1)), appendix D.1.
 * - `plus-one`: med / log(M + 1), the rule that the test vectors call `k1`.
 */
export type BandwidthRule = 'code' | 'paper' | 'plus-one';

/** sum_d (x_d - y_d)^2 of two vectors (D). */
export function squaredDistance(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let sum = 0;
  for (let d = 0; d < x.length; d++) sum += (x[d]! - y[d]!) ** 2;
  return sum;
}

/** All |x_j - y_i|^2, ascending. `fixed` is (M, D), `updated` (K, D); the result is (M K). */
export function sortedSquaredDistances(
  fixed: readonly ArrayLike<number>[],
  updated: readonly ArrayLike<number>[],
): number[] {
  const distances: number[] = [];
  for (const x of fixed) for (const y of updated) distances.push(squaredDistance(x, y));
  return distances.sort((left, right) => left - right);
}

/** The position of the lower median among n ascending values: n - 1 - floor(n / 2). */
export function lowerMedianIndex(n: number): number {
  return n - 1 - Math.floor(n / 2);
}

/**
 * h = max(lowerMedian_{j,i} |x_j - y_i|^2 / c(M), floor), c by `rule`; all M K cross pairs count.
 * `fixed` is (M, D), `updated` (K, D), both in the space in which the kernel acts.
 */
export function medianBandwidth(
  fixed: readonly ArrayLike<number>[],
  updated: readonly ArrayLike<number>[],
  rule: BandwidthRule,
  floor = 1e-3,
): number {
  const sorted = sortedSquaredDistances(fixed, updated);
  const median = sorted[lowerMedianIndex(sorted.length)]!;
  const count = fixed.length;
  const divisors: Record<BandwidthRule, number> = {
    code: count === 1 ? Math.log(count + 1) : Math.log(count),
    paper: 2 * Math.log(count + 1),
    'plus-one': Math.log(count + 1),
  };
  return Math.max(median / divisors[rule], floor);
}

/** kappa(x, y) = exp(-|x - y|^2 / h), and its gradient with respect to x, -2 (x - y) kappa / h. x and y are (D). */
export function rbf(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  h: number,
): { value: number; xGrad: number[] } {
  const value = Math.exp(-squaredDistance(x, y) / h);
  return { value, xGrad: Array.from(x, (entry, d) => (-2 / h) * (entry - y[d]!) * value) };
}

/**
 * Which Stein direction.
 * - `tanh-kernel`: kernel on actions, score of the density of u (recommended).
 * - `raw`: kernel on u, score of the density of u.
 * - `released`: kernel on actions, d/da of Q/alpha + log(1 - a^2), carried to u by the chain rule (as published).
 * - `uncorrected`: kernel on actions, d/da of Q/alpha alone, carried to u by the chain rule.
 * - `unbounded`: kernel on u, d/du of Q/alpha, where Q is a function of u itself.
 */
export type SteinKind = 'tanh-kernel' | 'raw' | 'released' | 'uncorrected' | 'unbounded';

/** Keeps the `released` score finite where tanh saturates. */
const RELEASED_EPSILON = 1e-6;

/** Inputs of {@link steinDirection}. */
export interface SteinInput {
  kind: SteinKind;
  /** u_j of the fixed particles, (M, A). */
  preTanhFixed: readonly ArrayLike<number>[];
  /** u_i of the updated particles, (K, A). */
  preTanhUpdated: readonly ArrayLike<number>[];
  /** dQ/da at the fixed particles' actions, (M, A). */
  actionGradient: readonly ArrayLike<number>[];
  /** alpha in the critic's units. */
  temperature: number;
  /** A rule for the median bandwidth, or h itself. */
  bandwidth: BandwidthRule | number;
  /** Smallest h that a rule may give. */
  floor?: number;
  /** false leaves the attraction kappa * score only. */
  repulsion?: boolean;
}

/**
 * The score at one fixed particle, all elementwise in the action index, a = tanh(u):
 * `tanh-kernel` and `raw`: (1 - a^2) dQ/da / alpha - 2 a, which is d/du [Q(tanh u)/alpha + sum log(1 - tanh^2 u)];
 * `released`: dQ/da / alpha - 2 a / (1 - a^2 + 1e-6); `uncorrected` and `unbounded`: dQ/da / alpha. `u` and `actionGradient` are (A).
 */
export function steinScore(
  kind: SteinKind,
  u: ArrayLike<number>,
  actionGradient: ArrayLike<number>,
  temperature: number,
): number[] {
  return Array.from(u, (entry, d) => {
    const a = Math.tanh(entry);
    const slope = 1 - a * a;
    const pull = actionGradient[d]! / temperature;
    if (kind === 'uncorrected' || kind === 'unbounded') return pull;
    return kind === 'released' ? pull - (2 * a) / (slope + RELEASED_EPSILON) : slope * pull - 2 * a;
  });
}

/**
 * phi_i = (1/M) sum_j [ kappa_ji score_j + J_j d kappa_ji / d x_j ] for the updated particles i, in coordinates of u:
 * - `tanh-kernel`: x = tanh(u), J_j = 1 - a_j^2;
 * - `raw` and `unbounded`: x = u, J_j = 1;
 * - `released` and `uncorrected`: x = tanh(u), J_j = 1, and the sum is multiplied by 1 - a_i^2.
 *
 * The actor's loss has d(loss)/du_i = -phi_i / (B K). `direction` is (K, A).
 */
export function steinDirection(input: SteinInput): { direction: number[][]; h: number } {
  const { kind, preTanhFixed, preTanhUpdated, actionGradient, temperature, bandwidth } = input;
  const { floor = 1e-3, repulsion = true } = input;
  const tanhRows = (rows: readonly ArrayLike<number>[]) => rows.map((row) => Array.from(row, Math.tanh));
  const actionsFixed = tanhRows(preTanhFixed);
  const actionsUpdated = tanhRows(preTanhUpdated);
  const inU = kind === 'raw' || kind === 'unbounded';
  const xs = inU ? preTanhFixed : actionsFixed;
  const ys = inU ? preTanhUpdated : actionsUpdated;
  const h = typeof bandwidth === 'number' ? bandwidth : medianBandwidth(xs, ys, bandwidth, floor);

  const direction = ys.map((y, i) => {
    const phi = new Array<number>(y.length).fill(0);
    xs.forEach((x, j) => {
      const score = steinScore(kind, preTanhFixed[j]!, actionGradient[j]!, temperature);
      const kappa = rbf(x, y, h);
      for (let d = 0; d < phi.length; d++) {
        const jacobian = kind === 'tanh-kernel' ? 1 - actionsFixed[j]![d]! ** 2 : 1;
        const push = repulsion ? jacobian * kappa.xGrad[d]! : 0;
        phi[d]! += (kappa.value * score[d]! + push) / xs.length;
      }
    });
    const chained = kind === 'released' || kind === 'uncorrected';
    return chained ? phi.map((value, d) => value * (1 - actionsUpdated[i]![d]! ** 2)) : phi;
  });
  return { direction, h };
}
