import type { SoftValueGrid } from './soft-value-iteration.ts';
import type { MultigoalWorld } from './multigoal-world.ts';

/** A rectangle of the plane. */
export interface Rectangle {
  readonly left: number;
  readonly right: number;
  readonly low: number;
  readonly high: number;
}

/** Blocks along a unit of length, by which rectangles are bounded. */
const BLOCKS_PER_UNIT = 8;

/**
 * What the solved value says of every position that an action may lead to, walls and noise behind it included: the
 * stage's reward without the action's cost, the goal's reward, and the discounted value. Values are read from the grid by
 * bilinear interpolation, which never exceeds the four points around; raw reward units throughout.
 */
export class Continuation {
  /** Of which blocks there is a bound: `blocks` an axis over -bound - 1 to bound + 1, column by column. */
  readonly blocks: number;
  readonly #world: MultigoalWorld;
  readonly #discount: number;
  readonly #value: Bilinear;
  /** What is expected before the noise; undefined without noise, where the reward itself says it. */
  readonly #expected: Bilinear | undefined;
  readonly #bounds: Float64Array;

  constructor(
    world: MultigoalWorld,
    grid: SoftValueGrid,
    options: { temperature: number; discount: number },
  ) {
    const { temperature, discount } = options;
    this.#world = world;
    this.#discount = discount;
    this.#value = new Bilinear(grid.value, world.bound, temperature);
    this.#expected = grid.continuation && new Bilinear(grid.continuation, world.bound + 1, temperature);
    this.blocks = Math.ceil((2 * world.bound + 2) * BLOCKS_PER_UNIT);
    this.#bounds = Float64Array.from({ length: this.blocks ** 2 }, (_, i) =>
      this.#bound(this.block(Math.floor(i / this.blocks), i % this.blocks)),
    );
  }

  /** V at a position inside the walls. */
  valueAt(x: number, y: number): number {
    return this.#value.at(x, y);
  }

  /** E[stage reward + gamma (1 - terminated) V(s')] where s' is (x, y) with noise, moved back to the walls. */
  at(x: number, y: number): number {
    if (this.#expected) return this.#expected.at(x, y);
    const world = this.#world;
    const px = world.clip(x);
    const py = world.clip(y);
    const squared = world.squaredDistance(px, py);
    const arrived = squared < world.goalRadius ** 2;
    return (
      (arrived ? world.goalReward : this.#discount * this.#value.at(px, py)) - world.distanceCost * squared
    );
  }

  /** Whether the square cell around (x, y) holds both positions that end the episode and others, so that `at` jumps. */
  jumpsWithin(x: number, y: number, side: number): boolean {
    if (this.#expected) return false;
    const share = this.#world.arrivedShare(x, y, side);
    return share > 0 && share < 1;
  }

  /** The column or row of blocks in which a coordinate lies. */
  blockOf(coordinate: number): number {
    const index = Math.floor((coordinate + this.#world.bound + 1) * BLOCKS_PER_UNIT);
    return Math.min(Math.max(index, 0), this.blocks - 1);
  }

  /** The block at a column and row. */
  block(column: number, row: number): Rectangle {
    const edge = (index: number) => index / BLOCKS_PER_UNIT - this.#world.bound - 1;
    return { left: edge(column), right: edge(column + 1), low: edge(row), high: edge(row + 1) };
  }

  /** A number that `at` does not exceed in that block. */
  boundOf(column: number, row: number): number {
    return this.#bounds[column * this.blocks + row]!;
  }

  #bound(block: Rectangle): number {
    if (this.#expected) return this.#expected.highest(block);
    const world = this.#world;
    const inside = {
      left: world.clip(block.left),
      right: world.clip(block.right),
      low: world.clip(block.low),
      high: world.clip(block.high),
    };
    const nearest = Math.min(
      ...world.goals.map(
        ([x, y]) => away(x, inside.left, inside.right) ** 2 + away(y, inside.low, inside.high) ** 2,
      ),
    );
    const future = this.#discount * this.#value.highest(inside);
    const best = nearest < world.goalRadius ** 2 ? Math.max(world.goalReward, future) : future;
    return best - world.distanceCost * nearest;
  }
}

/** How far a coordinate lies outside an interval. */
function away(coordinate: number, low: number, high: number): number {
  return Math.max(low - coordinate, coordinate - high, 0);
}

/** A function on a square around the origin, given on a grid and bilinear between its points. */
class Bilinear {
  readonly #numbers: Float32Array;
  readonly #points: number;
  readonly #half: number;
  readonly #perUnit: number;
  readonly #scale: number;

  /** `numbers` (points, points) column by column over -half to half; results are `scale` times these. */
  constructor(numbers: Float32Array, half: number, scale: number) {
    this.#numbers = numbers;
    this.#points = Math.round(Math.sqrt(numbers.length));
    this.#half = half;
    this.#perUnit = (this.#points - 1) / (2 * half);
    this.#scale = scale;
  }

  at(x: number, y: number): number {
    const points = this.#points;
    const column = (x + this.#half) * this.#perUnit;
    const row = (y + this.#half) * this.#perUnit;
    const i = Math.min(Math.max(Math.floor(column), 0), points - 2);
    const j = Math.min(Math.max(Math.floor(row), 0), points - 2);
    const u = column - i;
    const v = row - j;
    const first = i * points + j;
    const numbers = this.#numbers;
    const left = numbers[first]! * (1 - v) + numbers[first + 1]! * v;
    const right = numbers[first + points]! * (1 - v) + numbers[first + points + 1]! * v;
    return this.#scale * (left * (1 - u) + right * u);
  }

  /** The largest number at the grid's points in a rectangle and around it. */
  highest({ left, right, low, high }: Rectangle): number {
    const from = (coordinate: number) => Math.max(Math.floor((coordinate + this.#half) * this.#perUnit), 0);
    const to = (coordinate: number) =>
      Math.min(Math.ceil((coordinate + this.#half) * this.#perUnit), this.#points - 1);
    let most = -Infinity;
    for (let i = from(left); i <= to(right); i++) {
      for (let j = from(low); j <= to(high); j++) most = Math.max(most, this.#numbers[i * this.#points + j]!);
    }
    return this.#scale * most;
  }
}
