import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import type { Optimum } from '../../src/exact/optimum.ts';
import { drawFigure1 } from '../../src/experiments/figure1.ts';
import { optimumForFigure } from '../../src/experiments/run-optimum.ts';
import { resolveConfig } from '../../src/train/config.ts';
import { randomBits, uniform } from '../oracles/random.ts';
import { useGpu } from '../support/gpu.ts';

const page = typeof document === 'undefined' ? parseHTML('<!doctype html><html></html>').document : document;
const config = resolveConfig({ environment: 'multigoal' });

/** log of the integral of exp(-3 |a|^2) over the box, by the midpoint rule: its error is below 1e-6. */
const LOG_VOLUME =
  2 *
  Math.log(
    Array.from({ length: 2000 }, (_, i) => Math.exp(-3 * ((i + 0.5) / 1000 - 1) ** 2) / 1000).reduce(
      (a, b) => a + b,
    ),
  );

/** An optimum that wants no velocity: Q = -30 |a|^2 - 100 at temperature 10. */
const still: Optimum = {
  temperature: 10,
  discount: 0,
  valueAt: () => 10 * LOG_VOLUME - 100,
  qAt: (_, action) => -30 * squaredNorm(action) - 100,
  logDensityAt: (_, action) => -3 * squaredNorm(action) - LOG_VOLUME,
  entropyAt: () => NaN,
  sampleAt: (_, count) => uniformActions(count),
};

function squaredNorm(action: readonly number[]): number {
  return action.reduce((sum, one) => sum + one * one, 0);
}

/** `count` actions of the uniform law over the box. */
function uniformActions(count: number): number[][] {
  return Array.from({ length: count }, (_, i) => {
    const [first, second] = randomBits(i, 0, 0, 0);
    return [2 * uniform(first) - 1, 2 * uniform(second) - 1];
  });
}

/** Figure 1 of a policy that acts uniformly, and of a critic that is `still`'s but for a shift. */
async function drawn(optimum: Optimum | undefined): Promise<Element> {
  const svg = await drawFigure1(
    {
      actionsAt: (states, count) => Promise.resolve(states.map(() => uniformActions(count))),
      valuesAt: (rows) => Promise.resolve(rows.map(([x, y, ...action]) => still.qAt([x!, y!], action) + 70)),
    },
    {
      name: 'run',
      config,
      updates: 1,
      temperature: 10,
      rollouts: [],
      evaluation: {
        rollouts: 0,
        success: 0,
        meanReturn: 0,
        meanLength: 0,
        outcomeShares: [],
        outcomeEntropy: 0,
      },
      optimum,
    },
    page,
  );
  const holder = page.createElement('div');
  holder.innerHTML = svg;
  return holder;
}

describe('drawFigure1', () => {
  test('draws the density of a critic as the exact one where they agree up to a shift of Q', async () => {
    const figure = await drawn(still);
    const panels = Array.from(figure.querySelectorAll('.action'));
    expect(panels).toHaveLength(6);
    const [learned, exact] = panels.map((panel) =>
      Array.from(panel.querySelectorAll('.density > path'), (path) => ({
        fill: path.getAttribute('fill'),
        numbers: path.getAttribute('d')?.match(/[\d.]+/g)?.length,
      })),
    );
    expect(learned!.length).toBeGreaterThan(5);
    expect(learned).toEqual(exact);
    expect(panels.map((panel) => panel.querySelectorAll('.actions > circle').length)).toEqual(
      Array.from({ length: 6 }, () => 100),
    );
  });

  test('prints the divergence of the policy, not of its critic', async () => {
    const words = Array.from((await drawn(still)).querySelectorAll('text'), (text) => text.textContent);
    const divergences = words.flatMap((word) => /= ([\d.]+) nats/.exec(word)?.[1] ?? []);
    expect(divergences).toHaveLength(3);
    // Of the uniform law: log Z - log 4 + E[3 |a|^2]. The tolerance is three standard errors of 800 samples, 1.3 / sqrt(800).
    expect(Math.abs(Number(divergences[0]) - (LOG_VOLUME - Math.log(4) + 2))).toBeLessThan(0.14);
  });

  test('draws the learned row alone without an optimum', async () => {
    const figure = await drawn(undefined);
    expect(figure.querySelectorAll('.action')).toHaveLength(3);
    expect(figure.textContent).not.toContain('KL');
  });
});

describe('optimumForFigure', () => {
  const gpu = useGpu();

  test('solves multigoal at the temperature and the discount of the run', async () => {
    const optimum = await optimumForFigure(
      gpu(),
      resolveConfig({ environment: 'multigoal', discount: 0.9 }),
      5,
    );
    expect(optimum?.temperature).toBe(5);
    expect(optimum?.discount).toBe(0.9);
    expect(optimum?.sampleAt([0, 0], 3, 1)).toHaveLength(3);
  });

  test.each([
    ['another environment', 'multigoal-paper', 10],
    ['a temperature too low for its grid', 'multigoal', 0.4],
    ['a temperature at which pi* hovers for ever', 'multigoal', 15],
    ['no temperature', 'multigoal', NaN],
  ])('knows none for %s', async (_, environment, temperature) => {
    expect(await optimumForFigure(gpu(), resolveConfig({ environment }), temperature)).toBeUndefined();
  });
});
