import { beforeAll, describe, expect, test } from 'vitest';
import { MULTIGOAL_GOALS } from '../../src/envs/multigoal.ts';
import { hoverWarning } from '../../src/exact/hover-warning.ts';
import { MultigoalOptimum, type MultigoalProblem } from '../../src/exact/multigoal-optimum.ts';
import { UsageError } from '../../src/gpu/errors.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { OPTIMUM_POINTS, solveNaively, type GridTask } from '../oracles/multigoal-optimum.ts';
import { kolmogorovSmirnov } from '../oracles/statistics.ts';
import { expectClose, TRANSCENDENTAL } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();

/** A small world with three goals, one of them cut by the walls in a corner. */
const SMALL: GridTask = {
  goals: [
    [0.9, 0.4],
    [-1.3, -1.25],
    [-0.3, 1.1],
  ],
  bound: 1.5,
  actionCost: 12,
  distanceCost: 3,
  goalReward: 5,
  goalRadius: 0.5,
  noise: 0,
  temperature: 4,
  discount: 0.9,
  steps: 10,
};

function problemOf(task: GridTask): MultigoalProblem {
  return {
    temperature: task.temperature,
    discount: task.discount,
    spacing: 1 / task.steps,
    params: {
      goals: task.goals.flatMap(([x, y]) => [x, y, 0, 0]),
      goal_count: task.goals.length,
      bound: task.bound,
      action_cost: task.actionCost,
      distance_cost: task.distanceCost,
      goal_reward: task.goalReward,
      goal_radius: task.goalRadius,
      noise: task.noise,
    },
  };
}

/** log of the integral of exp(Q / alpha) and the entropy, by midpoints of a fine lattice over the box of actions. */
function integrals(optimum: MultigoalOptimum, state: readonly number[], cells = 500) {
  const nats: number[] = [];
  for (let i = 0; i < cells; i++) {
    for (let j = 0; j < cells; j++) {
      const action = [(2 * i + 1) / cells - 1, (2 * j + 1) / cells - 1];
      nats.push(optimum.qAt(state, action) / optimum.temperature);
    }
  }
  const top = nats.reduce((most, one) => Math.max(most, one), -Infinity);
  const mass = nats.reduce((sum, one) => sum + Math.exp(one - top), 0);
  const mean = nats.reduce((sum, one) => sum + one * Math.exp(one - top), 0) / mass;
  const logIntegral = top + Math.log(mass * (2 / cells) ** 2);
  return { logIntegral, entropy: logIntegral - mean };
}

/** Expects V at every point of the grid to be what sums over all actions give, and gives those. */
function expectNaiveValues(optimum: MultigoalOptimum, task: GridTask): number[] {
  const naive = solveNaively(task);
  const place = (index: number) => index / task.steps - task.bound;
  const values = naive.flatMap((column, i) =>
    column.map((_value, j) => optimum.valueAt([place(i), place(j)])),
  );
  expectClose(values, naive.flat(), TRANSCENDENTAL);
  return naive.flat();
}

describe('soft value iteration agrees with sums over all actions at once', () => {
  test.each<[string, Partial<GridTask>]>([
    ['without noise', {}],
    ['with noise', { noise: 0.1 }],
    ['at a temperature that float32 can just hold', { temperature: 0.1 }],
    ['with moved goals, no action cost and no way to end but one', { goals: [[1.5, 0]], actionCost: 0 }],
  ])('%s', async (_, change) => {
    const task = { ...SMALL, ...change };
    const optimum = await MultigoalOptimum.solve(gpuOf(), problemOf(task));
    const naive = expectNaiveValues(optimum, task);
    // Two float32 steps of a value below 2^k nats are 2^(k - 23).
    const largest = Math.max(...naive.map(Math.abs)) / task.temperature;
    expect(optimum.residual).toBeLessThanOrEqual(Math.max(1e-5, 2 ** (Math.ceil(Math.log2(largest)) - 22)));
  });
});

