import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { DIAGONAL } from '../../src/envs/multigoal.ts';
import {
  ARMS,
  comparisonData,
  configOf,
  summariseComparison,
  summariseGoals,
  TEMPERATURES,
  type ComparisonRow,
} from '../../src/experiments/reproduce-multigoal.ts';
import { comparison } from '../../src/report/comparison.ts';

const page = typeof document === 'undefined' ? parseHTML('<!doctype html><html></html>').document : document;
const FLOORS = new Map<number, readonly [number, number]>([
  [10, [0.13, 0.11]],
  [5, [0.62, 0.36]],
  [3, [1.21, 0.75]],
]);

/** A run whose divergences at the origin and at (2.5, 2.5) are given. */
function run(
  arm: string,
  temperature: number,
  seed: number,
  [origin, diagonal]: readonly [number, number],
  outcomeShares = [0.25, 0.25, 0.25, 0.25],
): ComparisonRow {
  const divergence = Array.from({ length: 9 }, (_, probe) => ({
    nats: probe === 0 ? origin : probe === DIAGONAL ? diagonal : 9,
    lowerBound: arm.startsWith('ddpg'),
  }));
  const success = outcomeShares.reduce((sum, share) => sum + share, 0);
  const evaluation = { rollouts: 1, success, meanReturn: -seed, meanLength: 8, outcomeEntropy: 1 };
  const truth = {
    temperature,
    critic: { meanAbsolute: 0.5, bias: 0, maxAbsolute: 1 },
    energyDistance: { mean: 0.01, atProbes: [] },
    gap: { nats: 1, standardError: 0.1, lowerBound: false, truncatedShare: 0 },
    divergence,
  } as unknown as ComparisonRow['truth'];
  return {
    arm,
    temperature,
    seed,
    updates: 1,
    evaluation: { ...evaluation, outcomeShares },
    fromOrigin: outcomeShares,
    truth,
  };
}

describe('the comparison of learners', () => {
  test('gives all of them the same data, annealing and actions per state', () => {
    for (const temperature of TEMPERATURES) {
      const configs = ARMS.filter((arm) => arm.temperatures.includes(temperature) && arm.name !== 'ddpg').map(
        (arm) => configOf(arm, temperature, 3),
      );
      expect(configs.length).toBeGreaterThan(5);
      for (const config of configs) {
        expect(config.finalTemperature ?? config.temperature).toBe(temperature);
        if (temperature !== 10) expect(config.updates).toBe(configs[0]!.updates);
        const { environments, warmupTransitions, randomShare, temperatureUpdates, rewardScale, batchSize } =
          config;
        expect({
          environments,
          warmupTransitions,
          randomShare,
          temperatureUpdates,
          rewardScale,
          batchSize,
        }).toEqual({
          environments: temperature === 10 ? 64 : 256,
          warmupTransitions: 4096,
          randomShare: temperature === 10 ? 0.2 : 0.5,
          temperatureUpdates: configs[0]!.temperatureUpdates,
          rewardScale: configs[0]!.rewardScale,
          batchSize: temperature === 10 ? 64 : 128,
        });
        if (config.algorithm !== 'ddpg') expect(config.valueParticles).toBe(16);
        expect(config.fixedParticles + config.updatedParticles).toBe(config.policyParticles);
      }
    }
  });

  test('counts the seeds that cover all goals and those below the best Gaussian at both states', () => {
    const rows = [
      run('soft-q', 5, 1, [0.2, 0.2]),
      run('soft-q', 5, 2, [0.3, 0.5]), // above the floor at the second state
      run('soft-q', 5, 3, [0.7, 0.1]), // and at the first
      run('soft-q', 5, 4, [0.1, 0.1], [0.5, 0.46, 0.04, 0]), // two goals are too rare
      run('sac', 5, 1, [0.9, 0.9], [0.3, 0.3, 0.1, 0.05]), // succeeds in 75 %
    ];
    const [soft, sac, ...others] = summariseComparison(rows, FLOORS);
    expect(others).toEqual([]);
    expect(soft).toMatchObject({ temperature: 5, seeds: 4, covering: 3, belowFloor: 2, meanReturn: -2.5 });
    expect(soft!.arm.name).toBe('soft-q');
    // Medians of four: the mean of the middle two.
    expect(soft!.divergence[0]).toBeCloseTo(0.25, 12);
    expect(soft!.divergence[1]).toBeCloseTo(0.15, 12);
    expect(soft!.divergenceIsBound).toBe(false);
    expect(sac).toMatchObject({ seeds: 1, covering: 0, belowFloor: 0 });
  });

  test('counts the seeds that commit to a goal, and to which, from both starts', () => {
    const both = { ...run('ddpg', 10, 3, [16, 17], [0, 0.5, 0.5, 0]), fromOrigin: [0, 1, 0, 0] };
    const rows = [
      run('ddpg', 10, 1, [16, 17], [1, 0, 0, 0]),
      run('ddpg', 10, 2, [16, 17], [0, 0.96, 0.04, 0]),
      both,
      run('ddpg', 10, 4, [16, 17], [0, 0, 0, 0]), // reaches none
      run('soft-q', 10, 1, [0, 0]),
      run('soft-q', 5, 1, [0, 0], [1, 0, 0, 0]), // another temperature
    ];
    const [soft, , noise, origin, ...others] = summariseGoals(rows);
    expect(others).toEqual([]);
    expect(soft).toMatchObject({ start: 'noise', seeds: 1, committed: 0, shares: [0.25, 0.25, 0.25, 0.25] });
    expect(noise).toMatchObject({ seeds: 4, committed: 2, favourites: [1, 2, 0, 0] });
    expect(noise!.shares[1]).toBeCloseTo((0.96 + 0.5) / 4, 12);
    expect(origin).toMatchObject({ start: 'origin', committed: 3, favourites: [1, 2, 0, 0] });
  });

  test('is drawn with a dot for each run, triangles for those beyond the axis, and the floor', () => {
    const rows = [
      run('soft-q', 10, 1, [0.05, 0.1]),
      run('sac', 10, 1, [0.3, 3]),
      run('ddpg', 10, 1, [16, 17], [1, 0, 0, 0]),
    ];
    const svg = comparison(comparisonData(rows, FLOORS, 'an adapter'), page);
    const { document } = parseHTML(`<!doctype html><html><body>${svg}</body></html>`);
    const count = (selector: string) => document.querySelectorAll(selector).length;
    expect(count('.divergence')).toBe(6);
    expect(count('.floor > line')).toBe(6);
    expect(count('.runs > *')).toBe(3);
    expect(count('.beyond > *')).toBe(3);
    for (const { label } of ARMS) expect(svg).toContain(label);
    expect(svg).toContain('seeds 1 to 1, an adapter');
  });
});
