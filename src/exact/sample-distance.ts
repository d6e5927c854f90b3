import { normalPair, random } from '../gpu/random.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';

const STREAM = constantsOf(shaderSource('common/random.wgsl'))['STREAM_DIRECTIONS']!;

type Sample = readonly (readonly number[])[];

/**
 * Sliced Wasserstein-1 distance between two samples `a` (n, D) and `b` (m, D), in the unit of the coordinates: the mean
 * over `directions` of the one-dimensional distance of the projections, which is the area between their distribution
 * functions, so n and m may differ. In the plane the directions are (cos t, sin t) at t = pi (i + 1/2) / directions; in
 * more dimensions they are uniform on the sphere, drawn with `seed`; on the line there is one. Never negative: two
 * samples of one law are about sqrt(1/n + 1/m) apart, so compare with what two samples of the reference score.
 */
export function slicedWasserstein1(
  a: Sample,
  b: Sample,
  options: { readonly directions?: number; readonly seed?: number } = {},
): number {
  const { directions = 32, seed = 0 } = options;
  const dimension = a[0]!.length;
  const count = dimension === 1 ? 1 : directions;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const direction =
      dimension === 1
        ? [1]
        : dimension === 2
          ? [Math.cos((Math.PI * (i + 0.5)) / count), Math.sin((Math.PI * (i + 0.5)) / count)]
          : randomDirection(dimension, seed, i);
    sum += areaBetween(project(a, direction), project(b, direction));
  }
  return sum / count;
}

/** A unit vector (D) of the uniform law on the sphere: normal numbers, divided by their length. */
function randomDirection(dimension: number, seed: number, index: number): number[] {
  const normals = Array.from({ length: dimension }, (_, d) => {
    const [first, second] = random(seed, STREAM, index, d);
    return normalPair(first, second)[0];
  });
  const length = Math.hypot(...normals);
  return normals.map((x) => x / length);
}

/** The sorted coordinates (n) of `sample` (n, D) along `direction` (D). */
function project(sample: Sample, direction: readonly number[]): Float64Array {
  return Float64Array.from(sample, (point) => point.reduce((sum, x, d) => sum + x * direction[d]!, 0)).sort();
}

/** Integral over x of |F(x) - G(x)|, F and G the distribution functions of two sorted samples. */
function areaBetween(a: Float64Array, b: Float64Array): number {
  let area = 0;
  let i = 0;
  let j = 0;
  let x = Math.min(a[0]!, b[0]!);
  while (i < a.length || j < b.length) {
    const next = Math.min(a[i] ?? Infinity, b[j] ?? Infinity);
    area += (next - x) * Math.abs(i / a.length - j / b.length);
    x = next;
    while (a[i] === x) i++;
    while (b[j] === x) j++;
  }
  return area;
}

/**
 * Energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| (Szekely and Rizzo 2013) between samples `a` (n, D) and `b` (m, D)
 * of at least two points each, in the unit of the coordinates. The last two means are over distinct pairs, which makes
 * the estimate unbiased: for one law it is zero on average, and may be slightly negative.
 */
export function energyDistance(a: Sample, b: Sample): number {
  const within = (sample: Sample) => sumOfDistances(sample, sample) / (sample.length * (sample.length - 1));
  return (2 * sumOfDistances(a, b)) / (a.length * b.length) - within(a) - within(b);
}

/** Sum of |x - y| over all pairs of `a` (n, D) and `b` (m, D). */
function sumOfDistances(a: Sample, b: Sample): number {
  const dimension = a[0]!.length;
  const left = Float64Array.from(a.flat());
  const right = Float64Array.from(b.flat());
  let sum = 0;
  for (let i = 0; i < left.length; i += dimension) {
    for (let j = 0; j < right.length; j += dimension) {
      let squared = 0;
      for (let d = 0; d < dimension; d++) squared += (left[i + d]! - right[j + d]!) ** 2;
      sum += Math.sqrt(squared);
    }
  }
  return sum;
}
