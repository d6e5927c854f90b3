import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { describe as treeOf, program } from '../../src/gpu/program.ts';
import { view } from '../../src/gpu/tensor.ts';
import { Mlp } from '../../src/nn/mlp.ts';
import { byKernel, profileProgram, ratesOf } from '../../src/profile/program-profile.ts';
import { bytesOf } from '../../src/profile/timing.ts';
import { useGpu } from '../support/gpu.ts';

const gpu = useGpu();

const copyOf = (vectors: number) => {
  const [source, result] = [gpu().tensor('from', [vectors, 4]), gpu().tensor('to', [vectors, 4])];
  const kernel = gpu().kernel('profile/copy.wgsl');
  return kernel.bind({ source, result }, { threads: [vectors], params: { vectors }, label: 'copy' });
};

describe('bytes', () => {
  test('are those of the bound tensors, padding and all, in every dispatch', () => {
    const spec = { inputSize: 3, hidden: [5], outputSize: 2, activation: 'relu' as const };
    const rows = 7;
    const mlp = new Mlp(gpu(), 'counted', spec, 1);
    const parameters = mlp.parameters.size;
    const [input, hidden, output] = [4 * rows, 8 * rows, 4 * rows];
    const numbers = input + parameters + hidden + (hidden + parameters + output);
    expect(bytesOf(mlp.pass('counted', rows).forward())).toBe(4 * numbers);
  });

  test('of a view are its own, and its owner may say otherwise', () => {
    const metrics = gpu().tensor('two', [2, 6]);
    const source = view(metrics, 'second', 6, [6]);
    const bound = [
      { tensor: source, written: false },
      { tensor: metrics, written: true },
    ];
    const dispatches = [{ ...copyOf(1), bound }];
    expect(bytesOf({ dispatches })).toBe(4 * (6 + 12));
    expect(bytesOf({ dispatches }, ({ written }) => (written ? 100 : 1))).toBe(101);
  });
});

describe('the profile of a program', () => {
  test('has its steps in order, a single dispatch as one, and the same sums on every level', async () => {
    const tick = new Clock(gpu()).tick({ updates: 1 });
    const large = program('twice', [copyOf(2 ** 18)]);
    const whole = program('whole', [
      program('small', [copyOf(64)]),
      program('nothing', []),
      program('inner', [large, tick, program('again', [large])], 'in two ways'),
    ]);
    const { steps, step } = await profileProgram(gpu(), whole, { rounds: 2 });
    expect(steps.map(({ label, depth, dispatches }) => [label, depth, dispatches])).toEqual([
      ['whole', 0, 4],
      ['small', 1, 1],
      ['inner', 1, 3],
      ['twice', 2, 1],
      ['tick', 2, 1],
      ['again', 2, 1],
      ['twice', 3, 1],
    ]);
    const [copy, counter] = ['profile/copy.wgsl', 'clock/tick.wgsl'];
    const none = undefined;
    expect(steps.map(({ kernel }) => kernel)).toEqual([none, copy, none, copy, counter, none, copy]);
    expect(steps.map(({ note }) => note).filter(Boolean)).toEqual(['in two ways']);
    expect(treeOf(whole)).toContain('\n  inner (3): in two ways\n');
    expect(steps[1]).toMatchObject({ bytes: 2 * 64 * 16, flops: null, workgroups: [1, 1, 1] });
    for (const [i, parent] of steps.entries()) {
      const end = steps.findIndex(({ depth }, j) => j > i && depth <= parent.depth);
      const inside = steps.slice(i + 1, end < 0 ? undefined : end);
      const children = inside.filter(({ depth }) => depth === parent.depth + 1);
      if (children.length === 0) continue;
      for (const key of ['dispatches', 'bytes'] as const) {
        expect(parent[key]).toBe(children.reduce((sum, child) => sum + child[key], 0));
      }
    }
    // A program that occurs twice has one time, and 4,096 times the work takes longer.
    expect(steps[6]!.milliseconds).toBe(steps[3]!.milliseconds);
    expect(steps[3]!.milliseconds).toBeGreaterThan(steps[1]!.milliseconds);
    if (gpu().device.features.has('timestamp-query')) expect(step).toBeGreaterThan(0);
    else expect(step).toBeNull();

    const sums = byKernel(steps);
    expect(sums.map(({ kernel, dispatches }) => [kernel, dispatches])).toEqual([
      [copy, 3],
      [counter, 1],
    ]);
    const alone = steps[1]!.milliseconds + 2 * steps[3]!.milliseconds;
    expect(sums[0]!.milliseconds).toBeCloseTo(alone, 9);
    expect(sums[0]!.bytes).toBe(steps[0]!.bytes - steps[4]!.bytes);
  });

  test('as rates, against what the adapter can do', () => {
    const cost = { milliseconds: 2, dispatches: 1, flops: 6e6, bytes: 4e6 };
    const peak = { gflops: 12, gigabytesPerSecond: 8 };
    expect(ratesOf(cost, peak)).toEqual({
      gflops: 3,
      rooflineShare: 0.25,
      gigabytesPerSecond: 2,
      bandwidthShare: 0.25,
    });
    expect(ratesOf({ ...cost, flops: null }, peak)).toMatchObject({ gflops: null, rooflineShare: null });
  });
});
