/**
 * Differential entropy in nats of the density that `points` (n, D) were drawn from, by the k-th nearest neighbours
 * (Kozachenko and Leonenko 1987): psi(n) - psi(k) + log V_D + D mean log r_k, with V_D the volume of the unit ball.
 */
export function nearestNeighbourEntropy(points: readonly (readonly number[])[], k = 3): number {
  const n = points.length;
  const dimension = points[0]!.length;
  let sumOfLogs = 0;
  for (const [i, point] of points.entries()) {
    const squared = points
      .map((other, j) => (i === j ? Infinity : other.reduce((sum, x, d) => sum + (x - point[d]!) ** 2, 0)))
      .sort((a, b) => a - b);
    sumOfLogs += 0.5 * Math.log(squared[k - 1]!);
  }
  return digamma(n) - digamma(k) + logUnitBall(dimension) + (dimension * sumOfLogs) / n;
}

/** psi at a positive integer: -gamma + sum of 1/i. */
function digamma(n: number): number {
  const EULER_GAMMA = 0.5772156649015329;
  let sum = -EULER_GAMMA;
  for (let i = 1; i < n; i++) sum += 1 / i;
  return sum;
}

/** log of the volume of the unit ball: V_0 = 1, V_1 = 2, V_D = 2 pi / D V_(D-2). */
function logUnitBall(dimension: number): number {
  if (dimension === 0) return 0;
  if (dimension === 1) return Math.log(2);
  return Math.log((2 * Math.PI) / dimension) + logUnitBall(dimension - 2);
}
