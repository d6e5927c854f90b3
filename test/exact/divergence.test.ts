import { describe, expect, test } from 'vitest';
import { MULTIGOAL_PROBES } from '../../src/envs/multigoal.ts';
import { energyDivergence, klFromSamples, klToOptimum, samplerError } from '../../src/exact/divergence.ts';
import { actionQuadrature, logPartition } from '../../src/exact/quadrature.ts';
import { generator, OracleOptimum } from '../oracles/optimum.ts';

const optimum = new OracleOptimum(10);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
/** About 1.7 / sqrt(n), measured at the probes. */
const deviation = (n: number) => 1.7 / Math.sqrt(n);

function uniformActions(count: number, seed: number): number[][] {
  const draw = generator(seed);
  return Array.from({ length: count }, () => [2 * draw() - 1, 2 * draw() - 1]);
}

/** KL(uniform || pi*(.|state)) = -log 4 - mean log pi*, and the deviation of log pi*, by midpoints. */
function uniformDivergence(state: readonly number[]): { exact: number; spread: number } {
  const axis = Array.from({ length: 80 }, (_, i) => (i + 0.5) / 40 - 1);
  const logs = axis.flatMap((x) => axis.map((y) => optimum.logDensityAt(state, [x, y])));
  return {
    exact: -Math.log(4) - mean(logs),
    spread: Math.sqrt(mean(logs.map((value) => value ** 2)) - mean(logs) ** 2),
  };
}

describe('quadrature over actions', () => {
  test('has weights that add up to the volume and integrates polynomials exactly', () => {
    for (const size of [1, 2]) {
      const { actions, weights } = actionQuadrature(size, 4);
      expect(actions).toHaveLength(4 ** size);
      expect(weights.reduce((sum, w) => sum + w, 0)).toBeCloseTo(2 ** size, 13);
      // Four points are exact to degree 7: the mean of x^6 is 1/7, of x^6 y^4 it is 1/35.
      const integral = actions.reduce((sum, [x, y = 1], i) => sum + weights[i]! * x! ** 6 * y ** 4, 0);
      expect(integral).toBeCloseTo(size === 1 ? 2 / 7 : 4 / 35, 13);
    }
    expect(() => actionQuadrature(3)).toThrow(/one or two dimensions, not 3/);
  });

  test('gives the log of a partition function, however large', () => {
    const { actions, weights } = actionQuadrature(2);
    const exact = 2 * Math.log(Math.exp(5) - Math.exp(-5)) - 2 * Math.log(5);
    for (const shift of [0, 2000, -2000]) {
      const values = actions.map(([x, y]) => 5 * x! - 5 * y! + shift);
      expect(logPartition(values, weights) - shift).toBeCloseTo(exact, 10);
    }
  });

  test('gives V* of pi*, whose Q jumps at the rim of a goal', () => {
    const { actions, weights } = actionQuadrature(2);
    for (const [state, tolerance] of [
      [[0, 0], 0.002],
      [[2.5, 0], 0.002],
      // From here the rim runs through the box: the jump costs accuracy.
      [[4.2, 1], 0.01],
    ] as const) {
      const value = logPartition(
        actions.map((action) => optimum.qAt(state, action) / 10),
        weights,
      );
      expect(Math.abs(value - optimum.valueAt(state) / 10)).toBeLessThan(tolerance);
    }
  });
});