describe('a solution that is no longer wanted', () => {
  const TASK: GridTask = { ...SMALL, noise: 0.1 };
  const MOST_WAIT_MS = 20_000;

  /** Begins to solve, and comes back in the middle of it. */
  async function begin(gpu: Gpu) {
    const stop = new AbortController();
    const first = gpu.submits;
    const solving = MultigoalOptimum.solve(gpu, problemOf(TASK), { signal: stop.signal });
    const until = performance.now() + MOST_WAIT_MS;
    while (gpu.submits < first + 3 && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 0));
    expect(gpu.submits).toBeGreaterThanOrEqual(first + 3);
    return { solving, stop };
  }

  test('submits nothing more, says why, and leaves nothing on the device; a later one is right', async () => {
    const gpu = gpuOf();
    const before = gpu.memory().total;
    const { solving, stop } = await begin(gpu);
    expect(gpu.memory().total).toBeGreaterThan(before);
    const { submits } = gpu;
    const reason = new Error('the world has changed');
    stop.abort(reason);
    await expect(solving).rejects.toBe(reason);
    expect(gpu.submits).toBe(submits);
    expect(gpu.memory().total).toBe(before);
    const optimum = await MultigoalOptimum.solve(gpu, problemOf(TASK));
    expectNaiveValues(optimum, TASK);
  });

  test('lets go of its tensors at once: whoever stopped it may destroy them', async () => {
    const gpu = gpuOf();
    const free = gpu.scope();
    const { solving, stop } = await begin(gpu);
    stop.abort();
    free();
    await expect(solving).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    await gpu.idle();
  });

  test('is not begun', async () => {
    const gpu = gpuOf();
    const { submits } = gpu;
    const signal = AbortSignal.abort();
    await expect(MultigoalOptimum.solve(gpu, problemOf(TASK), { signal })).rejects.toBe(signal.reason);
    expect(gpu.submits).toBe(submits);
  });
});

