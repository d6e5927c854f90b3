import { parseHTML } from 'linkedom';
import { expect, test } from 'vitest';
import { registerEnvironment } from '../../src/envs/environment.ts';
import { drawFigure1 } from '../../src/experiments/figure1.ts';
import { UsageError } from '../../src/gpu/errors.ts';
import { shaderSource } from '../../src/gpu/shader.ts';
import { resolveConfig } from '../../src/train/config.ts';
import type { Evaluator } from '../../src/train/evaluator.ts';

// The page's own document where the tests run in a browser.
const page = typeof document === 'undefined' ? parseHTML('<!doctype html><html></html>').document : document;

/** Stands for a policy that stands still and values nothing: a figure asks for no more than this of an evaluator. */
const idle = {
  actionsAt: (states: number[][], perState: number) =>
    Promise.resolve(states.map(() => Array.from({ length: perState }, () => [0, 0]))),
  valuesAt: (rows: number[][]) => Promise.resolve(rows.map(() => 0)),
} as unknown as Evaluator;

function draw(environment: string): Promise<string> {
  const outcomes = { outcomeShares: [0.1, 0.2, 0.3, 0.4], outcomeEntropy: 0.9 };
  const evaluation = { rollouts: 10, success: 1, meanReturn: 3, meanLength: 2, ...outcomes };
  const config = { ...resolveConfig({}), environment };
  return drawFigure1(
    idle,
    { name: 'a run', config, updates: 0, temperature: 10, rollouts: [], evaluation, optimum: undefined },
    page,
  );
}

// The released reward falls by tens away from the goals; the mixture rises from 0 to its height of 20 at them.
test.each([
  ['multigoal', 5],
  ['multigoal-paper', 1],
])('Figure 1 of %s shows its own reward and the shares of its goals', async (environment, step) => {
  const svg = await draw(environment);
  expect(svg).toContain(`reward: level curves every ${step}<`);
  expect(svg).toContain('goals right, left, up, down: 10 %, 20 %, 30 %, 40 %');
});

test('Figure 1 of a task that is not in the plane is refused', async () => {
  registerEnvironment({ name: 'test-planeless', wgsl: shaderSource('envs/multigoal.wgsl') });
  await expect(draw('test-planeless')).rejects.toThrow(UsageError);
});
