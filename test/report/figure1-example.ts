import type { Figure1Data } from '../../src/report/figure1.ts';

const GOALS: [number, number][] = [
  [5, 0],
  [-5, 0],
  [0, 5],
  [0, -5],
];

/** A small linear congruential generator: the example must be the same in every run. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function squaredDistance(x: number, y: number): number {
  return Math.min(...GOALS.map(([gx, gy]) => (x - gx) ** 2 + (y - gy) ** 2));
}

function grid(size: number, low: number, high: number, f: (x: number, y: number) => number): number[] {
  const at = (k: number) => low + (k * (high - low)) / (size - 1);
  return Array.from({ length: size * size }, (_, k) => f(at(k % size), at(Math.floor(k / size))));
}

/** A stand-in for Q with the shape of the real one: velocity cost, and a soft choice among the four goals. */
function standInQ([sx, sy]: [number, number], x: number, y: number): number {
  const terms = GOALS.map(([gx, gy]) => Math.exp(-Math.hypot(sx + x - gx, sy + y - gy) * 5.2 + 30));
  return -30 * (x * x + y * y) + 10 * Math.log(terms.reduce((a, b) => a + b)) - 100;
}

/**
 * Data with the shapes and sizes of a real run, from formulas: random walks to the goals, actions by rejection. Only the
 * learned row, as for tasks without an exact solution; `withExact` adds the other.
 */
export function exampleData(trajectories = 40, actions = 100): Figure1Data {
  const random = uniform(7);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random() * 0.999999)) * Math.cos(2 * Math.PI * random());
  const walks = Array.from({ length: trajectories }, (_, k) => {
    const lost = k % 13 === 12;
    const [gx, gy] = GOALS[k % GOALS.length] ?? [0, 0];
    let position: [number, number] = [0.1 * normal(), 0.1 * normal()];
    const positions = [position];
    for (let t = 0; t < 30 && (lost || squaredDistance(...position) >= 1); t++) {
      const far = Math.hypot(gx - position[0], gy - position[1]);
      const pull = lost ? 0 : 0.55 / far;
      const move = (from: number, to: number) =>
        Math.min(7, Math.max(-7, from + pull * (to - from) + 0.33 * normal()));
      position = [move(position[0], gx), move(position[1], gy)];
      positions.push(position);
    }
    const reached = GOALS.findIndex(([x, y]) => Math.hypot(x - position[0], y - position[1]) < 1);
    return { positions, goal: reached < 0 ? null : reached };
  });
  const states: [number, number][] = [
    [-2.5, 0],
    [0, 0],
    [2.5, 2.5],
  ];
  return {
    title: 'Soft Q-learning on the multi-goal plane (synthetic stand-in, not a run)',
    caption:
      'Example \u00b7 seed 7 \u00b7 \u03b1 = 10 \u00b7 random walks, actions by rejection from exp(Q / \u03b1)',
    world: {
      low: -7,
      high: 7,
      goals: GOALS,
      goalRadius: 1,
      reward: {
        size: 71,
        values: grid(71, -7, 7, (x, y) => {
          const d2 = squaredDistance(x, y);
          return -d2 + (d2 < 1 ? 10 : 0);
        }),
      },
    },
    trajectories: walks,
    panels: states.map((state) => {
      const nats = grid(50, -1, 1, (x, y) => standInQ(state, x, y) / 10);
      const peak = Math.max(...nats);
      const value = Math.log((4 * nats.reduce((sum, one) => sum + Math.exp(one - peak), 0)) / 2500) + peak;
      const accepted: [number, number][] = [];
      while (accepted.length < actions) {
        const [x, y] = [2 * random() - 1, 2 * random() - 1];
        if (random() < Math.exp(standInQ(state, x, y) / 10 - peak)) accepted.push([x, y]);
      }
      const values = nats.map((one) => one - value);
      return { state, learned: { logDensity: { size: 50, values }, actions: accepted } };
    }),
  };
}

/** `data` with an exact row: the learned one without its first action, and densities 0.5 nats higher. */
export function withExact(data: Figure1Data): Figure1Data {
  return {
    ...data,
    panels: data.panels.map((panel, k) => {
      const { logDensity, actions } = panel.learned;
      return {
        ...panel,
        exact: {
          logDensity: { ...logDensity, values: logDensity.values.map((nats) => nats + 0.5) },
          actions: actions.slice(1),
          divergence: { nats: [0.2, -0.01, 16.86][k]!, lowerBound: k === 2 },
        },
      };
    }),
  };
}
