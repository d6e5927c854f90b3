import { expect, test } from 'vitest';
import { traceOf } from '../../src/profile/trace.ts';

const cost = (milliseconds: number, dispatches = 1) => ({ milliseconds, dispatches, flops: null, bytes: 8 });
const kernel = { kernel: 'a.wgsl', workgroups: [2, 1, 1] as const };

test('a trace lays dispatches behind one another, and programs above their own', () => {
  const steps = [
    { label: 'whole', depth: 0, ...cost(9, 3) },
    { label: 'first', depth: 1, ...cost(4, 2), note: 'layer by layer' },
    { label: 'x', depth: 2, ...cost(1), ...kernel, flops: 5 },
    { label: 'y', depth: 2, ...cost(2), ...kernel },
    { label: 'z', depth: 1, ...cost(5), ...kernel },
  ];
  const { traceEvents, ...rest } = traceOf(steps, { adapter: 'any' });
  expect(rest).toEqual({ displayTimeUnit: 'ms', otherData: { adapter: 'any' } });
  const names = traceEvents.filter(({ ph }) => ph === 'M');
  expect(names.map(({ name, tid, args }) => [name, tid, args])).toEqual([
    ['thread_name', 0, { name: 'whole' }],
    ['thread_name', 1, { name: 'level 1' }],
    ['thread_name', 2, { name: 'level 2' }],
  ]);
  const spans = traceEvents.filter(({ ph }) => ph === 'X');
  expect(spans.map(({ name, tid, ts, dur }) => [name, tid, ts, dur])).toEqual([
    ['whole', 0, 0, 8000],
    ['first', 1, 0, 3000],
    ['x', 2, 0, 1000],
    ['y', 2, 1000, 2000],
    ['z', 1, 3000, 5000],
  ]);
  expect(spans.map(({ args }) => args)).toEqual([
    { alone: 9000, dispatches: 3, bytes: 8 },
    { alone: 4000, dispatches: 2, bytes: 8, note: 'layer by layer' },
    { alone: 1000, dispatches: 1, bytes: 8, flops: 5, kernel: 'a.wgsl', workgroups: '2 x 1 x 1' },
    { alone: 2000, dispatches: 1, bytes: 8, kernel: 'a.wgsl', workgroups: '2 x 1 x 1' },
    { alone: 5000, dispatches: 1, bytes: 8, kernel: 'a.wgsl', workgroups: '2 x 1 x 1' },
  ]);
  expect(new Set(traceEvents.map(({ pid }) => pid)).size).toBe(1);
});
