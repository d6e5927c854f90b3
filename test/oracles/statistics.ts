// Distances between samples and laws, for judging samplers.

import { squaredDistance } from './svgd.ts';

function meanDistance(x: readonly ArrayLike<number>[], y: readonly ArrayLike<number>[]): number {
  let sum = 0;
  for (const left of x) for (const right of y) sum += Math.sqrt(squaredDistance(left, right));
  return sum / (x.length * y.length);
}

/**
 * Energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'|, the last two over distinct pairs, so 0 on average for equal laws.
 * `x` is (N, D), `y` (M, D).
 */
export function energyDistance(x: readonly ArrayLike<number>[], y: readonly ArrayLike<number>[]): number {
  const within = (rows: readonly ArrayLike<number>[]) =>
    (meanDistance(rows, rows) * rows.length) / (rows.length - 1);
  return 2 * meanDistance(x, y) - within(x) - within(y);
}

/**
 * Sliced Wasserstein-1 distance of planar samples of equal size: the mean over directions (cos t, sin t),
 * t = pi (k + 1/2) / directions, of mean_n |sort(x . t)_n - sort(y . t)_n|. `x` and `y` are (N, 2).
 */
export function slicedWasserstein(
  x: readonly ArrayLike<number>[],
  y: readonly ArrayLike<number>[],
  directions = 32,
): number {
  if (x.length !== y.length)
    throw new Error(`samples of equal size are needed, not ${x.length} and ${y.length}`);
  let total = 0;
  for (let k = 0; k < directions; k++) {
    const angle = (Math.PI * (k + 0.5)) / directions;
    const project = (rows: readonly ArrayLike<number>[]) =>
      rows
        .map((row) => row[0]! * Math.cos(angle) + row[1]! * Math.sin(angle))
        .sort((left, right) => left - right);
    const ys = project(y);
    total += project(x).reduce((sum, value, n) => sum + Math.abs(value - ys[n]!), 0) / x.length;
  }
  return total / directions;
}

/** Kolmogorov-Smirnov statistic sup_t |F_N(t) - F(t)| of a sample (N) against a distribution function F. */
export function kolmogorovSmirnov(sample: ArrayLike<number>, distribution: (t: number) => number): number {
  const sorted = Array.from(sample).sort((left, right) => left - right);
  return sorted.reduce((largest, value, n) => {
    const expected = distribution(value);
    return Math.max(largest, (n + 1) / sorted.length - expected, expected - n / sorted.length);
  }, 0);
}

/** Distribution function of the uniform law on [low, high]. */
export function uniformDistribution(t: number, low = 0, high = 1): number {
  return Math.min(Math.max((t - low) / (high - low), 0), 1);
}

/**
 * Distribution function of the standard normal law: 1/2 + density(t) (t + t^3/3 + t^5/(3 5) + ...), whose terms all have
 * one sign; beyond 8 deviations it is 0 or 1 to within 1e-15.
 */
export function normalDistribution(t: number): number {
  if (Math.abs(t) > 8) return t > 0 ? 1 : 0;
  let term = t;
  let sum = 0;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    sum += term;
    term *= (t * t) / (2 * n + 1);
  }
  return 0.5 + (Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI)) * sum;
}
