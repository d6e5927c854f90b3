import { describe, expect, test } from 'vitest';
import { energyDistance, slicedWasserstein1 } from '../../src/exact/sample-distance.ts';
import { Draws } from '../oracles/random.ts';
import { energyDistance as energyOracle, slicedWasserstein } from '../oracles/statistics.ts';

const draws = new Draws(3);
const a = draws.uniformRows(60, 2, -1, 1);
const b = draws.normalRows(60, 2, 0.5);

describe('the sliced Wasserstein distance', () => {
  test('is the mean over evenly spaced directions in the plane', () => {
    expect(slicedWasserstein1(a, b)).toBeCloseTo(slicedWasserstein(a, b), 12);
    expect(slicedWasserstein1(a, b, { directions: 5 })).toBeCloseTo(slicedWasserstein(a, b, 5), 12);
  });

  test('compares laws, not sizes: a sample three times over is the same sample', () => {
    expect(slicedWasserstein1([...a, ...a, ...a], a)).toBeCloseTo(0, 12);
    expect(slicedWasserstein1([...a, ...a, ...a], b)).toBeCloseTo(slicedWasserstein(a, b), 12);
  });

  test('of a shifted sample is the mean length of the shift along the directions', () => {
    const line = draws.uniformRows(40, 1, -1, 1);
    expect(
      slicedWasserstein1(
        line,
        line.map(([x]) => [x! + 0.25]),
      ),
    ).toBeCloseTo(0.25, 12);
    // In three dimensions the mean of |cosine| is 1/2, with deviation 1 / sqrt(12) of one direction.
    const solid = draws.uniformRows(40, 3, -1, 1);
    const shifted = solid.map(([x, y, z]) => [x!, y! + 0.8, z!]);
    const directions = 500;
    const distance = slicedWasserstein1(solid, shifted, { directions, seed: 1 });
    expect(Math.abs(distance - 0.4)).toBeLessThan((3 * 0.8) / Math.sqrt(12 * directions));
    expect(slicedWasserstein1(solid, shifted, { directions, seed: 1 })).toBe(distance);
    expect(slicedWasserstein1(solid, shifted, { directions, seed: 2 })).not.toBe(distance);
  });
});

describe('the energy distance', () => {
  test('agrees with its formula for samples of different sizes', () => {
    expect(energyDistance(a, b.slice(20))).toBeCloseTo(energyOracle(a, b.slice(20)), 12);
    expect(energyDistance(a.slice(7), b)).toBeCloseTo(energyOracle(a.slice(7), b), 12);
  });

  test('is zero on average for one law, on either side of it', () => {
    const values = Array.from({ length: 40 }, () =>
      energyDistance(draws.uniformRows(30, 2, -1, 1), draws.uniformRows(30, 2, -1, 1)),
    );
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
    expect(Math.abs(mean)).toBeLessThan(3 * Math.sqrt(variance / values.length));
    expect(Math.min(...values)).toBeLessThan(0);
  });
});
