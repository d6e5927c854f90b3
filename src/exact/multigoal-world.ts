import { multigoal } from '../envs/multigoal.ts';
import type { EnvParams } from '../envs/environment.ts';
import { UsageError } from '../gpu/errors.ts';

/** A point of the plane. */
export type Point = readonly [x: number, y: number];

/** The multi-goal task of `shaders/envs/multigoal.wgsl` in float64, with any of its parameters changed. */
export class MultigoalWorld {
  readonly goals: readonly Point[];
  /** Half the side of the square of positions. */
  readonly bound: number;
  readonly actionCost: number;
  readonly distanceCost: number;
  readonly goalReward: number;
  readonly goalRadius: number;
  /** Standard deviation of what is added to each coordinate of a step. */
  readonly noise: number;
  /** Standard deviation of each coordinate of the first position, before it is clipped. */
  readonly startSpread: number;

  /**
   * `params` by the names of `struct EnvParams`; those left out are the environment's own.
   * @throws UsageError if a name is unknown or a number is not finite or out of range.
   */
  constructor(params: EnvParams = {}) {
    const all: EnvParams = { ...multigoal.defaultParams, ...params };
    for (const [name, value] of Object.entries(all)) {
      if (!(name in multigoal.defaultParams))
        throw new UsageError(
          `multigoal has no parameter '${name}'; it has ${Object.keys(multigoal.defaultParams).join(', ')}.`,
        );
      if (![value].flat().every(Number.isFinite))
        throw new UsageError(`multigoal's parameter '${name}' must be finite numbers.`);
    }
    const number = (name: string, least = 0) => {
      const value = all[name] as number;
      if (!(value >= least))
        throw new UsageError(`multigoal's parameter '${name}' must be at least ${least}, not ${value}.`);
      return value;
    };
    const flat = [all['goals']!].flat();
    const count = number('goal_count', 1);
    if (!Number.isInteger(count) || count * FLOATS_PER_GOAL > flat.length)
      throw new UsageError(
        `multigoal's parameter 'goals' must hold four numbers for each of ${count} goals.`,
      );
    this.goals = Array.from({ length: count }, (_, g): Point => [
      flat[FLOATS_PER_GOAL * g]!,
      flat[FLOATS_PER_GOAL * g + 1]!,
    ]);
    this.bound = number('bound', 1);
    this.actionCost = number('action_cost');
    this.distanceCost = number('distance_cost');
    this.goalReward = number('goal_reward', -Infinity);
    this.goalRadius = number('goal_radius');
    this.noise = number('noise');
    this.startSpread = number('start_spread');
  }

  /** A coordinate moved back to the wall if it lies beyond. */
  clip(coordinate: number): number {
    return Math.min(Math.max(coordinate, -this.bound), this.bound);
  }

  /** Squared distance from a position to the nearest goal. */
  squaredDistance(x: number, y: number): number {
    let nearest = Infinity;
    for (const [gx, gy] of this.goals) nearest = Math.min(nearest, (x - gx) ** 2 + (y - gy) ** 2);
    return nearest;
  }

  /** Which goal ends an episode at this position, the nearest one if several do; null for none. */
  goalAt(x: number, y: number): number | null {
    const nearest = this.squaredDistance(x, y);
    if (!(nearest < this.goalRadius ** 2)) return null;
    return this.goals.findIndex(([gx, gy]) => (x - gx) ** 2 + (y - gy) ** 2 === nearest);
  }

  /** Whether a position lies within the radius of a goal: the comparison is strict. */
  arrivedAt(x: number, y: number): boolean {
    return this.squaredDistance(x, y) < this.goalRadius ** 2;
  }

  /**
   * The share of the square cell of side `side` around an unclipped position whose clipped points have arrived; by
   * midpoints of a lattice where the goal's edge may cut the cell.
   */
  arrivedShare(x: number, y: number, side: number): number {
    const distance = Math.sqrt(this.squaredDistance(this.clip(x), this.clip(y)));
    // The distance to the nearest goal changes by no more than one moves.
    if (Math.abs(distance - this.goalRadius) > side * Math.SQRT1_2) return distance < this.goalRadius ? 1 : 0;
    let arrived = 0;
    for (let i = 0; i < LATTICE; i++) {
      for (let j = 0; j < LATTICE; j++) {
        const px = this.clip(x + ((i + 0.5) / LATTICE - 0.5) * side);
        const py = this.clip(y + ((j + 0.5) / LATTICE - 0.5) * side);
        if (this.arrivedAt(px, py)) arrived++;
      }
    }
    return arrived / LATTICE ** 2;
  }
}

/** `goals` is an array of vec4f, of which two numbers count. */
const FLOATS_PER_GOAL = 4;
/** Points along a side of the lattice that measures a cut cell: a share is right to about 1 / LATTICE^1.5. */
const LATTICE = 16;
