import { DOMParser, parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { figure1, type Figure1Data } from '../../src/report/figure1.ts';
import { exampleData, withExact } from './figure1-example.ts';

// The page's own document where the tests run in a browser.
const page = typeof document === 'undefined' ? parseHTML('<!doctype html><html></html>').document : document;

function draw(data: Figure1Data): string {
  return figure1(data, page);
}

function parse(svg: string): Document {
  return new DOMParser().parseFromString(svg, 'image/svg+xml') as unknown as Document;
}

function count(svg: string, selector: string): number {
  return parse(svg).querySelectorAll(selector).length;
}

describe('figure1', () => {
  const data = exampleData(40, 100);
  const svg = draw(data);

  it('is one self-contained SVG of a stated size', () => {
    const root = parse(svg).documentElement;
    expect(root.tagName).toBe('svg');
    expect(root.getAttribute('xmlns')).toBe('http://www.w3.org/2000/svg');
    expect(root.getAttribute('width')).toBe('1200');
    const height = Number(root.getAttribute('height'));
    expect(root.getAttribute('viewBox')).toBe(`0 0 1200 ${height}`);
    expect(height).toBeGreaterThan(440);
    expect(height).toBeLessThan(520);
    for (const foreign of ['<style', 'foreignObject', 'currentColor', 'url(', 'href', 'var(', ' id="']) {
      expect(svg).not.toContain(foreign);
    }
  });

  it('has the plane and three panels of actions, with their axis labels', () => {
    expect(count(svg, 'svg.panel')).toBe(4);
    expect(count(svg, 'svg.plane')).toBe(1);
    expect(count(svg, 'svg.action')).toBe(3);
    expect(count(svg, 'svg.colour-scale')).toBe(3);
    const words = Array.from(parse(svg).querySelectorAll('text'), (text) => text.textContent);
    expect(words.filter((word) => word === 'velocity x')).toHaveLength(3);
    expect(words.filter((word) => word === 'velocity y')).toHaveLength(1);
    expect(words).toContain('s = (\u22122.5, 0)');
    expect(words).toContain(data.title);
    expect(words).toContain(data.caption);
  });

  it('draws every trajectory, its end, every goal and every action once', () => {
    expect(count(svg, '.trajectories > path')).toBe(40);
    expect(count(svg, '.ends > circle')).toBe(40);
    expect(count(svg, '.goal-discs > path')).toBe(4);
    expect(count(svg, '.goal')).toBe(4);
    expect(count(svg, '.actions')).toBe(3);
    expect(count(svg, '.actions > circle')).toBe(300);
  });

  it('says how many actions were sampled, or that there is only one', () => {
    const [first, ...others] = data.panels;
    const alone = { ...first!, learned: { ...first!.learned, actions: [[0.5, -0.5] as [number, number]] } };
    const svg = draw({ ...data, panels: [alone, ...others] });
    const words = Array.from(parse(svg).querySelectorAll('text'), (text) => text.textContent);
    expect(words.filter((word) => word === 'the action')).toHaveLength(1);
    expect(words.filter((word) => word === '100 sampled actions')).toHaveLength(2);
  });

  it('gives each goal its own colour, and grey to a trajectory that reached none', () => {
    const paths = Array.from(parse(svg).querySelectorAll('.trajectories > path'), (p) =>
      p.getAttribute('stroke'),
    );
    const byGoal = new Map(data.trajectories.map(({ goal }, k) => [goal, paths[k]]));
    expect(byGoal.get(null)).toBe('#8a8a8a');
    expect(new Set(byGoal.values()).size).toBe(5);
  });

  it('puts an action where its velocities say, y upwards', () => {
    const at: [number, number] = [0.5, 1];
    const one = draw({
      ...data,
      panels: data.panels.map((p) => ({ ...p, learned: { ...p.learned, actions: [at] } })),
    });
    const circle = parse(one).querySelector('.actions > circle');
    const box = parse(one).querySelector('svg.action');
    const side = (1200 - 16 - 428 - 2 * 24) / 3;
    expect(Number(box?.getAttribute('x')) + 48).toBe(428);
    expect(Number(circle?.getAttribute('cx'))).toBeCloseTo(48 + 0.75 * side, 0);
    expect(Number(circle?.getAttribute('cy'))).toBeCloseTo(6, 0);
  });

  it('has some ten levels of density, shallower where it is flatter, none deeper than the scale says', () => {
    const panels = Array.from(parse(svg).querySelectorAll('svg.action .density'));
    for (const panel of panels) {
      const levels = panel.querySelectorAll('path').length;
      expect(levels).toBeGreaterThanOrEqual(8);
      expect(levels).toBeLessThanOrEqual(17);
    }
  });

  it('writes no NaN, and the same string for the same data', () => {
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(draw(exampleData(40, 100))).toBe(svg);
  });

  it('escapes the words it is given and wraps those that are too long', () => {
    const caption = 'a < b & "c" '.repeat(60);
    const long = draw({ ...data, title: '<script>', caption });
    expect(long).not.toContain('<script>');
    expect(parse(long).documentElement.tagName).toBe('svg');
    expect(count(long, 'svg.panel')).toBe(4);
    const texts = Array.from(parse(long).documentElement.children).filter((e) =>
      e.textContent.includes('a < b'),
    );
    expect(texts.length).toBeGreaterThan(3);
  });
});

describe('figure1 with the exact optimum', () => {
  const data = withExact(exampleData(40, 100));
  const svg = draw(data);
  const panels = Array.from(parse(svg).querySelectorAll('svg.action'));
  const words = Array.from(parse(svg).querySelectorAll('text'), (text) => text.textContent);
  const frame = (panel: Element | null | undefined, left: number, rest: number) => {
    const number = (name: string) => Number(panel?.getAttribute(name));
    return { x: number('x') + left, y: number('y') + 6, side: number('width') - rest };
  };

  it('stacks the exact panels under the learned ones, as high together as the plane', () => {
    expect(panels).toHaveLength(6);
    const boxes = panels.map((panel) => frame(panel, 48, 58));
    const plane = frame(parse(svg).querySelector('svg.plane'), 54, 64);
    for (const k of [0, 2, 4]) {
      expect(boxes[k + 1]!.x).toBe(boxes[k]!.x);
      expect(boxes[k]!.y).toBe(plane.y);
      expect(boxes[k + 1]!.y + boxes[k + 1]!.side).toBeCloseTo(plane.y + plane.side, 6);
      expect(boxes[k]!.y + boxes[k]!.side).toBeLessThan(boxes[k + 1]!.y);
    }
    expect(boxes[5]!.x + boxes[5]!.side).toBeCloseTo(1200 - 16, 6);
  });

  it('has one colour scale for each state, and draws as many actions as it is given', () => {
    expect(count(svg, 'svg.colour-scale')).toBe(3);
    expect(panels.map((panel) => panel.querySelectorAll('.actions > circle').length)).toEqual([
      100, 99, 100, 99, 100, 99,
    ]);
    for (const word of ['learned', 'exact', '100 sampled actions', '99 draws of \u03c0*', 'velocity x'])
      expect(words.filter((one) => one === word)).toHaveLength(3);
    expect(words.filter((one) => one === 'velocity y')).toHaveLength(2);
  });

  it('gives equal densities equal colours in both rows', () => {
    const constant = (nats: number) => ({ size: 2, values: [nats, nats, nats, nats] });
    const colours = (learned: number, exact: number) => {
      const one = draw({
        ...data,
        panels: data.panels.map((panel) => ({
          ...panel,
          learned: { ...panel.learned, logDensity: constant(learned) },
          exact: { ...panel.exact!, logDensity: constant(exact) },
        })),
      });
      return Array.from(parse(one).querySelectorAll('svg.action'), (panel) =>
        Array.from(panel.querySelectorAll('.density > path'))
          .filter((path) => path.getAttribute('d'))
          .at(-1)
          ?.getAttribute('fill'),
      );
    };
    const [learned, exact] = colours(-1.25, -1.25);
    expect(learned).toMatch(/^#|^rgb/);
    expect(exact).toBe(learned);
    const [low, high] = colours(-4.1, -1.2);
    expect(low).not.toBe(high);
  });

  it('prints the divergence under the learned panel, none below zero, and a bound as one', () => {
    expect(words.filter((word) => word.startsWith('KL'))).toEqual([
      'KL(\u03c0 \u2016 \u03c0*) = 0.20 nats',
      'KL(\u03c0 \u2016 \u03c0*) = 0.00 nats',
      'KL(\u03c0 \u2016 \u03c0*) \u2265 16 nats',
    ]);
  });
});

describe('figure1 of degenerate data', () => {
  const data = exampleData(3, 5);
  const withDensity = (nats: (k: number) => number): Figure1Data => ({
    ...data,
    panels: data.panels.map(({ state, learned }) => ({
      state,
      learned: {
        ...learned,
        logDensity: { size: 4, values: Array.from({ length: 16 }, (_, k) => nats(k)) },
      },
    })),
  });
  const cases: [string, Figure1Data][] = [
    ['a constant density', withDensity(() => -3)],
    ['a density constant but for one value', withDensity((k) => (k === 5 ? -3.00001 : -3))],
    ['densities of huge range', withDensity((k) => -(10 ** k))],
    ['a diverged critic', withDensity(() => NaN)],
    ['a density with holes', withDensity((k) => (k === 6 ? NaN : k === 9 ? -Infinity : k))],
    ['no trajectories', { ...data, trajectories: [] }],
    ['an empty trajectory', { ...data, trajectories: [{ positions: [], goal: null }] }],
    ['a trajectory of one position', { ...data, trajectories: [{ positions: [[0, 0]], goal: null }] }],
    [
      'no actions',
      { ...data, panels: data.panels.map((p) => ({ ...p, learned: { ...p.learned, actions: [] } })) },
    ],
    ['no goals', { ...data, world: { ...data.world, goals: [] }, trajectories: [] }],
    ['a constant reward', { ...data, world: { ...data.world, reward: { size: 2, values: [1, 1, 1, 1] } } }],
    ['no words', { ...data, title: '', caption: '' }],
  ];
  it.each(cases)('draws %s', (_, degenerate) => {
    const svg = draw(degenerate);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(count(svg, 'svg.panel')).toBe(4);
  });

  it('marks a scale that leaves out the lowest values, and only such a scale', () => {
    expect(count(draw(withDensity((k) => -0.4 * k)), '.below-scale')).toBe(0);
    expect(count(draw(withDensity((k) => -4 * k)), '.below-scale')).toBe(3);
    expect(count(draw(withDensity(() => -3)), '.below-scale')).toBe(0);
  });

  it('names what is wrong with a surface that it cannot draw', () => {
    const short = { ...data, world: { ...data.world, reward: { size: 3, values: [1, 2] } } };
    expect(() => draw(short)).toThrow(/size 3 needs 3 \* 3 values/);
  });
});
