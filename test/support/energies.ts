import type { Rows } from '../../src/svgd/energy.ts';

/** One density in both forms that a sampler takes. */
export interface TestEnergy {
  readonly wgsl: string;
  readonly dimensions: number;
  readonly gradient: (positions: Rows) => number[][];
}

const SIGNATURE = 'fn log_density_gradient(x: array<f32, DIMENSIONS>) -> array<f32, DIMENSIONS>';

/** N((1, -2), C) with C = ((1.5, 0.6), (0.6, 0.5)), whose inverse is ((0.5, -0.6), (-0.6, 1.5)) / 0.39. */
export const GAUSSIAN: TestEnergy & { readonly mean: number[]; readonly covariance: number[][] } = {
  mean: [1, -2],
  covariance: [
    [1.5, 0.6],
    [0.6, 0.5],
  ],
  dimensions: 2,
  wgsl: `const DIMENSIONS = 2u;
${SIGNATURE} {
  let y = vec2f(x[0] - 1.0, x[1] + 2.0);
  return array((0.6 * y.y - 0.5 * y.x) / 0.39, (0.6 * y.x - 1.5 * y.y) / 0.39);
}`,
  gradient: (positions) =>
    positions.map(([x, y]) => {
      const [u, v] = [x! - 1, y! + 2];
      return [(0.6 * v - 0.5 * u) / 0.39, (0.6 * u - 1.5 * v) / 0.39];
    }),
};

/** Independent N(d, (1 + d/2)^2) in dimension d = 0..4. */
export const GAUSSIAN_5: TestEnergy = {
  dimensions: 5,
  wgsl: `const DIMENSIONS = 5u;
${SIGNATURE} {
  var slope: array<f32, DIMENSIONS>;
  for (var d = 0u; d < DIMENSIONS; d++) {
    let deviation = 1.0 + 0.5 * f32(d);
    slope[d] = (f32(d) - x[d]) / (deviation * deviation);
  }
  return slope;
}`,
  gradient: (positions) => positions.map((row) => row.map((x, d) => (d - x) / (1 + d / 2) ** 2)),
};

/** An equal mixture of four N(m, 0.6^2 I), m = (+-2, +-2): a product of two mixtures of two. */
export const FOUR_MODES: TestEnergy & { readonly modes: number[][]; readonly deviation: number } = {
  modes: [
    [-2, -2],
    [-2, 2],
    [2, -2],
    [2, 2],
  ],
  deviation: 0.6,
  dimensions: 2,
  wgsl: `const DIMENSIONS = 2u;
// log(exp(-(x-2)^2/2v) + exp(-(x+2)^2/2v)) has the slope (2 tanh(2x/v) - x) / v
fn slope(x: f32) -> f32 { return (2.0 * tanh(clamp(2.0 * x / 0.36, -20.0, 20.0)) - x) / 0.36; }
${SIGNATURE} {
  return array(slope(x[0]), slope(x[1]));
}`,
  gradient: (positions) => positions.map((row) => row.map((x) => (2 * Math.tanh((2 * x) / 0.36) - x) / 0.36)),
};

/** exp(Q) in [-1, 1]^2 with two modes, Q(a) = -1.5 cos(2 pi a_0) - 2 (a_1 - 0.3 a_0)^2. */
export const BOX: TestEnergy & { readonly logDensity: (a: readonly number[]) => number } = {
  logDensity: ([x, y]) => -1.5 * Math.cos(2 * Math.PI * x!) - 2 * (y! - 0.3 * x!) ** 2,
  dimensions: 2,
  wgsl: `const DIMENSIONS = 2u;
const PI = 3.141592653589793;
${SIGNATURE} {
  let offset = x[1] - 0.3 * x[0];
  return array(3.0 * PI * sin(2.0 * PI * x[0]) + 1.2 * offset, -4.0 * offset);
}`,
  gradient: (positions) =>
    positions.map(([x, y]) => {
      const offset = y! - 0.3 * x!;
      return [3 * Math.PI * Math.sin(2 * Math.PI * x!) + 1.2 * offset, -4 * offset];
    }),
};

/** Mean and covariance of rows of equal weight, or of the weights given. */
export function moments(rows: Rows, weights: ArrayLike<number> = rows.map(() => 1)) {
  const total = Array.from(weights).reduce((sum, weight) => sum + weight, 0);
  const expectation = (f: (row: readonly number[]) => number) =>
    rows.reduce((sum, row, i) => sum + weights[i]! * f(row), 0) / total;
  const mean = rows[0]!.map((_, d) => expectation((row) => row[d]!));
  const covariance = mean.map((m, i) =>
    mean.map((n, j) => expectation((row) => (row[i]! - m) * (row[j]! - n))),
  );
  return { mean, covariance };
}

/** Share of the rows that lie nearest to each of the modes. */
export function modeShares(rows: Rows, modes: Rows): number[] {
  const shares = modes.map(() => 0);
  for (const row of rows) {
    const distances = modes.map((mode) => Math.hypot(...mode.map((m, d) => row[d]! - m)));
    shares[distances.indexOf(Math.min(...distances))]! += 1 / rows.length;
  }
  return shares;
}
