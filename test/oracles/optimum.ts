// The exact optimum of the multi-goal task on a coarse grid, in float64, and draws of its policy.

import {
  ACTION_COST,
  ACTION_LIMIT,
  DISTANCE_COST,
  GOAL_REWARD,
  GOAL_THRESHOLD,
  POSITION_LIMIT,
} from './multigoal.ts';

/** How far the goals lie from the origin, on both axes and to both sides. */
const GOAL_DISTANCE = 5;
/** Grid steps per unit of length: V is a few hundredths of a nat off the limit of fine grids. */
const PER_UNIT = 10;
/** Midpoints per axis of the integrals over actions. */
const ACTION_POINTS = 40;
/** Value iteration ends when no value moves by more, raw reward units. */
const RESIDUAL = 1e-6;
/** The density between two midpoints may exceed its largest value at any of them by this much, in nats. */
const HEADROOM = 0.5;

/** Numbers in [0, 1) that depend on nothing but the seed: mulberry32, faster than the counter-based ones. */
export function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * V(s) = alpha log of the integral over [-1, 1]^2 of exp((r + gamma (1 - done) V(s')) / alpha), s' = clip(s + a), iterated
 * from 0. With exp(-30 |a|^2 / alpha) a product over the axes, the integral is one trapezoidal sum per axis.
 */
function solve(temperature: number, discount: number): { value: Float64Array; side: number } {
  const half = POSITION_LIMIT * PER_UNIT;
  const side = 2 * half + 1;
  const reach = ACTION_LIMIT * PER_UNIT;
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, k) => {
    const a = (k - reach) / PER_UNIT;
    const end = k === 0 || k === 2 * reach ? 0.5 : 1;
    return (end / PER_UNIT) * Math.exp((-ACTION_COST * a * a) / temperature);
  });
  const arrival = new Float64Array(side * side);
  const onward = new Float64Array(side * side);
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) {
      const d2 = squaredDistance((i - half) / PER_UNIT, (j - half) / PER_UNIT);
      const done = d2 < GOAL_THRESHOLD;
      arrival[i * side + j] = -DISTANCE_COST * d2 + (done ? GOAL_REWARD : 0);
      onward[i * side + j] = done ? 0 : discount;
    }
  }
  let value = new Float64Array(side * side);
  for (let change = Infinity; change > RESIDUAL;) {
    const gain = value.map((v, n) => (arrival[n]! + onward[n]! * v) / temperature);
    const top = gain.reduce((most, g) => Math.max(most, g), -Infinity);
    let field = gain.map((g) => Math.exp(g - top));
    for (const stride of [1, side]) {
      const summed = new Float64Array(side * side);
      for (let line = 0; line < side; line++) {
        const base = stride === 1 ? line * side : line;
        for (let n = 0; n < side; n++) {
          let sum = 0;
          for (let k = -reach; k <= reach; k++) {
            const at = Math.min(Math.max(n + k, 0), side - 1);
            sum += kernel[k + reach]! * field[base + at * stride]!;
          }
          summed[base + n * stride] = sum;
        }
      }
      field = summed;
    }
    const next = field.map((sum) => temperature * (top + Math.log(sum)));
    change = next.reduce((most, v, n) => Math.max(most, Math.abs(v - value[n]!)), 0);
    value = next;
  }
  return { value, side };
}

/** d2 of the nearest of the goals (+-5, 0), (0, +-5), by symmetry. */
function squaredDistance(x: number, y: number): number {
  return Math.min((Math.abs(x) - GOAL_DISTANCE) ** 2 + y * y, x * x + (Math.abs(y) - GOAL_DISTANCE) ** 2);
}

/** A coordinate after a move, kept inside the world. */
function moved(position: number, move: number): number {
  return Math.min(Math.max(position + move, -POSITION_LIMIT), POSITION_LIMIT);
}

/** pi* at one state, tabulated at midpoints. */
interface Table {
  /** V*(s) of the quadrature. */
  readonly value: number;
  readonly entropy: number;
  /** The largest Q* at any midpoint. */
  readonly top: number;
}

/** The optimum of the noiseless task at `temperature`, discount 0.99; densities are normalised to about 0.005 nats, 0.02 where the rim of a goal is near. */
export class MultiGoalOptimum {
  readonly temperature: number;
  readonly discount = 0.99;
  private readonly grid: Float64Array;
  private readonly side: number;
  private readonly tables = new Map<string, Table>();

  constructor(temperature: number) {
    this.temperature = temperature;
    const { value, side } = solve(temperature, this.discount);
    this.grid = value;
    this.side = side;
  }

  valueAt(state: readonly number[]): number {
    return this.tableAt(state).value;
  }

  qAt(state: readonly number[], action: readonly number[]): number {
    const [a, b] = [action[0]!, action[1]!];
    const x = moved(state[0]!, a);
    const y = moved(state[1]!, b);
    const d2 = squaredDistance(x, y);
    const reward = -ACTION_COST * (a * a + b * b) - DISTANCE_COST * d2;
    return d2 < GOAL_THRESHOLD ? reward + GOAL_REWARD : reward + this.discount * this.interpolate(x, y);
  }

  logDensityAt(state: readonly number[], action: readonly number[]): number {
    return (this.qAt(state, action) - this.tableAt(state).value) / this.temperature;
  }

  entropyAt(state: readonly number[]): number {
    return this.tableAt(state).entropy;
  }

  /** By rejection under the largest density. */
  sampleAt(state: readonly number[], count: number, seed: number): number[][] {
    const draw = generator(seed);
    const bound = this.tableAt(state).top / this.temperature + HEADROOM;
    const actions: number[][] = [];
    while (actions.length < count) {
      const action = [2 * draw() - 1, 2 * draw() - 1];
      if (Math.log(draw()) < this.qAt(state, action) / this.temperature - bound) actions.push(action);
    }
    return actions;
  }

  private tableAt(state: readonly number[]): Table {
    const key = state.join();
    let table = this.tables.get(key);
    if (!table) this.tables.set(key, (table = this.tabulate(state)));
    return table;
  }

  private tabulate(state: readonly number[]): Table {
    const width = 2 / ACTION_POINTS;
    const values = Float64Array.from({ length: ACTION_POINTS ** 2 }, (_, n) =>
      this.qAt(state, [
        (Math.floor(n / ACTION_POINTS) + 0.5) * width - 1,
        ((n % ACTION_POINTS) + 0.5) * width - 1,
      ]),
    );
    const top = values.reduce((most, q) => Math.max(most, q), -Infinity);
    const weights = values.map((q) => Math.exp((q - top) / this.temperature));
    const total = weights.reduce((sum, w) => sum + w, 0);
    const value = top + this.temperature * Math.log(total * width * width);
    const mean = values.reduce((sum, q, n) => sum + (weights[n]! / total) * q, 0);
    return { value, entropy: (value - mean) / this.temperature, top };
  }

  /** Bilinear between the grid's states. */
  private interpolate(x: number, y: number): number {
    const { grid, side } = this;
    const row = (x + POSITION_LIMIT) * PER_UNIT;
    const column = (y + POSITION_LIMIT) * PER_UNIT;
    const i = Math.min(Math.floor(row), side - 2);
    const j = Math.min(Math.floor(column), side - 2);
    const at = i * side + j;
    const near = grid[at]! + (column - j) * (grid[at + 1]! - grid[at]!);
    const far = grid[at + side]! + (column - j) * (grid[at + side + 1]! - grid[at + side]!);
    return near + (row - i) * (far - near);
  }
}
