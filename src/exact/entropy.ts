import { UsageError } from '../gpu/errors.ts';

/** Nearest neighbours whose distances are weighed together. */
const NEIGHBOURS = 8;
/**
 * Neighbours nearer than this count as this far: some hundred steps of float32 near 1. A thousand draws of the uniform
 * law have a third neighbour so near about once in 10,000 samples on a line and never on a square, so a third
 * neighbour within it says that actions coincide: a deterministic or collapsed policy.
 */
const NEIGHBOUR_FLOOR = 1e-5;
const COINCIDING_NEIGHBOUR = 3;

/** An entropy in nats. */
export interface EntropyEstimate {
  readonly nats: number;
  /** Some actions coincide: no density has the entropy `nats` or more. */
  readonly upperBound: boolean;
}

/**
 * Differential entropy in nats of the density on the box [-1, 1]^A that `actions` (n, A) were drawn from. For each k up to
 * 8 the k-th nearest neighbours in the maximum norm give H_k = psi(n) - psi(k) + mean_i log |C_ik| (Kozachenko and
 * Leonenko 1987), C_ik the part inside the box of the cube around action i that reaches to its k-th neighbour; the
 * estimate is sum_k w_k H_k (Berrett, Samworth and Yuan 2019). Cutting the cubes off at the faces makes every H_k
 * exactly unbiased for the uniform law, in six dimensions as in one; the weights, the smallest with sum 1 and
 * sum_k w_k Gamma(k + 1/A) / Gamma(k) = 0, take away the bias in proportion to the cubes' size that a density with jumps
 * has (pi* jumps at the rim of a goal). In two dimensions within 0.02 nats of the truth from 128 actions of an optimum,
 * standard error about 1.8 / sqrt(n); `docs/distances.md` has the measurements. A law on a curve or on a face of the box
 * has no density, but is not noticed. Throws with fewer than nine actions.
 */
export function nearestNeighbourEntropy(actions: readonly (readonly number[])[]): EntropyEstimate {
  const n = actions.length;
  if (n <= NEIGHBOURS)
    throw new UsageError(
      `The entropy of a policy needs more than ${NEIGHBOURS} actions, not ${n}; draw more.`,
    );
  const dimension = actions[0]!.length;
  const flat = Float64Array.from(actions.flat());
  const weights = neighbourWeights(dimension);
  const nearest = new Float64Array(NEIGHBOURS);
  let sum = 0;
  let upperBound = false;
  for (let i = 0; i < n; i++) {
    neighbourDistances(flat, dimension, i, nearest);
    if (nearest[COINCIDING_NEIGHBOUR - 1]! < NEIGHBOUR_FLOOR) upperBound = true;
    for (let k = 0; k < NEIGHBOURS; k++) {
      const reach = Math.max(nearest[k]!, NEIGHBOUR_FLOOR);
      let volume = 1;
      for (let d = 0; d < dimension; d++) {
        const x = flat[i * dimension + d]!;
        volume *= Math.min(x + reach, 1) - Math.max(x - reach, -1);
      }
      sum += weights[k]! * Math.log(volume);
    }
  }
  let nats = sum / n;
  // psi(n) - psi(k) = 1/k + ... + 1/(n - 1), psi being the digamma function; the weights add up to 1.
  for (let i = 1; i < n; i++) nats += weights.slice(0, i).reduce((total, weight) => total + weight, 0) / i;
  return { nats, upperBound };
}

/** The weights w_k, (8): w_k = a + b g_k, g_k = Gamma(k + 1/A) / Gamma(k) up to a common factor. */
function neighbourWeights(dimension: number): Float64Array {
  const g = new Float64Array(NEIGHBOURS).fill(1);
  for (let k = 1; k < NEIGHBOURS; k++) g[k] = (g[k - 1]! * (k + 1 / dimension)) / k;
  const sum = g.reduce((total, x) => total + x, 0);
  const squares = g.reduce((total, x) => total + x * x, 0);
  const a = 1 / (NEIGHBOURS - (sum * sum) / squares);
  return g.map((x) => a * (1 - (x * sum) / squares));
}

/** Writes the maximum-norm distances from point `i` of `flat` (n D) to its nearest others, rising, into `nearest`. */
function neighbourDistances(flat: Float64Array, dimension: number, i: number, nearest: Float64Array): void {
  const last = nearest.length - 1;
  nearest.fill(Infinity);
  for (let j = 0; j < flat.length / dimension; j++) {
    if (i === j) continue;
    let distance = 0;
    for (let d = 0; d < dimension; d++)
      distance = Math.max(distance, Math.abs(flat[i * dimension + d]! - flat[j * dimension + d]!));
    if (distance >= nearest[last]!) continue;
    let place = last;
    for (; place > 0 && nearest[place - 1]! > distance; place--) nearest[place] = nearest[place - 1]!;
    nearest[place] = distance;
  }
}
