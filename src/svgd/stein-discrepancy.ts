import { UsageError } from '../gpu/errors.ts';
import type { Rows } from './energy.ts';

/** A kernel of the squared distance r2 over the bandwidth h: `imq` (1 + r2/h)^(-1/2), `rbf` exp(-r2/h). */
export type RadialKernel = 'imq' | 'rbf';

/** Which kernel, how wide, and which average. */
export interface SteinDiscrepancyOptions {
  /**
   * Default `imq`. From three dimensions on, a sample may have ever smaller discrepancies under `rbf` and not converge;
   * under `imq` it does, for densities with Gaussian-like tails (Gorham and Mackey 2017).
   */
  readonly kernel?: RadialKernel;
  /**
   * h, in squared units of x. Default: `medianSquaredDistance(samples)`. To compare samples with one another, give all
   * the same, that of the best one: a discrepancy depends on it.
   */
  readonly bandwidth?: number;
  /**
   * `u` (the default) averages over pairs of distinct samples: unbiased, and so below zero half the time for exact ones.
   * `v` averages over all pairs: never negative, and too large by mean_i k_p(x_i, x_i) / n, as if each sample were
   * compared with an equal one.
   */
  readonly statistic?: 'u' | 'v';
}

/** k, dk/d(r2) and d2k/d(r2)2 at a squared distance. */
function radial(kernel: RadialKernel, squaredDistance: number, bandwidth: number) {
  if (kernel === 'rbf') {
    const value = Math.exp(-squaredDistance / bandwidth);
    return { value, slope: -value / bandwidth, curvature: value / bandwidth ** 2 };
  }
  const base = 1 + squaredDistance / bandwidth;
  return {
    value: base ** -0.5,
    slope: (-0.5 / bandwidth) * base ** -1.5,
    curvature: (0.75 / bandwidth ** 2) * base ** -2.5,
  };
}

/**
 * The Stein kernel of a density p at two points (D), whose scores grad log p are `xScore` and `yScore` (D):
 * k_p(x, y) = s_x.s_y k + s_x.grad_y k + s_y.grad_x k + tr grad_x grad_y k (Liu, Lee and Jordan 2016, theorem 3.6).
 * Its mean over x is zero where x is distributed as p, for every y.
 */
export function steinKernel(
  x: readonly number[],
  y: readonly number[],
  xScore: readonly number[],
  yScore: readonly number[],
  kernel: RadialKernel,
  bandwidth: number,
): number {
  let squaredDistance = 0;
  let scores = 0; // s_x . s_y
  let along = 0; // (s_y - s_x) . (x - y)
  for (let d = 0; d < x.length; d++) {
    const offset = x[d]! - y[d]!;
    squaredDistance += offset * offset;
    scores += xScore[d]! * yScore[d]!;
    along += (yScore[d]! - xScore[d]!) * offset;
  }
  const { value, slope, curvature } = radial(kernel, squaredDistance, bandwidth);
  return scores * value + 2 * slope * along - 2 * x.length * slope - 4 * squaredDistance * curvature;
}

/** The lower median of |x_i - x_j|^2 over the pairs i < j of `samples` (n, D), in squared units of x. */
export function medianSquaredDistance(samples: Rows): number {
  const distances: number[] = [];
  samples.forEach((x, i) => {
    for (const y of samples.slice(i + 1))
      distances.push(x.reduce((sum, value, d) => sum + (value - y[d]!) ** 2, 0));
  });
  return Float64Array.from(distances).sort()[Math.floor((distances.length - 1) / 2)] ?? 0;
}

/**
 * KSD^2, the squared kernel Stein discrepancy of `samples` (n, D) from the density p whose scores grad log p at these
 * samples are `scores` (n, D): the mean of the Stein kernel over pairs. p needs no normalising constant and no samples of
 * its own, so this tells a sampler's error apart from an error of the energy that it followed. In float64, n^2 D steps.
 *
 * -KSD^2 is d KL(q_e || p) / d e when samples of q move by e phi*, phi* the Stein direction of the whole of q: nats per
 * unit of e, in units of 1/x^2. With phi* normalised in the kernel's space it would be -KSD (Liu and Wang 2016, theorem
 * 3.1 and equation 4). Zero for exact samples; the `u` statistic is then around zero within about k_p's mean diagonal / n.
 *
 * A score says nothing of shares: between modes too far apart for the kernel and for samples, wrong shares and even a
 * missing mode do not show. For actions in the box take u = atanh a as samples, and the score of u: (1 - a^2) dQ/da / alpha - 2 a. The density of a
 * itself does not vanish at the walls, and the identity that makes k_p's mean zero needs that.
 * @throws UsageError for fewer than two samples, scores of another shape, or a bandwidth that is not positive, as the
 * median of samples that mostly coincide.
 */
export function steinDiscrepancy(samples: Rows, scores: Rows, options: SteinDiscrepancyOptions = {}): number {
  const n = samples.length;
  const dimensions = samples[0]?.length;
  if (n < 2) throw new UsageError(`A Stein discrepancy needs two samples or more, not ${n}.`);
  if (scores.length !== n || [...samples, ...scores].some((row) => row.length !== dimensions))
    throw new UsageError(`${n} samples of ${dimensions} numbers need as many scores of the same length.`);
  const { kernel = 'imq', statistic = 'u', bandwidth = medianSquaredDistance(samples) } = options;
  if (!(bandwidth > 0)) {
    throw new UsageError(
      `The bandwidth is ${bandwidth}, and should be positive: give one, such as the median squared distance of a sample ` +
        `whose points do not coincide.`,
    );
  }
  const at = (i: number, j: number) =>
    steinKernel(samples[i]!, samples[j]!, scores[i]!, scores[j]!, kernel, bandwidth);
  let pairs = 0;
  let diagonal = 0;
  for (let i = 0; i < n; i++) {
    diagonal += at(i, i);
    for (let j = 0; j < i; j++) pairs += 2 * at(i, j);
  }
  return statistic === 'u' ? pairs / (n * (n - 1)) : (pairs + diagonal) / (n * n);
}
