import { describe, expect, test } from 'vitest';
import { bestSquashedGaussian } from '../../src/exact/squashed-gaussian.ts';
import { klToOptimum } from '../../src/exact/divergence.ts';
import { OracleOptimum } from '../oracles/optimum.ts';
import { Draws } from '../oracles/random.ts';

/** log of the density of tanh(u) at `action`, u normal with mean (0.4, -0.8) and covariance ((0.25, 0.1), (0.1, 0.16)). */
function logSquashed([x, y]: readonly number[]): number {
  // The faces, where this density vanishes, are moved inside.
  const inside = (a: number) => Math.min(Math.max(a, -1 + 1e-6), 1 - 1e-6);
  const u = Math.atanh(inside(x!)) - 0.4;
  const v = Math.atanh(inside(y!)) + 0.8;
  const determinant = 0.25 * 0.16 - 0.1 * 0.1;
  const quadratic = (0.16 * u * u - 2 * 0.1 * u * v + 0.25 * v * v) / determinant;
  const slopes = Math.log(1 - inside(x!) ** 2) + Math.log(1 - inside(y!) ** 2);
  return -quadratic / 2 - Math.log(2 * Math.PI) - Math.log(determinant) / 2 - slopes;
}

describe('the best squashed Gaussian', () => {
  test('is the optimum itself where that is one', () => {
    const { mean, covariance, nats } = bestSquashedGaussian(
      { logDensityAt: (_, action) => logSquashed(action) },
      [],
    );
    // The table of log pi* is interpolated between actions 1/80 apart.
    expect(Math.abs(nats)).toBeLessThan(2e-3);
    [...mean, ...covariance.flat()].forEach((value, i) =>
      expect(Math.abs(value - [0.4, -0.8, 0.25, 0.1, 0.1, 0.16][i]!)).toBeLessThan(0.01),
    );
  });

  // On a grid four times as fine: 0.133 and 0.107, 0.621 and 0.360, 1.214 and 0.750 nats. The grid here shifts log pi*
  // by a few hundredths of a nat.
  test.each([
    [10, 0.133, 0.107],
    [5, 0.621, 0.36],
    [3, 1.214, 0.75],
  ])('stays away from a pi* with several modes, at temperature %d', (temperature, origin, diagonal) => {
    const optimum = new OracleOptimum(temperature);
    expect(Math.abs(bestSquashedGaussian(optimum, [0, 0]).nats - origin)).toBeLessThan(0.02);
    expect(Math.abs(bestSquashedGaussian(optimum, [2.5, 2.5]).nats - diagonal)).toBeLessThan(0.02);
  });

  test('is as far from pi* as its draws say', () => {
    const optimum = new OracleOptimum(3);
    const state = [2.5, 2.5];
    const { mean, covariance, nats } = bestSquashedGaussian(optimum, state);
    const draws = new Draws(5);
    const slope = covariance[0][1] / covariance[0][0];
    const left = Math.sqrt(covariance[1][1] - slope * covariance[0][1]);
    const n = 1000;
    const samples = draws.normalRows(n, 2).map(([x, y]) => {
      const u = Math.sqrt(covariance[0][0]) * x!;
      return [Math.tanh(mean[0] + u), Math.tanh(mean[1] + slope * u + left * y!)];
    });
    // Three standard errors of the estimate from samples.
    expect(Math.abs(klToOptimum(samples, optimum, state).nats - nats)).toBeLessThan((3 * 1.7) / Math.sqrt(n));
  });
});