describe('the optimum of the task itself', () => {
  const SPACING = 0.05;
  const solved = new Map<number, MultigoalOptimum>();
  beforeAll(async () => {
    for (const { temperature } of OPTIMUM_POINTS) {
      solved.set(temperature, await MultigoalOptimum.solve(gpuOf(), { temperature, spacing: SPACING }));
    }
  });
  const of = (temperature: number) => solved.get(temperature)!;

  test.each(OPTIMUM_POINTS)('at temperature $temperature is where another solver finds it', (set) => {
    const optimum = of(set.temperature);
    for (const { state, value, entropy, action, q } of set.points) {
      // The error of both grids falls with the square of the spacing: 0.005 raw at 0.02 is 0.03 at 0.05.
      expect(Math.abs(optimum.valueAt(state) - value)).toBeLessThan(0.035);
      expect(Math.abs(optimum.qAt(state, action) - q)).toBeLessThan(0.035);
      // Entropies depend on differences of values alone; at (6, 0), on a goal's edge, the other solver's cells count whole.
      expect(Math.abs(optimum.entropyAt(state) - entropy)).toBeLessThan(0.005);
    }
  });

  test.each([
    ['inside the world', [0.33, -1.21], 4],
    ['where a goal is in reach', [3.71, 0.42], 4],
    ['in a corner', [6.93, -6.87], 12],
    ["on a goal's edge", [6, 0], 4],
  ])('V is the log of the integral of exp(Q / alpha) %s', (_, state, slope) => {
    const optimum = of(5);
    const { logIntegral, entropy } = integrals(optimum, state);
    // By (h d)^2 / 12 the trapezoid rule at spacing h misses the integral of a density with log-slope d at the end of the
    // box; interpolation between grid points adds as little again.
    expect(Math.abs(optimum.valueAt(state) / 5 - logIntegral)).toBeLessThan(
      1e-3 + (SPACING * slope) ** 2 / 12,
    );
    // Cells that the edge cuts: a lattice of 500 is right to about 500^-1.5 of each one's share.
    expect(Math.abs(optimum.entropyAt(state) - entropy)).toBeLessThan(1e-3);
    const action = [0.2, -0.7];
    expect(optimum.logDensityAt(state, action)).toBe(
      (optimum.qAt(state, action) - optimum.valueAt(state)) / 5,
    );
  });

  test('Q is the reward alone where the step arrives, and jumps at the edge', () => {
    const optimum = of(10);
    expect(optimum.qAt([3.5, 0.2], [0.9, -0.1])).toBeCloseTo(-30 * 0.82 - (0.36 + 0.01) + 10, 9);
    const outside = optimum.qAt([3.5, 0], [0.5 - 1e-9, 0]);
    expect(outside).toBeCloseTo(-7.5 - 1 + 0.99 * optimum.valueAt([4, 0]), 6);
    expect(optimum.qAt([3.5, 0], [0.5 + 1e-9, 0])).toBeCloseTo(-7.5 - 1 + 10, 6);
  });

  test('there is a mode towards each goal at the origin, and one where a single goal is near', () => {
    const modes = of(10).modesAt([0, 0]);
    expect(modes).toHaveLength(4);
    for (const [gx, gy] of MULTIGOAL_GOALS) {
      const mode = modes.find(({ action }) => action[0] * gx + action[1] * gy > 4)!;
      // -0.895 towards the goal at spacing 0.02; across it the bilinear value is flat within a cell.
      expect(Math.hypot(mode.action[0] - 0.179 * gx, mode.action[1] - 0.179 * gy)).toBeLessThan(0.03);
      expect(mode.q).toBeCloseTo(of(10).qAt([0, 0], mode.action), 12);
      expect(mode.logDensity).toBeCloseTo(of(10).logDensityAt([0, 0], mode.action), 12);
    }
    // The nearest point of the goal's edge: 1 along the line from (3.7, 0.4) to (5, 0), less the radius.
    const [edge, ...others] = of(3).modesAt([3.7, 0.4]);
    expect(others).toEqual([]);
    const distance = Math.hypot(1.3, 0.4);
    expect(edge!.action[0]).toBeCloseTo(1.3 * (1 - 1 / distance), 5);
    expect(edge!.action[1]).toBeCloseTo(-0.4 * (1 - 1 / distance), 5);
    expect(edge!.q).toBeCloseTo(-30 * (distance - 1) ** 2 - 1 + 10, 5);
  });

  test.each([
    ['at the origin', 10, [0, 0]],
    ['across a goal', 3, [3.7, 0.4]],
    ['in a corner', 3, [6.9, -6.8]],
  ])('draws follow the density %s', (_, temperature, state) => {
    const optimum = of(temperature);
    const count = 4000;
    const draws = optimum.sampleAt(state, count, 7);
    const cells = 250;
    for (const axis of [0, 1]) {
      const cumulative = [0];
      for (let i = 0; i < cells; i++) {
        let mass = 0;
        for (let j = 0; j < cells; j++) {
          const along = (2 * i + 1) / cells - 1;
          const across = (2 * j + 1) / cells - 1;
          mass += Math.exp(optimum.logDensityAt(state, axis === 0 ? [along, across] : [across, along]));
        }
        cumulative.push(cumulative[i]! + mass);
      }
      const distribution = (a: number) => {
        const at = ((a + 1) / 2) * cells;
        const i = Math.min(Math.floor(at), cells - 1);
        return (cumulative[i]! + (at - i) * (cumulative[i + 1]! - cumulative[i]!)) / cumulative[cells]!;
      };
      // 1.95 / sqrt(n) is the 0.1 % point of the Kolmogorov-Smirnov statistic.
      const component = draws.map((action) => action[axis]!);
      expect(kolmogorovSmirnov(component, distribution)).toBeLessThan(1.95 / Math.sqrt(count));
    }
  });

  test('draws repeat with their seed, and a longer run begins with the shorter one', () => {
    const five = of(10).sampleAt([1, 2], 5, 3);
    expect(of(10).sampleAt([1, 2], 8, 3).slice(0, 5)).toEqual(five);
    expect(of(10).sampleAt([1, 2], 5, 4)).not.toEqual(five);
  });

  test('episodes of the optimal policy', () => {
    const rollouts = of(10).rollOut({ count: 400, seed: 1 });
    expect(of(10).rollOut({ count: 20, seed: 2 })).toEqual(of(10).rollOut({ count: 20, seed: 2 }));
    // 2000 episodes of another implementation: return -192, deviation 40, length 10.0; four standard errors of 400.
    expect(Math.abs(rollouts.meanReturn + 192)).toBeLessThan(8);
    expect(Math.abs(rollouts.returnDeviation - 40)).toBeLessThan(8);
    expect(Math.abs(rollouts.meanLength - 10)).toBeLessThan(1);
    expect(rollouts.success).toBeGreaterThan(0.98);
    expect(rollouts.goalShares.reduce((sum, share) => sum + share, 0)).toBeGreaterThanOrEqual(
      rollouts.success,
    );
    // Four standard errors of a share of a quarter.
    for (const share of rollouts.goalShares) expect(Math.abs(share - 0.25)).toBeLessThan(0.09);
    expect(of(10).rollOut({ count: 50, seed: 1, maxSteps: 2 })).toMatchObject({
      meanLength: 2,
      success: 0,
      goalShares: [0, 0, 0, 0],
    });
  });

  test('states and actions outside are refused', () => {
    expect(() => of(10).valueAt([7.1, 0])).toThrow(RangeError);
    expect(() => of(10).sampleAt([0, NaN], 1, 0)).toThrow(RangeError);
    expect(() => of(10).qAt([0, 0], [1.01, 0])).toThrow(RangeError);
  });
});

