import { random, uniform } from '../gpu/random.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';
import type { Continuation } from './continuation.ts';
import type { MultigoalWorld } from './multigoal-world.ts';

/** A rectangle of actions and a number that Q / alpha does not exceed in it. */
interface Cell {
  readonly left: number;
  readonly low: number;
  readonly width: number;
  readonly height: number;
  readonly bound: number;
}

/** What draws at one state (x, y) are proposed from: a density above pi*(.|s), up to a factor. */
export interface Envelope {
  readonly x: number;
  readonly y: number;
  readonly cells: readonly Cell[];
  /** Running sums of area times exp(bound), up to a factor. */
  readonly cumulative: Float64Array;
}

const STREAM = constantsOf(shaderSource('common/random.wgsl'))['STREAM_OPTIMUM']!;
/** Proposals refused in a row at which a draw gives up; tens are usual. */
const MOST_PROPOSALS = 1_000_000;

/** Exact draws of pi*(.|s) by rejection from densities that are constant on small rectangles of actions. */
export class ActionSampler {
  readonly #world: MultigoalWorld;
  readonly #continuation: Continuation;
  readonly #temperature: number;

  constructor(world: MultigoalWorld, continuation: Continuation, temperature: number) {
    this.#world = world;
    this.#continuation = continuation;
    this.#temperature = temperature;
  }

  /** A density above pi*(.|s): on each block that actions reach, the exponential of a bound of Q / alpha. */
  envelopeAt(x: number, y: number): Envelope {
    const { actionCost } = this.#world;
    const continuation = this.#continuation;
    const cells: Cell[] = [];
    let top = -Infinity;
    const lastColumn = continuation.blockOf(x + 1);
    const lastRow = continuation.blockOf(y + 1);
    for (let column = continuation.blockOf(x - 1); column <= lastColumn; column++) {
      for (let row = continuation.blockOf(y - 1); row <= lastRow; row++) {
        const block = continuation.block(column, row);
        const left = Math.max(block.left - x, -1);
        const right = Math.min(block.right - x, 1);
        const low = Math.max(block.low - y, -1);
        const high = Math.min(block.high - y, 1);
        if (left >= right || low >= high) continue;
        const { height, slopeX, slopeY } = continuation.planeAbove(column, row);
        const offset =
          slopeX * (x - (block.left + block.right) / 2) + slopeY * (y - (block.low + block.high) / 2);
        const actions = highest(slopeX, actionCost, left, right) + highest(slopeY, actionCost, low, high);
        const bound = (height + offset + actions) / this.#temperature;
        top = Math.max(top, bound);
        cells.push({ left, low, width: right - left, height: high - low, bound });
      }
    }
    const cumulative = new Float64Array(cells.length);
    let sum = 0;
    cells.forEach(({ width, height, bound }, i) => {
      sum += width * height * Math.exp(bound - top);
      cumulative[i] = sum;
    });
    return { x, y, cells, cumulative };
  }

  /** One draw; `iteration` numbers the draws of a seed. */
  draw({ x, y, cells, cumulative }: Envelope, seed: number, iteration: number): [number, number] {
    const { actionCost } = this.#world;
    const total = cumulative.at(-1)!;
    for (let attempt = 0; attempt < MOST_PROPOSALS; attempt++) {
      const [which, u, v, accept] = random(seed, STREAM, iteration, attempt);
      const cell = cells[firstAbove(cumulative, uniform(which) * total)]!;
      const ax = cell.left + uniform(u) * cell.width;
      const ay = cell.low + uniform(v) * cell.height;
      const q = this.#continuation.at(x + ax, y + ay) - actionCost * (ax ** 2 + ay ** 2);
      if (uniform(accept) < Math.exp(q / this.#temperature - cell.bound)) return [ax, ay];
    }
    throw new Error(`No action was drawn at (${x}, ${y}) in ${MOST_PROPOSALS} proposals.`);
  }
}

/** The maximum of slope a - cost a^2 over an interval. */
function highest(slope: number, cost: number, from: number, to: number): number {
  const free = cost > 0 ? slope / (2 * cost) : slope * Infinity;
  const a = slope === 0 ? Math.min(Math.max(0, from), to) : Math.min(Math.max(free, from), to);
  return slope * a - cost * a ** 2;
}

/** The first index whose number is above `threshold`. */
function firstAbove(rising: Float64Array, threshold: number): number {
  let low = 0;
  let high = rising.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle]! > threshold) high = middle;
    else low = middle + 1;
  }
  return low;
}
