import type { SoftValueGrid } from './soft-value-iteration.ts';
import type { MultigoalWorld } from './multigoal-world.ts';

/** A rectangle of the plane. */
export interface Rectangle {
  readonly left: number;
  readonly right: number;
  readonly low: number;
  readonly high: number;
}

/** A plane over a block: `height` at the block's middle, and slopes; raw reward units. */
export interface Plane {
  readonly height: number;
  readonly slopeX: number;
  readonly slopeY: number;
}

/** Blocks along a unit of length, each of which has a plane above it. */
const BLOCKS_PER_UNIT = 8;

/**
 * What the solved value says of every position that an action may lead to, walls and noise behind it included: the
 * stage's reward without the action's cost, the goal's reward, and the discounted value. Values are read from the grid by
 * bilinear interpolation, which never exceeds the four points around; raw reward units throughout.
 */
export class Continuation {
  /** Along an axis, from -bound - 1 to bound + 1 or a little further. */
  readonly #blocks: number;
  readonly #world: MultigoalWorld;
  readonly #discount: number;
  readonly #value: Bilinear;
  /** What is expected before the noise; undefined without noise, where the reward itself says it. */
  readonly #expected: Bilinear | undefined;
  /** Of every block, column by column. */
  readonly #planes: readonly Plane[];

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
    this.#blocks = Math.ceil((2 * world.bound + 2) * BLOCKS_PER_UNIT);
    this.#planes = Array.from({ length: this.#blocks ** 2 }, (_, i) =>
      this.#planeAbove(this.block(Math.floor(i / this.#blocks), i % this.#blocks)),
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
    return Math.min(Math.max(index, 0), this.#blocks - 1);
  }

  /** The block at a column and row. */
  block(column: number, row: number): Rectangle {
    const edge = (index: number) => index / BLOCKS_PER_UNIT - this.#world.bound - 1;
    return { left: edge(column), right: edge(column + 1), low: edge(row), high: edge(row + 1) };
  }

  /** A plane that `at` does not exceed in that block. */
  planeAbove(column: number, row: number): Plane {
    return this.#planes[column * this.#blocks + row]!;
  }

  #planeAbove(block: Rectangle): Plane {
    const width = block.right - block.left;
    const middleX = block.left + width / 2;
    const middleY = block.low + width / 2;
    const above = this.#aboveIn(block);
    const { left, right, low, high } = block;
    const [sw, nw, se, ne] = [above(left, low), above(left, high), above(right, low), above(right, high)];
    const slopeX = (se + ne - sw - nw) / (2 * width);
    const slopeY = (nw + ne - sw - se) / (2 * width);
    // Between these lines all but the distance's cost is bilinear, so the highest point over a plane is a crossing.
    const linesY = this.#lines(low, high);
    let height = -Infinity;
    for (const x of this.#lines(left, right)) {
      for (const y of linesY)
        height = Math.max(height, above(x, y) - slopeX * (x - middleX) - slopeY * (y - middleY));
    }
    // The distance's cost is curved: between crossings it rises over its chords by no more than this.
    const curved = this.#expected ? 0 : this.#world.distanceCost * (width / 2) ** 2 * 2;
    return { height: height + curved, slopeX, slopeY };
  }

  /** What `at` is in a block, or the larger of what it is on either side of a goal's edge where one may cut the block. */
  #aboveIn({ left, right, low, high }: Rectangle): (x: number, y: number) => number {
    const world = this.#world;
    const radius = world.goalRadius ** 2;
    const [l, r, b, t] = [world.clip(left), world.clip(right), world.clip(low), world.clip(high)];
    const touches = world.goals.some(([x, y]) => away(x, l, r) ** 2 + away(y, b, t) ** 2 < radius);
    const inside = world.goals.some(([x, y]) => farthest(x, l, r) ** 2 + farthest(y, b, t) ** 2 < radius);
    if (this.#expected || inside || !touches) return (x, y) => this.at(x, y);
    return (x, y) => {
      const px = world.clip(x);
      const py = world.clip(y);
      const next = Math.max(world.goalReward, this.#discount * this.#value.at(px, py));
      return next - world.distanceCost * world.squaredDistance(px, py);
    };
  }

  /** The ends of an interval, and the walls and the grid's lines within it. */
  #lines(from: number, to: number): number[] {
    const grid = this.#expected ?? this.#value;
    const { bound } = this.#world;
    return [from, to, ...[-bound, bound, ...grid.lines(from, to)].filter((one) => one > from && one < to)];
  }
}

/** How far a coordinate lies outside an interval. */
function away(coordinate: number, low: number, high: number): number {
  return Math.max(low - coordinate, coordinate - high, 0);
}

/** How far the farther end of an interval is from a coordinate. */
function farthest(coordinate: number, low: number, high: number): number {
  return Math.max(Math.abs(coordinate - low), Math.abs(coordinate - high));
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

  /** Coordinates of the grid's columns, which are its rows' too, about an interval. */
  lines(from: number, to: number): number[] {
    const first = Math.max(Math.floor((from + this.#half) * this.#perUnit), 0);
    const last = Math.min(Math.ceil((to + this.#half) * this.#perUnit), this.#points - 1);
    return Array.from(
      { length: Math.max(last - first + 1, 0) },
      (_, k) => (first + k) / this.#perUnit - this.#half,
    );
  }
}
