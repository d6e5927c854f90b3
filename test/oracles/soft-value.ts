// Soft values, their proposals and the temporal-difference loss, in float64.

/** log sum_k exp(x_k), shifted by the maximum. `x` is (n). */
export function logSumExp(x: ArrayLike<number>): number {
  const values = Array.from(x);
  const top = values.reduce((left, right) => Math.max(left, right), -Infinity);
  if (!Number.isFinite(top)) return top;
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
}

/** log of the uniform density on the box [-1, 1]^A: -A log 2. */
export function uniformLogDensity(actionSize: number): number {
  return -actionSize * Math.log(2);
}

/**
 * Importance-sampled soft value of one state (eq. 10):
 * V = alpha (log sum_k exp(q_k / alpha - log p_k) - log n).
 *
 * `qValues` is (n); `logDensities` is (n), or one number that all share; `temperature` in the units of q.
 */
export function softValue(
  qValues: ArrayLike<number>,
  logDensities: ArrayLike<number> | number,
  temperature: number,
): number {
  const weights = Array.from(qValues, (q, k) => {
    const logDensity = typeof logDensities === 'number' ? logDensities : logDensities[k]!;
    return q / temperature - logDensity;
  });
  return temperature * (logSumExp(weights) - Math.log(weights.length));
}

/** Soft value of one state under a policy p that drew the actions (soft actor-critic): (1/n) sum_k [q_k - alpha log p_k]. */
export function policyValue(
  qValues: ArrayLike<number>,
  logDensities: ArrayLike<number>,
  temperature: number,
): number {
  const terms = Array.from(qValues, (q, k) => q - temperature * logDensities[k]!);
  return terms.reduce((sum, term) => sum + term, 0) / terms.length;
}

/** y = rewardScale * reward + discount * (1 - terminated) * nextValue. Scalars; a time limit is not a termination. */
export function tdTarget(transition: {
  reward: number;
  terminated: boolean | number;
  nextValue: number;
  discount: number;
  rewardScale: number;
}): number {
  const { reward, terminated, nextValue, discount, rewardScale } = transition;
  return rewardScale * reward + discount * (1 - Number(terminated)) * nextValue;
}

/** J = (1/B) sum_b (Q_b - y_b)^2 / 2 and dJ/dQ_b = (Q_b - y_b) / B, the targets held fixed. All (B). */
export function criticLoss(
  q: ArrayLike<number>,
  targets: ArrayLike<number>,
): { loss: number; valueGrad: number[] } {
  const errors = Array.from(q, (value, b) => value - targets[b]!);
  const loss = errors.reduce((sum, error) => sum + 0.5 * error * error, 0) / errors.length;
  return { loss, valueGrad: errors.map((error) => error / errors.length) };
}

/**
 * Q of n critics at one state and action taken as one, and dQ/dQ_c: their mean, or the least of them (the first, if several
 * are). `q` is (n).
 */
export function combinedCritics(
  ensemble: 'mean' | 'min',
  q: readonly number[],
): { value: number; slopes: number[] } {
  const sorted = [...q].sort((left, right) => left - right);
  const least = q.indexOf(sorted[0]!);
  return ensemble === 'mean'
    ? { value: sorted.reduce((sum, one) => sum + one, 0) / q.length, slopes: q.map(() => 1 / q.length) }
    : { value: q[least]!, slopes: q.map((_, c) => (c === least ? 1 : 0)) };
}

