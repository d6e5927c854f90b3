import { expect, test } from 'vitest';
import { belowGate } from '../../bench/support/gate.ts';
import type { Row } from '../../bench/support/measure.ts';

const row = (name: string, ratio: number): Row => ({
  name,
  adapter: 'SwiftShader',
  runtime: 'Node',
  ours: ratio,
  peer: 1,
  unit: 'GFLOP/s',
  ratio,
  spread: 0,
});

const NAMES = ['dense/forward', 'dense/backward-input', 'dense/backward-parameters'];
const good = NAMES.map((name) => row(name, 0.5));

test('ratios above the least pass, of several stopwatches the best', () => {
  expect(belowGate('Google SwiftShader 5', good)).toEqual([]);
  expect(belowGate('Google SwiftShader 5', [...good, row('dense/forward', 0.001)])).toEqual([]);
});

test('a slow kernel and a missing one are said, where ratios are known', () => {
  const slow = [row('dense/forward', 0.001), ...good.slice(1)];
  expect(belowGate('SwiftShader', slow)).toEqual([
    'dense/forward is 0.00 times as fast as its peer, and was to be at least 0.08.',
  ]);
  expect(belowGate('SwiftShader', good.slice(1))).toEqual([
    'dense/forward was not measured: the gate is about it, too.',
  ]);
  expect(belowGate('some GPU', slow)).toEqual([]);
});
