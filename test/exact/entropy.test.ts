import { describe, expect, test } from 'vitest';
import { nearestNeighbourEntropy } from '../../src/exact/entropy.ts';
import { generator } from '../oracles/optimum.ts';

/** Mean estimate and its standard error over samples of a law. */
function estimate(sample: (draw: () => number) => number[][], repeats: number) {
  const draw = generator(1);
  const values = Array.from({ length: repeats }, () => nearestNeighbourEntropy(sample(draw)).nats);
  const mean = values.reduce((sum, value) => sum + value, 0) / repeats;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (repeats - 1);
  return { mean, error: Math.sqrt(variance / repeats) };
}

const points = (count: number, point: () => number[]) => Array.from({ length: count }, point);

describe('the entropy by nearest neighbours', () => {
  test.each([1, 2, 6])('is unbiased for the uniform law in %i dimensions, faces included', (dimension) => {
    const { mean, error } = estimate(
      (draw) => points(64, () => Array.from({ length: dimension }, () => 2 * draw() - 1)),
      150,
    );
    // With whole cubes the estimate would be 0.28 nats too low in six dimensions.
    expect(Math.abs(mean - dimension * Math.LN2)).toBeLessThan(3 * error);
    expect(error).toBeLessThan(0.06);
  });

  test('finds the entropy of a normal law', () => {
    const deviation = 0.15;
    const { mean, error } = estimate(
      (draw) =>
        points(128, () => {
          const radius = deviation * Math.sqrt(-2 * Math.log(1 - draw()));
          const angle = 2 * Math.PI * draw();
          return [radius * Math.cos(angle), radius * Math.sin(angle)];
        }),
      500,
    );
    // 0.02 nats: the bias of its curvature at 128 points; the third neighbour alone has 0.04.
    const exact = Math.log(2 * Math.PI * Math.E * deviation ** 2);
    expect(Math.abs(mean - exact)).toBeLessThan(0.02 + 3 * error);
    expect(error).toBeLessThan(0.01);
  });

  test('finds the entropy of a law with a jump', () => {
    const { mean, error } = estimate((draw) => points(128, () => [2 * draw() - 1, draw() - 1]), 500);
    // The cubes stick out over the jump at 0, to first order in their size: the third neighbour alone errs by 0.04.
    expect(Math.abs(mean - Math.LN2)).toBeLessThan(0.01 + 3 * error);
  });

  test('is an upper bound where actions coincide, and not where they do not', () => {
    const draw = generator(2);
    const spread = points(200, () => [2 * draw() - 1, 2 * draw() - 1]);
    expect(nearestNeighbourEntropy(spread).upperBound).toBe(false);
    const one = nearestNeighbourEntropy(points(200, () => [0.3, -1]));
    expect(one.upperBound).toBe(true);
    // log of the smallest cube, half of it outside: 2e-5 x 1e-5, plus less than 8 for the neighbours' ranks.
    expect(one.nats).toBeLessThan(Math.log(2e-10) + 8);
    expect(one.nats).toBeGreaterThan(Math.log(2e-10));
    // Five equal actions of 200 already show that there is no density.
    expect(nearestNeighbourEntropy([...spread.slice(5), ...points(5, () => [0, 0])]).upperBound).toBe(true);
  });

  test('needs nine actions', () => {
    expect(() => nearestNeighbourEntropy(points(8, () => [0]))).toThrow(/more than 8 actions, not 8/);
  });
});