describe('the divergence from the optimum', () => {
  test('of the optimum is zero', () => {
    const n = 400;
    const found = MULTIGOAL_PROBES.map((state, i) =>
      klToOptimum(optimum.sampleAt(state, n, i), optimum, state),
    );
    expect(found.every(({ lowerBound }) => !lowerBound)).toBe(true);
    // 0.01 nats: what is left of the bias at 400 actions.
    expect(Math.abs(mean(found.map(({ nats }) => nats)))).toBeLessThan(0.01 + (3 * deviation(n)) / 3);
  });

  test('of the uniform policy is what quadrature says', () => {
    const n = 400;
    MULTIGOAL_PROBES.forEach((state, i) => {
      const { exact, spread } = uniformDivergence(state);
      const samples = uniformActions(n, i);
      const error = klToOptimum(samples, optimum, state).nats - exact;
      expect(Math.abs(error)).toBeLessThan(3 * Math.hypot(deviation(n), spread / Math.sqrt(n)));
    });
  });

  test('of a collapsed policy is a lower bound far above any density', () => {
    const collapsed = klToOptimum(
      Array.from({ length: 100 }, () => [0.9, 0]),
      optimum,
      [0, 0],
    );
    expect(collapsed.lowerBound).toBe(true);
    expect(collapsed.nats).toBeGreaterThan(12);
  });

  test('takes the densities in the order of the samples', () => {
    const samples = uniformActions(50, 1);
    const logDensities = samples.map((_, i) => i);
    expect(
      klFromSamples(samples, logDensities).nats - klFromSamples(samples, new Float64Array(50)).nats,
    ).toBeCloseTo(-24.5, 10);
  });
});

describe("the sampler's error", () => {
  const state = [2.5, 0];
  const { actions: grid, weights } = actionQuadrature(2);
  // A critic that is wrong by a constant and twice as sharp; draws of its law need temperature 5.
  const critic = (action: readonly number[]) => 2 * optimum.qAt(state, action) + 300;
  const errorOf = (actions: number[][], temperature: number) =>
    samplerError(
      { actions, values: actions.map(critic), gridValues: grid.map(critic) },
      weights,
      temperature,
    );

  test('is zero for draws from the energy of the critic, whatever the optimum', () => {
    const n = 800;
    const { nats, lowerBound } = errorOf(optimum.sampleAt(state, n, 1), 20);
    expect(Math.abs(nats)).toBeLessThan(0.01 + 3 * deviation(n));
    expect(lowerBound).toBe(false);
  });

  test('is the divergence of a sampler that ignores the critic', () => {
    const n = 800;
    const uniform = errorOf(uniformActions(n, 2), 20).nats;
    const { exact, spread } = uniformDivergence(state);
    expect(Math.abs(uniform - exact)).toBeLessThan(3 * Math.hypot(deviation(n), spread / Math.sqrt(n)));
    // At half the temperature the energy is twice as sharp, and the same sampler further from it.
    expect(errorOf(uniformActions(n, 2), 10).nats).toBeGreaterThan(2 * uniform);
  });
});

describe("the divergence of the critic's energy", () => {
  const { actions, weights } = actionQuadrature(2);
  // The law exp(b . a) over the box: log of its integral is the sum of log(2 sinh b / b), its mean coth b - 1 / b.
  const logIntegral = (slope: readonly number[]) =>
    slope.reduce((sum, b) => sum + (b === 0 ? Math.log(2) : Math.log((2 * Math.sinh(b)) / b)), 0);
  const along = (slope: readonly number[], action: readonly number[]) =>
    slope.reduce((sum, b, d) => sum + b * action[d]!, 0);
  const logLaw = (slope: readonly number[]) =>
    actions.map((action) => along(slope, action) - logIntegral(slope));

  test('from another exponential law is what the formula says, whatever constant Q has', () => {
    const temperature = 4;
    const slope = [3, -1.5];
    const other = [0, 2];
    const mean = slope.map((b) => 1 / Math.tanh(b) - 1 / b);
    const difference = slope.map((b, d) => b - other[d]!);
    const exact = along(difference, mean) - logIntegral(slope) + logIntegral(other);
    for (const constant of [0, -3000]) {
      const values = actions.map((action) => temperature * along(slope, action) + constant);
      expect(energyDivergence(values, logLaw(other), weights, temperature)).toBeCloseTo(exact, 10);
      expect(energyDivergence(values, logLaw(slope), weights, temperature)).toBeCloseTo(0, 10);
    }
  });
});