test('solving destroys its own tensors and no others, whatever scopes begin and end meanwhile', async () => {
  const gpu = gpuOf();
  const before = gpu.memory().total;
  const solving = MultigoalOptimum.solve(gpu, problemOf(SMALL));
  const release = gpu.scope();
  const other = gpu.tensorOf('other', Float32Array.of(1, 2, 3));
  await solving;
  expect(gpu.memory().tensors.map(({ label }) => label)).toContain('other');
  expect(await gpu.read(other)).toEqual(Float32Array.of(1, 2, 3));
  release();
  expect(gpu.memory().total).toBe(before);
});

test('with noise, draws follow a density whose integral is V', async () => {
  const task = { ...SMALL, noise: 0.2 };
  const optimum = await MultigoalOptimum.solve(gpuOf(), problemOf(task));
  for (const state of [
    [0.5, 0.1],
    [1.45, -1.4],
  ]) {
    // As above, for slopes of 2 * 12 / 4 and spacing 0.1: (0.6)^2 / 12 of the density at the ends.
    const { logIntegral, entropy } = integrals(optimum, state, 200);
    expect(Math.abs(optimum.valueAt(state) / 4 - logIntegral)).toBeLessThan(0.02);
    expect(optimum.entropyAt(state)).toBeCloseTo(entropy, 3);
    const nats = optimum.sampleAt(state, 2000, 1).map((action) => -optimum.logDensityAt(state, action));
    const mean = nats.reduce((sum, one) => sum + one, 0) / nats.length;
    const deviation = Math.sqrt(nats.reduce((sum, one) => sum + (one - mean) ** 2, 0) / nats.length);
    // The mean of -log pi* is the entropy, up to what V is off by.
    expect(Math.abs(mean - entropy)).toBeLessThan(0.02 + (4 * deviation) / Math.sqrt(nats.length));
  }
  expect(optimum.rollOut({ count: 20, seed: 2, maxSteps: 100 }).goalShares).toHaveLength(3);
  expect(() => optimum.model(0)).toThrow(UsageError);
  expect(() => optimum.model(0)).toThrow(/a task with noise, here 0.2: solve it with noise 0/);
});

