import { DOMParser, parseHTML } from 'linkedom';
import { expect, it } from 'vitest';
import { learningCurves } from '../../src/report/learning-curves.ts';

const metrics = [
  { key: 'loss', label: 'critic loss' },
  { key: 'return', label: 'episodic return' },
  { key: 'success', label: 'success' },
  { key: 'bellman', label: 'Bellman error' },
];

function draw(rows: { updates: number; [metric: string]: number }[]): string {
  const document = parseHTML('<!doctype html><html><body></body></html>').document;
  return learningCurves({ title: 'Run', caption: 'seed 1', rows, metrics }, document);
}

it('draws one panel and one line per metric, the same string for the same rows', () => {
  const rows = Array.from({ length: 50 }, (_, k) => ({
    updates: k * 1000,
    loss: 40 * Math.exp(-k / 9),
    return: -700 + 500 * (1 - Math.exp(-k / 12)),
    success: Math.min(1, k / 30),
    bellman: 0.004 + 0.003 * Math.cos(k / 3),
  }));
  const svg = draw(rows);
  const document = new DOMParser().parseFromString(svg, 'image/svg+xml');
  expect(document.querySelectorAll('svg.curve')).toHaveLength(4);
  expect(document.querySelectorAll('.metric > path')).toHaveLength(4);
  expect(svg).not.toMatch(/NaN|undefined/);
  expect(draw(rows)).toBe(svg);
});

it.each([
  ['no rows', []],
  ['one row', [{ updates: 0, loss: 1 }]],
  [
    'values that are not numbers',
    [
      { updates: 0, loss: NaN },
      { updates: 10, loss: Infinity },
    ],
  ],
  [
    'constant metrics',
    [
      { updates: 0, loss: 5 },
      { updates: 10, loss: 5 },
    ],
  ],
])('draws %s', (_, rows) => {
  expect(draw(rows)).not.toMatch(/NaN|undefined|Infinity/);
});
