import { describe, expect, test } from 'vitest';
import {
  judge,
  THRESHOLDS,
  type AcceptanceMetric,
  type SeedResult,
} from '../../src/experiments/acceptance.ts';
import type { GroundTruth } from '../../src/train/ground-truth.ts';

/** Ten seeds in the middle of every bound, but for one metric's values. */
function results(preset: keyof typeof THRESHOLDS, metric: AcceptanceMetric, values: number[]): SeedResult[] {
  return values.map((value, seed) => {
    const middles = Object.entries(THRESHOLDS[preset]).map(([name, { low, high }]) => [
      name,
      (low + high) / 2,
    ]);
    const metrics = { ...Object.fromEntries(middles), [metric]: value } as SeedResult['metrics'];
    return { seed, metrics, history: [], truth: {} as GroundTruth };
  });
}

const verdict = (preset: keyof typeof THRESHOLDS, metric: AcceptanceMetric, values: number[]) =>
  judge(results(preset, metric, values), preset).find((one) => one.metric === metric)!;

const repeated = (count: number, value: number) => new Array<number>(count).fill(value);

describe('judge', () => {
  test('wants nine of ten seeds within the bounds', () => {
    expect(verdict('default', 'success', [...repeated(9, 0.95), 0.5]).ok).toBe(true);
    expect(verdict('default', 'success', [...repeated(8, 0.95), 0.5, 0.5]).ok).toBe(false);
    expect(verdict('default', 'soft-return gap', repeated(10, 3.01)).ok).toBe(false);
    expect(verdict('default', 'Q bias', repeated(10, NaN))).toMatchObject({ ok: false, passed: 0 });
    expect(verdict('default', 'coverage stable from update', repeated(10, Infinity)).ok).toBe(false);
  });

  test('of the sharp preset judges the divergences by their median', () => {
    const most = [...repeated(4, 1.2), ...repeated(6, 0.3)];
    expect(verdict('sharp', 'KL at (0, 0)', most)).toMatchObject({
      ok: true,
      median: 0.3,
      passed: 6,
      seeds: 10,
    });
    expect(verdict('sharp', 'KL at (0, 0)', [...repeated(6, 0.5), ...repeated(4, 0.1)]).ok).toBe(false);
    expect(verdict('default', 'KL at (0, 0)', most).ok).toBe(false);
  });

  test('reports the least, the median and the greatest value', () => {
    const { least, median, greatest } = verdict('tiny', 'mean return', [-200, -180, -190, -170, -210]);
    expect([least, median, greatest]).toEqual([-210, -190, -170]);
  });
});