describe('episodes of worlds whose answer is known', () => {
  const alone = { goals: [0, 0, 0, 0], goal_count: 1, goal_reward: 0, start_spread: 0 };

  test('the return contains the noise', async () => {
    // No goal to reach and no future: pi* is normal with variance alpha / (2 (1 + 1)), far from the box's faces, and the
    // one step from the origin pays |a|^2 + |a + noise e|^2 = alpha + 2 noise^2 on average.
    const params = { ...alone, goal_radius: 0, bound: 3, action_cost: 1, distance_cost: 1, noise: 0.5 };
    const problem = { temperature: 0.2, discount: 0, spacing: 0.1, params };
    const optimum = await MultigoalOptimum.solve(gpuOf(), problem);
    const rollouts = optimum.rollOut({ count: 1000, seed: 4, maxSteps: 1 });
    // Four standard errors: the costs' deviation is 0.65. Without noise the mean would be -0.2.
    expect(Math.abs(rollouts.meanReturn + 0.7)).toBeLessThan(0.085);
  });

  test('who arrives after the time limit has not succeeded in time', async () => {
    // Neither costs nor a future: pi* is uniform, and arrives in a step with a probability of at most goal area / box
    // area, and of at least a quarter of it, where the wall or a corner leaves a part of the goal in reach.
    const radius = 0.2;
    const params = { ...alone, goal_radius: radius, bound: 1, action_cost: 0, distance_cost: 0 };
    const problem = { temperature: 1, discount: 0, spacing: 0.1, params };
    const optimum = await MultigoalOptimum.solve(gpuOf(), problem);
    const count = 400;
    const rollouts = optimum.rollOut({ count, seed: 5, maxSteps: 1000 });
    const arrival = (Math.PI * radius ** 2) / 4;
    const inTime = (probability: number) => 1 - (1 - probability) ** 30;
    // Four standard errors of a share.
    const allowance = 4 * Math.sqrt(0.25 / count);
    expect(rollouts.goalShares[0]).toBeGreaterThan(0.99);
    expect(rollouts.success).toBeLessThan(inTime(arrival) + allowance);
    expect(rollouts.success).toBeGreaterThan(inTime(arrival / 4) - allowance);
  });
});

test.each<[Partial<MultigoalProblem>, RegExp]>([
  [{ temperature: 0 }, /temperature must be a number of at least 0.2/],
  [{ temperature: NaN }, /temperature must be/],
  [{ temperature: -1, params: { action_cost: 0 } }, /temperature must be above 0, not -1\./],
  [{ discount: 1 }, /discount must lie from 0 to below 1, not 1/],
  [{ spacing: 0.03 }, /spacing must divide .* but 0.03 does not/],
  [{ spacing: -0.1 }, /but -0.1 does not/],
  [{ spacing: 0.1, params: { bound: 6.97 } }, /side 13.94 into whole parts/],
  [{ spacing: 0.25 }, /too coarse: take 0.2 or less/],
  [{ spacing: 0.001 }, /does not fit the buffers of this adapter: the finest that does is 0\.00\d+\./],
  [{ spacing: 0.1, params: { noise: 0.05 } }, /noise of 0.05 cannot be solved on a grid of spacing 0.1/],
  [{ params: { noise: 1.5 } }, /noise of 1.5/],
  [{ params: { gaols: [1, 2] } }, /no parameter 'gaols'/],
  [{ params: { goal_count: 9 } }, /four numbers for each of 9 goals/],
  [{ params: { goal_radius: -1 } }, /'goal_radius' must be at least 0, not -1/],
  [{ params: { distance_cost: Infinity } }, /'distance_cost' must be finite/],
])('%o is refused with a sentence', async (change, sentence) => {
  const problem = { temperature: 10, spacing: 0.1, ...change };
  const refused = MultigoalOptimum.solve(gpuOf(), problem);
  await expect(refused).rejects.toThrow(sentence);
  await expect(refused).rejects.toBeInstanceOf(UsageError);
});

test('a temperature at which the optimum does not go to the goals is warned of', () => {
  expect(hoverWarning(12, 0.99)).toBeUndefined();
  // At another discount other temperatures would have to be named.
  expect(hoverWarning(15, 0.9)).toBeUndefined();
  expect(hoverWarning(13, 0.99)).toMatch(/^At temperature 13 .* outlast the limit of 30 steps/);
  expect(hoverWarning(15, 0.99)).toMatch(/^At temperature 15 .* hovers/);
});
