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
/** How finely the optimum is solved. */
export interface Resolution {
  /** Grid steps per unit of length. */
  readonly perUnit: number;
  /** Midpoints per axis of the integrals over actions. */
  readonly actionPoints: number;
}

/** V is a few hundredths of a nat off the limit of fine grids. */
const COARSE: Resolution = { perUnit: 10, actionPoints: 40 };
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
 * from 0. With exp(-30 |a|^2 / alpha) a product over the axes, the integral is one trapezoidal sum per axis. A cell that
 * a goal's rim cuts counts by its area on either side, so that the error falls with the square of the grid's step.
 */
function solve(
  temperature: number,
  discount: number,
  perUnit: number,
): { value: Float64Array; side: number } {
  const half = POSITION_LIMIT * perUnit;
  const side = 2 * half + 1;
  const reach = ACTION_LIMIT * perUnit;
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, k) => {
    const a = (k - reach) / perUnit;
    const end = k === 0 || k === 2 * reach ? 0.5 : 1;
    return (end / perUnit) * Math.exp((-ACTION_COST * a * a) / temperature);
  });
  const stage = new Float64Array(side * side);
  const inside = new Float64Array(side * side);
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) {
      const [x, y] = [(i - half) / perUnit, (j - half) / perUnit];
      stage[i * side + j] = (-DISTANCE_COST * squaredDistance(x, y)) / temperature;
      inside[i * side + j] = shareInside(x, y, 1 / perUnit);
    }
  }
  const arrival = GOAL_REWARD / temperature;
  let value = new Float64Array(side * side);
  for (let change = Infinity; change > RESIDUAL;) {
    const onward = value.map((v) => (discount * v) / temperature);
    const top = onward.reduce((most, v) => Math.max(most, v), arrival);
    let field = onward.map((v, n) => {
      const share = inside[n]!;
      return Math.exp(stage[n]!) * (share * Math.exp(arrival - top) + (1 - share) * Math.exp(v - top));
    });
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

/** Points along a side of a cell by which the share of it inside a goal is counted. */
const COUNTED = 16;

/** The share of the square of side `width` around (x, y) that lies inside a goal. */
function shareInside(x: number, y: number, width: number): number {
  const distance = Math.sqrt(squaredDistance(x, y)) - Math.sqrt(GOAL_THRESHOLD);
  if (Math.abs(distance) > width) return distance < 0 ? 1 : 0;
  let count = 0;
  for (let i = 0; i < COUNTED; i++) {
    for (let j = 0; j < COUNTED; j++) {
      const [dx, dy] = [((i + 0.5) / COUNTED - 0.5) * width, ((j + 0.5) / COUNTED - 0.5) * width];
      if (squaredDistance(x + dx, y + dy) < GOAL_THRESHOLD) count++;
    }
  }
  return count / COUNTED ** 2;
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
export class OracleOptimum {
  readonly temperature: number;
  readonly discount = 0.99;
  private readonly grid: Float64Array;
  private readonly side: number;
  private readonly resolution: Resolution;
  private readonly tables = new Map<string, Table>();

  constructor(temperature: number, resolution = COARSE) {
    this.temperature = temperature;
    this.resolution = resolution;
    const { value, side } = solve(temperature, this.discount, resolution.perUnit);
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
    const { actionPoints } = this.resolution;
    const width = 2 / actionPoints;
    const values = Float64Array.from({ length: actionPoints ** 2 }, (_, n) =>
      this.qAt(state, [
        (Math.floor(n / actionPoints) + 0.5) * width - 1,
        ((n % actionPoints) + 0.5) * width - 1,
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
    const { perUnit } = this.resolution;
    const row = (x + POSITION_LIMIT) * perUnit;
    const column = (y + POSITION_LIMIT) * perUnit;
    const i = Math.min(Math.floor(row), side - 2);
    const j = Math.min(Math.floor(column), side - 2);
    const at = i * side + j;
    const near = grid[at]! + (column - j) * (grid[at + 1]! - grid[at]!);
    const far = grid[at + side]! + (column - j) * (grid[at + side + 1]! - grid[at + side]!);
    return near + (row - i) * (far - near);
  }
}
