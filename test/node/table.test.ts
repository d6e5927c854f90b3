import { describe, expect, test } from 'vitest';
import { MULTIGOAL_PROBES } from '../../src/envs/multigoal.ts';
import { groundTruthRows } from '../../src/node/table.ts';
import type { GroundTruth } from '../../src/train/ground-truth.ts';

const divergence = (value: number, lowerBound = false) => ({ nats: value, lowerBound });
const TRUTH: GroundTruth = {
  temperature: 10,
  critic: { meanAbsolute: 1, bias: -0.5, maxAbsolute: 3 },
  criticPolicy: divergence(0.25),
  sampler: divergence(0.75, true),
  divergence: MULTIGOAL_PROBES.map((_, i) => divergence(i)),
  slicedWasserstein: { mean: 0.1, atProbes: [] },
  energyDistance: { mean: 0.01, atProbes: [] },
  entropy: { policy: 0.5, optimum: 0.6 },
  gap: { nats: 2, lowerBound: false, standardError: 0.1, truncatedShare: 0 },
};

describe('the distances from the optimum', () => {
  test('are printed with the sampler’s error, behind >= where it is a bound', () => {
    for (const algorithm of ['soft-q', 'sac'] as const) {
      const rows = new Map(groundTruthRows(TRUTH, algorithm) as [string, string][]);
      expect(rows.get('KL(pi || exp(Q/alpha)): sampler, nats')).toBe('>= 0.75');
      expect(rows.get('KL(exp(Q/alpha) || pi*): critic, nats')).toBe('0.25');
      expect(rows.get('KL(pi || pi*) at (2.5, 2.5), nats')).toBe('5.00');
    }
  });

  test('are printed without it for DDPG, whose policy samples from no energy', () => {
    const all = groundTruthRows(TRUTH, 'soft-q').map(([label]) => label);
    expect(groundTruthRows(TRUTH, 'ddpg').map(([label]) => label)).toEqual(
      all.filter((label) => !label!.includes('sampler')),
    );
  });
});