/** The real root g > 1 of g^(A+1) = g + 1, by bisection: golden ratio for A = 1, plastic number for A = 2. */
export function latticeRoot(actionSize: number): number {
  let low = 1;
  let high = 2;
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2;
    if (middle ** (actionSize + 1) < middle + 1) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * The first `count` points of the R_A lattice, shifted: with g from {@link latticeRoot} and c_d = g^-d for d = 1..A,
 * x_kd = frac(k c_d + shift_d) for k = 1..count and a = 2x - 1.
 *
 * `shift` is (A) in [0, 1); the result is (count, A) in [-1, 1).
 */
export function latticeActions(shift: ArrayLike<number>, count: number, actionSize: number): number[][] {
  const g = latticeRoot(actionSize);
  return Array.from({ length: count }, (_, index) =>
    Array.from({ length: actionSize }, (_, d) => {
      const position = (index + 1) * g ** -(d + 1) + shift[d]!;
      return 2 * (position - Math.floor(position)) - 1;
    }),
  );
}

/** log(1 - tanh(u)^2) = 2 (log 2 - |u| - log(1 + exp(-2|u|))), exact however large |u| is. */
export function logTanhSlope(u: number): number {
  const size = Math.abs(u);
  return 2 * (Math.log(2) - size - Math.log1p(Math.exp(-2 * size)));
}

/** log N(x; mean, deviation^2 I). `x` and `mean` are (D). */
export function normalLogDensity(x: ArrayLike<number>, mean: ArrayLike<number>, deviation: number): number {
  let sum = 0;
  for (let d = 0; d < x.length; d++) {
    sum -= ((x[d]! - mean[d]!) / deviation) ** 2 / 2 + Math.log(deviation) + Math.log(2 * Math.PI) / 2;
  }
  return sum;
}

/**
 * log of the density, in actions a = tanh(u), of a mixture of the uniform law and a kernel estimate around centres:
 * log [ w 2^-A + (1 - w) (1/C) sum_c N(u; u_c, h^2 I) / prod_d (1 - a_d^2) ], w = `uniformShare`.
 *
 * Takes u (A) and the centres u_c (C, A) before the tanh, so that a saturated action loses nothing.
 */
export function mixtureLogDensity(
  u: ArrayLike<number>,
  centres: readonly ArrayLike<number>[],
  h: number,
  uniformShare = 0.5,
): number {
  const logVolume = Array.from(u, logTanhSlope).reduce((sum, value) => sum + value, 0);
  const kernels = centres.map((centre) => normalLogDensity(u, centre, h));
  return logSumExp([
    Math.log(uniformShare) + uniformLogDensity(u.length),
    Math.log(1 - uniformShare) + logSumExp(kernels) - Math.log(centres.length) - logVolume,
  ]);
}

/** det of a square matrix (A, A), by elimination with row exchanges. */
export function determinant(matrix: readonly ArrayLike<number>[]): number {
  const rows = matrix.map((row) => Array.from(row));
  let product = 1;
  for (let column = 0; column < rows.length; column++) {
    let pivot = column;
    for (let r = column + 1; r < rows.length; r++) {
      if (Math.abs(rows[r]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = r;
    }
    if (rows[pivot]![column] === 0) return 0;
    if (pivot !== column) {
      [rows[pivot], rows[column]] = [rows[column]!, rows[pivot]!];
      product = -product;
    }
    product *= rows[column]![column]!;
    for (let r = column + 1; r < rows.length; r++) {
      const factor = rows[r]![column]! / rows[column]![column]!;
      for (let c = column; c < rows.length; c++) rows[r]![c]! -= factor * rows[column]![c]!;
    }
  }
  return product;
}

/** The small numbers that keep the test vectors' policy densities finite where units are dead or tanh saturates. */
export const POLICY_DENSITY_GUARDS = { determinant: 1e-8, slope: 1e-6 };

/**
 * log density of an action drawn by the sampling network (appendix C.2), a = tanh(u), u = f(s, xi):
 * log q(a) = log N(xi; 0, I) - log(|det du/dxi| + g_det) - sum_d log(1 - a_d^2 + g_slope).
 * Holds where xi -> u is one to one. Without guards both g are 0.
 *
 * `noise` and `u` are (A), `jacobian` is du/dxi (A, A).
 */
export function policyLogDensity(
  noise: ArrayLike<number>,
  u: ArrayLike<number>,
  jacobian: readonly ArrayLike<number>[],
  guards = { determinant: 0, slope: 0 },
): number {
  const origin = new Array<number>(noise.length).fill(0);
  const logSlopes = Array.from(u, (entry) =>
    guards.slope === 0 ? logTanhSlope(entry) : Math.log(1 - Math.tanh(entry) ** 2 + guards.slope),
  );
  return (
    normalLogDensity(noise, origin, 1) -
    Math.log(Math.abs(determinant(jacobian)) + guards.determinant) -
    logSlopes.reduce((sum, value) => sum + value, 0)
  );
}
