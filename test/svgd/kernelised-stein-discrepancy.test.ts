import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/gpu/errors.ts';
import { medianSquaredDistance, steinDiscrepancy, steinKernel } from '../../src/svgd/stein-discrepancy.ts';
import { Draws } from '../oracles/random.ts';
import { divergenceAlong, imqKernel, mixture, rbfKernel } from '../oracles/stein.ts';
import { BOX, FOUR_MODES, GAUSSIAN_5 } from '../support/energies.ts';

const KERNELS = ['rbf', 'imq'] as const;
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('the kernel Stein discrepancy', () => {
  // Liu and Wang (2016), theorem 3.1 with the direction not normalised. Midpoint sums of these smooth densities over
  // [-9, 9] are exact to rounding; a central difference with e = 1e-3 errs by e^2 times the third derivative.
  test.each(
    KERNELS.flatMap((kernel) => [
      { kernel, name: 'a shifted Gaussian', q: mixture({ weight: 1, mean: 0.7, deviation: 1 }) },
      { kernel, name: 'a narrow Gaussian', q: mixture({ weight: 1, mean: 0, deviation: 0.6 }) },
      {
        kernel,
        name: 'another mixture',
        q: mixture({ weight: 0.3, mean: -2, deviation: 0.7 }, { weight: 0.7, mean: 1, deviation: 0.9 }),
      },
    ]),
  )('is the rate at which the direction takes KL down, $kernel from $name', ({ kernel, q }) => {
    const p = mixture({ weight: 0.6, mean: -1, deviation: 0.8 }, { weight: 0.4, mean: 1.5, deviation: 0.6 });
    const h = 1.3;
    const width = 18 / 300;
    const grid = Array.from({ length: 300 }, (_, i) => -9 + (i + 0.5) * width);
    const weights = grid.map((x) => Math.exp(q.logDensity(x)) * width);
    const rows = grid.map((x) => ({ x: [x], score: [p.score(x)] }));
    let squared = 0;
    rows.forEach((one, i) =>
      rows.forEach((other, j) => {
        const value = steinKernel(one.x, other.x, one.score, other.score, kernel, h);
        squared += weights[i]! * weights[j]! * value;
      }),
    );
    const divergence = divergenceAlong(q, p, kernel === 'rbf' ? rbfKernel(h) : imqKernel(h), grid, width);
    const e = 1e-3;
    const rate = (divergence(e) - divergence(-e)) / (2 * e);
    expect(squared).toBeGreaterThan(0.01);
    expect(Math.abs(rate + squared) / squared).toBeLessThan(1e-5);
  });

  test.each(KERNELS)('is the mean of the Stein kernel over pairs, %s', (kernel) => {
    const x = [
      [0.3, -1],
      [1.2, 0.4],
      [-0.5, 0.1],
    ];
    const s = [
      [1, 2],
      [-0.7, 0.2],
      [0.4, -3],
    ];
    const value = (i: number, j: number) => steinKernel(x[i]!, x[j]!, s[i]!, s[j]!, kernel, 0.8);
    const distinct = [value(0, 1), value(0, 2), value(1, 2), value(1, 0), value(2, 0), value(2, 1)];
    const all = [...distinct, value(0, 0), value(1, 1), value(2, 2)];
    const options = { kernel, bandwidth: 0.8 } as const;
    expect(steinDiscrepancy(x, s, options)).toBeCloseTo(mean(distinct), 12);
    expect(steinDiscrepancy(x, s, { ...options, statistic: 'v' })).toBeCloseTo(mean(all), 12);
    const median = medianSquaredDistance(x);
    expect(median).toBeCloseTo(0.81 + 1.96, 12); // the others are 0.64 + 1.21 and 2.89 + 0.09
    expect(steinDiscrepancy(x, s, { kernel })).toBe(steinDiscrepancy(x, s, { kernel, bandwidth: median }));
  });

  // The U-statistic of exact samples: 20 of them are zero on average within three of their own standard errors.
  test.each(KERNELS)('is zero on average for exact samples, and not for wrong ones, %s', (kernel) => {
    const count = 100;
    const repeats = 20;
    const bandwidth = 22; // half the mean of exact samples, E|x - y|^2 = 2 sum (1 + d/2)^2 = 45
    const of = (change: (z: number, d: number) => number) =>
      Array.from({ length: repeats }, (_, seed) => {
        const rows = new Draws(seed).normalRows(count, 5).map((row) => row.map(change));
        return steinDiscrepancy(rows, GAUSSIAN_5.gradient(rows), { kernel, bandwidth });
      });
    const deviation = (d: number) => 1 + d / 2;
    const exact = of((z, d) => d + deviation(d) * z);
    const centre = mean(exact);
    const error = Math.sqrt(mean(exact.map((value) => (value - centre) ** 2)) / (repeats - 1));
    expect(Math.abs(centre)).toBeLessThan(3 * error);
    const wrong = {
      shifted: of((z, d) => d + deviation(d) * (z + 0.7)),
      collapsed: of((z, d) => d + 0.3 * deviation(d) * z),
      overDispersed: of((z, d) => d + 2 * deviation(d) * z),
    };
    for (const values of Object.values(wrong)) expect(mean(values)).toBeGreaterThan(centre + 8 * error);
    const further = of((z, d) => d + deviation(d) * (z + 1.4));
    expect(mean(further)).toBeGreaterThan(2 * mean(wrong.shifted));
  });

  test('sees in the box what the score of u says', () => {
    const draws = new Draws(8);
    // Rejection: exp(Q) is at most exp(1.5).
    const exact: number[][] = [];
    while (exact.length < 500) {
      const a = draws.uniformRows(1, 2, -1, 1)[0]!;
      const [chance] = draws.uniformRows(1, 1, 0, 1)[0]!;
      if (chance! < Math.exp(BOX.logDensity(a) - 1.5)) exact.push(a);
    }
    const uniform = draws.uniformRows(500, 2, -0.999, 0.999);
    const u = (rows: number[][]) => rows.map((row) => row.map(Math.atanh));
    const scores = (rows: number[][]) =>
      BOX.gradient(rows).map((slope, i) =>
        slope.map((value, d) => (1 - rows[i]![d]! ** 2) * value - 2 * rows[i]![d]!),
      );
    const bandwidth = medianSquaredDistance(u(exact));
    const of = (rows: number[][], statistic: 'u' | 'v' = 'u') =>
      steinDiscrepancy(u(rows), scores(rows), { bandwidth, statistic });
    // What the diagonal adds is the size of the error that so many samples leave.
    const squared = of(exact);
    const error = of(exact, 'v') - squared;
    expect(Math.abs(squared)).toBeLessThan(error);
    expect(of(uniform)).toBeGreaterThan(2 * error);
  });

  test('does not see a mode that is missing far away, as any score', () => {
    const draws = new Draws(9);
    const at = (modes: number[][]) =>
      draws
        .normalRows(200, 2, FOUR_MODES.deviation)
        .map((row, i) => row.map((z, d) => z + modes[i % modes.length]![d]!));
    const of = (rows: number[][]) => steinDiscrepancy(rows, FOUR_MODES.gradient(rows), { bandwidth: 1 });
    const wrong = at(FOUR_MODES.modes).map((row) => row.map((x) => 1.3 * x));
    const one = of(at([FOUR_MODES.modes[0]!]));
    expect(one).toBeLessThan(of(wrong) / 10);
  });

  test('refuses what has no discrepancy', () => {
    expect(() => steinDiscrepancy([[1]], [[1]])).toThrow(UsageError);
    expect(() => steinDiscrepancy([[1], [2]], [[1]])).toThrow('as many scores');
    expect(() => steinDiscrepancy([[1], [2, 3]], [[1], [1]])).toThrow('of the same length');
    expect(() => steinDiscrepancy([[1], [1]], [[1], [1]])).toThrow('The bandwidth is 0');
  });
});
