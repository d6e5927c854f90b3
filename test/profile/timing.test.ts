import { describe, expect, test } from 'vitest';
import { program } from '../../src/gpu/program.ts';
import { Mlp } from '../../src/nn/mlp.ts';
import { measureRoofline, rooflineWork } from '../../src/profile/roofline.ts';
import { clockStep, flopsOf, perRun, timePrograms } from '../../src/profile/timing.ts';
import { useGpu } from '../support/gpu.ts';

const gpu = useGpu();

describe('the step of a clock', () => {
  test('divides every difference that the clock has shown', () => {
    expect(clockStep([300_000n, 0n, 500_000n, -200_000n])).toBe(100_000n);
    expect(clockStep([77n, 78n])).toBe(1n);
    expect(clockStep([0n, 0n])).toBe(0n);
  });
});

describe('the time of a run', () => {
  test('comes from a sample that is long against the clock', async () => {
    const asked: number[] = [];
    const time = (repeats: number) => {
      asked.push(repeats);
      // A run of 0.03 ms by a clock that counts whole tenths.
      return Promise.resolve(Math.floor(repeats * 0.3) / 10);
    };
    const taken = await perRun(time, 5);
    expect(taken).toBeGreaterThan(0.03 * 0.98);
    expect(taken).toBeLessThanOrEqual(0.03);
    expect(asked.at(-1)! * taken).toBeGreaterThanOrEqual(5);
  });

  test('begins where an earlier one ended, and goes on if that was too short', async () => {
    const asked: number[] = [];
    const time = (repeats: number) => {
      asked.push(repeats);
      return Promise.resolve(repeats / 10);
    };
    expect(await perRun(time, 5, 49.5)).toBeCloseTo(0.1, 12);
    expect(await perRun(time, 5, 40)).toBeCloseTo(0.1, 12);
    expect(asked).toEqual([1, 50, 1, 40, 60]);
  });

  test('ends for a clock that stands still', async () => {
    expect(await perRun(() => Promise.resolve(0), 5)).toBe(0);
  });
});

describe('floating-point operations', () => {
  const spec = { inputSize: 3, hidden: [5], outputSize: 2, activation: 'relu' as const };

  test('of dense layers are counted from their logical shapes', () => {
    const members = 2;
    const pass = new Mlp(gpu(), 'counted', spec, members).pass('counted', 7);
    const weights = 3 * 5 + 5 * 2;
    expect(flopsOf(pass.forward())).toBe(2 * members * 7 * weights);
    const outputGrad = pass.gradTensor('outputGrad', 2);
    const parameterGrad = pass.parameterGradient();
    // To the parameters of both layers, and to the hidden layer but not to the input.
    const back = pass.backward({ outputGrad, parameterGrad, rows: 4 });
    expect(flopsOf(back)).toBe(2 * members * 4 * (weights + 5 * 2));
    expect(flopsOf(program('both', [pass.forward(), back]))).toBe(2 * members * (11 * weights + 4 * 10));
  });

  test('are not known of other programs', () => {
    expect(flopsOf(program('none', []))).toBeNull();
  });
});

test('programs are timed by what they do', async () => {
  const small = rooflineWork(gpu(), 64)[0]!;
  const large = rooflineWork(gpu(), 16384)[0]!;
  const { programs, step } = await timePrograms(gpu(), [small.program, large.program], 3);
  expect(programs.map(({ label, dispatches }) => [label, dispatches])).toEqual([
    ['roofline', 1],
    ['roofline', 1],
  ]);
  // 256 times the work; the rest is start-up, and whoever else uses the machine.
  expect(programs[1]!.milliseconds).toBeGreaterThan(4 * programs[0]!.milliseconds);
  if (gpu().device.features.has('timestamp-query')) expect(step).toBeGreaterThan(0);
  else expect(step).toBeNull();
});

test('the roofline is a rate, and its tensors are gone', async () => {
  const before = gpu().memory().total;
  // Between a twentieth of the slowest adapter known and far above the fastest.
  const rate = await measureRoofline(gpu());
  expect(rate).toBeGreaterThan(0.05);
  expect(rate).toBeLessThan(1e6);
  expect(gpu().memory().total).toBe(before);
});
