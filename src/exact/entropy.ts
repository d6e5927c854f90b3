import { UsageError } from '../gpu/errors.ts';

/**
 * Neighbours nearer than this count as this far: some hundred steps of float32 near 1. A thousand draws of a density have
 * a third neighbour so near about once in 10,000 samples in one dimension (and peaks of ten times the uniform law's
 * height once in ten), and never in two, so it says that actions coincide: a deterministic or collapsed policy.
 */
export const NEIGHBOUR_FLOOR = 1e-5;

/** An entropy in nats. */
export interface EntropyEstimate {
  readonly nats: number;
  /** Some k-th neighbours lay nearer than `NEIGHBOUR_FLOOR`: the entropy is at most `nats`. */
  readonly atFloor: boolean;
}

/**
 * Differential entropy in nats of the density on [-bound, bound]^D that `points` (n, D) were drawn from, by the k-th
 * nearest neighbours (Kozachenko and Leonenko 1987) in the maximum norm: psi(n) - psi(k) + mean_i log |C_i|, C_i the part
 * inside the box of the cube around point i that reaches to its k-th neighbour. Cutting the cubes off at the faces
 * removes the bias that the whole cubes have there, and makes the estimate exactly unbiased for the uniform law; what
 * is left comes from the density's curvature within a cube (docs/distances.md has numbers). Standard error about
 * sqrt((Var log p + 1 / k) / n). `bound` may be Infinity, the default. Throws unless n > k.
 */
export function nearestNeighbourEntropy(
  points: readonly (readonly number[])[],
  options: { readonly neighbours?: number; readonly bound?: number } = {},
): EntropyEstimate {
  const { neighbours = 3, bound = Infinity } = options;
  const n = points.length;
  if (n <= neighbours)
    throw new UsageError(`${neighbours} nearest neighbours need more than ${n} points; draw more actions.`);
  const dimension = points[0]!.length;
  const flat = Float64Array.from(points.flat());
  const distances = neighbourDistances(flat, dimension, neighbours);
  let sumOfLogs = 0;
  let atFloor = false;
  for (const [i, distance] of distances.entries()) {
    if (distance < NEIGHBOUR_FLOOR) atFloor = true;
    const reach = Math.max(distance, NEIGHBOUR_FLOOR);
    for (let d = 0; d < dimension; d++) {
      const x = flat[i * dimension + d]!;
      sumOfLogs += Math.log(Math.min(x + reach, bound) - Math.max(x - reach, -bound));
    }
  }
  // psi(n) - psi(k), psi being the digamma function, at positive integers.
  let nats = sumOfLogs / n;
  for (let i = neighbours; i < n; i++) nats += 1 / i;
  return { nats, atFloor };
}

/** Maximum-norm distance from each of the points (n D, flat) to its k-th nearest other point, (n). */
function neighbourDistances(flat: Float64Array, dimension: number, k: number): Float64Array {
  const n = flat.length / dimension;
  const distances = new Float64Array(n);
  const nearest = new Float64Array(k);
  for (let i = 0; i < n; i++) {
    nearest.fill(Infinity);
    for (let j = 0; j < n; j++) {
      if (i === j) continue;
      let distance = 0;
      for (let d = 0; d < dimension; d++)
        distance = Math.max(distance, Math.abs(flat[i * dimension + d]! - flat[j * dimension + d]!));
      if (distance >= nearest[k - 1]!) continue;
      let place = k - 1;
      for (; place > 0 && nearest[place - 1]! > distance; place--) nearest[place] = nearest[place - 1]!;
      nearest[place] = distance;
    }
    distances[i] = nearest[k - 1]!;
  }
  return distances;
}
