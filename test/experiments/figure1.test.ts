import { parseHTML } from 'linkedom';
import { expect, test } from 'vitest';
import { registerEnvironment } from '../../src/envs/environment.ts';
import { drawFigure1 } from '../../src/experiments/figure1.ts';
import { UsageError } from '../../src/gpu/errors.ts';
import { shaderSource } from '../../src/gpu/shader.ts';
import { resolveConfig } from '../../src/train/config.ts';
import { Evaluator } from '../../src/train/evaluator.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { GOAL_SPREAD } from '../oracles/multigoal-paper.ts';
import { GOALS } from '../oracles/multigoal.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();
// The page's own document where the tests run in a browser.
const page = typeof document === 'undefined' ? parseHTML('<!doctype html><html></html>').document : document;

test('a task that never ends counts for the goal at which it is cut, and Figure 1 shows its own reward', async () => {
  const config = resolveConfig({ environment: 'multigoal-paper', environments: 4, hidden: [8, 8], seed: 4 });
  const { algorithm, environment } = await Trainer.create(gpuOf(), config);
  const evaluator = new Evaluator(gpuOf(), algorithm, environment, { rollouts: 300, seed: 1 });
  const rollouts = await evaluator.rollOut();
  const evaluation = evaluator.summarise(rollouts);
  const reached = rollouts.map(({ observations, length, terminated, outcome }) => {
    expect([length, terminated]).toEqual([20, false]);
    const [x, y] = observations.at(-1) as [number, number];
    const goal = GOALS.findIndex(([gx, gy]) => Math.hypot(x - gx, y - gy) < GOAL_SPREAD);
    expect(outcome).toBe(goal < 0 ? null : goal);
    return goal >= 0;
  });
  expect(evaluation.success).toBeCloseTo(reached.filter(Boolean).length / 300, 12);
  // The untrained policy of seed 4 wanders far enough to be at a goal now and then.
  expect(evaluation.success).toBeGreaterThan(0);
  expect(evaluation.success).toBeLessThan(1);

  const run = { name: 'a run', config, updates: 0, temperature: 10, rollouts, evaluation };
  const svg = await drawFigure1(evaluator, run, page);
  expect(svg).toContain('goals right, left, up, down: ');
  // The mixture rises to 10 or so where the goals' discs begin; the released reward falls to -50.
  expect(svg).toContain('reward: level curves every 1<');

  const wgsl = shaderSource('envs/multigoal.wgsl');
  registerEnvironment({ name: 'test-planeless', wgsl });
  const elsewhere = { ...run, config: { ...config, environment: 'test-planeless' } };
  await expect(drawFigure1(evaluator, elsewhere, page)).rejects.toThrow(UsageError);
});
