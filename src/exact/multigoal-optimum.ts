import type { EnvParams } from '../envs/environment.ts';
import { multigoal } from '../envs/multigoal.ts';
import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { normalPair, random } from '../gpu/random.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';
import { ActionSampler } from './action-sampler.ts';
import type { EnvironmentModel } from './critic-error.ts';
import { Continuation } from './continuation.ts';
import { MultigoalWorld } from './multigoal-world.ts';
import type { Optimum } from './optimum.ts';
import { MOST_ACTION_NATS } from './soft-backup.ts';
import { gridOfSpacing, iterateSoftValue, type SoftValueGrid } from './soft-value-iteration.ts';

/** What to solve; lengths are in the world's units. */
export interface MultigoalProblem {
  /** alpha, raw reward units. */
  readonly temperature: number;
  /** gamma, from 0 to below 1; 0.99 by default. */
  readonly discount?: number;
  /** Distance between points of the grid; 0.02 by default. Both 1 and the side of the world must be multiples of it. */
  readonly spacing?: number;
  /**
   * Parameters of the environment that differ from its own: goals, costs, bound, noise. A noise of at least `spacing` and
   * at most 1 is supported, besides none.
   */
  readonly params?: EnvParams;
}

/** A local maximum of Q*(s, .) over the box of actions. */
export interface Mode {
  readonly action: readonly [number, number];
  /** Raw reward units. */
  readonly q: number;
  /** log pi*(action | s), nats. */
  readonly logDensity: number;
}

/** What episodes of pi* come to. Rewards are the environment's own, undiscounted. */
export interface OptimumRollouts {
  readonly rollouts: number;
  readonly meanReturn: number;
  /** Standard deviation of the return of an episode. */
  readonly returnDeviation: number;
  readonly meanLength: number;
  /** Share of episodes that reached a goal within the environment's time limit of 30 steps. */
  readonly success: number;
  /** Share of all episodes that ended at each goal, however late. */
  readonly goalShares: readonly number[];
}

const STREAMS = constantsOf(shaderSource('common/random.wgsl'));
/** Cells along an axis of the box of actions for integrals over it, and along a cell where Q jumps inside it. */
const CELLS = 200;
const CELLS_AT_JUMP = 8;
/** Points along an axis of the box of actions from which local maxima are looked for. */
const PROBES = 81;
/** Distance in actions below which two maxima count as one. */
const MODE_DISTANCE = 0.15;
/** By which a goal's radius is shortened for a point to lie inside its edge. */
const INSIDE_EDGE = 1 - 1e-9;
/** Where the search for a maximum stops. */
const MODE_PRECISION = 1e-5;

/**
 * The exact maximum-entropy optimum of the multi-goal task, with no time limit: soft value iteration on the GPU, answers
 * from its grid on the host. Values are right to about 0.005 reward units at spacing 0.02 and temperature 10, and the
 * error falls with the square of the spacing. States lie within the walls, actions within [-1, 1]^2.
 */
export class MultigoalOptimum implements Optimum {
  readonly temperature: number;
  readonly discount: number;
  readonly spacing: number;
  /** sup |T V - V| over the grid, nats. */
  readonly residual: number;
  /** Sweeps of the grid; coarser ones that took part are not counted. */
  readonly sweeps: number;
  readonly #world: MultigoalWorld;
  readonly #continuation: Continuation;
  readonly #sampler: ActionSampler;

  private constructor(world: MultigoalWorld, problem: Required<MultigoalProblem>, grid: SoftValueGrid) {
    this.temperature = problem.temperature;
    this.discount = problem.discount;
    this.spacing = problem.spacing;
    this.residual = grid.residual;
    this.sweeps = grid.sweeps;
    this.#world = world;
    this.#continuation = new Continuation(world, grid, problem);
    this.#sampler = new ActionSampler(world, this.#continuation, this.temperature);
  }

  /**
   * Solves `problem`; nothing of it stays on `gpu`. It takes seconds on a slow adapter: once `signal` is aborted, nothing
   * more is submitted, and the promise rejects when what was submitted last has run.
   * @throws UsageError for a number out of range, or a grid that does not fit the task or the adapter.
   * @throws the signal's reason (by default a DOMException named AbortError) if it is aborted before the solution is there.
   */
  static async solve(
    gpu: Gpu,
    problem: MultigoalProblem,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<MultigoalOptimum> {
    const { temperature, discount = 0.99, spacing = 0.02, params = {} } = problem;
    const world = new MultigoalWorld(params);
    const coldest = world.actionCost / MOST_ACTION_NATS;
    if (!(Number.isFinite(temperature) && temperature > 0 && temperature >= coldest)) {
      const least =
        coldest > 0 ? `a number of at least ${coldest}, for float32 to hold the policy` : 'above 0';
      throw new UsageError(`The temperature must be ${least}, not ${temperature}.`);
    }
    if (!(discount >= 0 && discount < 1))
      throw new UsageError(`The discount must lie from 0 to below 1, not ${discount}.`);
    const grid = gridOfSpacing(gpu, world, spacing);
    if (world.noise > 0 && !(world.noise * grid.reach >= 1 - 1e-9 && world.noise <= 1)) {
      throw new UsageError(
        `A noise of ${world.noise} cannot be solved on a grid of spacing ${spacing}: it must be 0, or lie from the ` +
          'spacing to 1.',
      );
    }
    const solved = await iterateSoftValue(gpu, world, grid, { temperature, discount, signal });
    return new MultigoalOptimum(world, { temperature, discount, spacing, params }, solved);
  }

  valueAt(state: readonly number[]): number {
    const [x, y] = this.#inside(state);
    return this.#continuation.valueAt(x, y);
  }

  qAt(state: readonly number[], action: readonly number[]): number {
    const [x, y] = this.#inside(state);
    const [ax, ay] = action as [number, number];
    if (!(Math.abs(ax) <= 1 && Math.abs(ay) <= 1)) {
      throw new RangeError(`The action (${action.join(', ')}) does not lie within [-1, 1]^2.`);
    }
    return this.#q(x, y, ax, ay);
  }

  logDensityAt(state: readonly number[], action: readonly number[]): number {
    return (this.qAt(state, action) - this.valueAt(state)) / this.temperature;
  }

  entropyAt(state: readonly number[]): number {
    const [x, y] = this.#inside(state);
    const side = 2 / CELLS;
    const middle = (cell: number, cells: number, length: number) => ((cell + 0.5) / cells - 0.5) * length;
    let top = -Infinity;
    let mass = 0;
    let moment = 0;
    const add = (ax: number, ay: number, area: number) => {
      const nats = this.#q(x, y, ax, ay) / this.temperature;
      if (nats > top) {
        const smaller = Math.exp(top - nats);
        mass *= smaller;
        moment *= smaller;
        top = nats;
      }
      const weight = area * Math.exp(nats - top);
      mass += weight;
      moment += weight * nats;
    };
    for (let i = 0; i < CELLS; i++) {
      for (let j = 0; j < CELLS; j++) {
        const ax = middle(i, CELLS, 2);
        const ay = middle(j, CELLS, 2);
        if (!this.#continuation.jumpsWithin(x + ax, y + ay, side)) {
          add(ax, ay, side ** 2);
          continue;
        }
        for (let k = 0; k < CELLS_AT_JUMP ** 2; k++) {
          const du = middle(Math.floor(k / CELLS_AT_JUMP), CELLS_AT_JUMP, side);
          const dv = middle(k % CELLS_AT_JUMP, CELLS_AT_JUMP, side);
          add(ax + du, ay + dv, (side / CELLS_AT_JUMP) ** 2);
        }
      }
    }
    return top + Math.log(mass) - moment / mass;
  }

  /**
   * The local maxima of Q*(s, .) over the box, highest first; maxima nearer than 0.15 to a higher one are part of it. One
   * that a goal's edge makes lies just inside the edge.
   */
  modesAt(state: readonly number[]): Mode[] {
    const [x, y] = this.#inside(state);
    const step = 2 / (PROBES - 1);
    const values = Float64Array.from({ length: PROBES ** 2 }, (_, i) =>
      this.#q(x, y, Math.floor(i / PROBES) * step - 1, (i % PROBES) * step - 1),
    );
    const near = Math.floor(MODE_DISTANCE / step);
    const found: { action: [number, number]; q: number }[] = [];
    for (let i = 0; i < PROBES; i++) {
      for (let j = 0; j < PROBES; j++) {
        if (highestAround(values, PROBES, i, j, near))
          found.push(this.#climb(x, y, [i * step - 1, j * step - 1], step));
      }
    }
    // Along a goal's edge a search in few directions stops early. Q falls like a circle around its peak there, so the best
    // of an edge lies on the line to the goal.
    for (const [gx, gy] of this.#world.goals) {
      const share = 1 - (this.#world.goalRadius * INSIDE_EDGE) / Math.hypot(gx - x, gy - y);
      const [ax, ay] = [share * (gx - x), share * (gy - y)];
      if (share > 0 && Math.max(Math.abs(ax), Math.abs(ay)) <= 1)
        found.push(this.#climb(x, y, [ax, ay], step));
    }
    found.sort((a, b) => b.q - a.q);
    const modes = found.filter(
      ({ action: [ax, ay] }, i) =>
        !found.slice(0, i).some(({ action: [bx, by] }) => Math.hypot(ax - bx, ay - by) < MODE_DISTANCE),
    );
    const value = this.valueAt(state);
    return modes.map(({ action, q }) => ({ action, q, logDensity: (q - value) / this.temperature }));
  }

  sampleAt(state: readonly number[], count: number, seed: number): number[][] {
    const [x, y] = this.#inside(state);
    const envelope = this.#sampler.envelopeAt(x, y);
    return Array.from({ length: count }, (_, i) => this.#sampler.draw(envelope, seed, i));
  }

  /**
   * `count` episodes of pi* from the environment's start distribution, each for at most `maxSteps` (the environment's time
   * limit by default). The same seed gives the same episodes.
   */
  rollOut(options: { count: number; seed: number; maxSteps?: number }): OptimumRollouts {
    const { maxEpisodeSteps } = multigoal.spec;
    const { count, seed, maxSteps = maxEpisodeSteps } = options;
    const returns: number[] = [];
    const atGoals = this.#world.goals.map(() => 0);
    let steps = 0;
    let inTime = 0;
    for (let k = 0; k < count; k++) {
      const episode = this.#episode(seed, k, maxSteps);
      returns.push(episode.return);
      steps += episode.length;
      if (episode.goal === null) continue;
      atGoals[episode.goal]!++;
      if (episode.length <= maxEpisodeSteps) inTime++;
    }
    const meanReturn = returns.reduce((sum, one) => sum + one, 0) / count;
    const squares = returns.reduce((sum, one) => sum + (one - meanReturn) ** 2, 0);
    return {
      rollouts: count,
      meanReturn,
      returnDeviation: Math.sqrt(squares / Math.max(1, count - 1)),
      meanLength: steps / count,
      success: inTime / count,
      goalShares: atGoals.map((number) => number / count),
    };
  }

  /**
   * The task's dynamics, for `referencePairs`; start states are drawn with `seed`.
   * @throws UsageError if the task has noise: a model's step is a function of state and action alone.
   */
  model(seed: number): EnvironmentModel {
    const world = this.#world;
    if (world.noise > 0)
      throw new UsageError(
        `Reference pairs cannot be drawn of a task with noise, here ${world.noise}: solve it with noise 0.`,
      );
    return {
      start: (episode) => this.#start(seed, episode),
      step: (state, action) => {
        const next = [world.clip(state[0]! + action[0]!), world.clip(state[1]! + action[1]!)];
        return { next, terminated: world.arrivedAt(next[0]!, next[1]!) };
      },
    };
  }

  #start(seed: number, episode: number): [number, number] {
    const [first, second] = random(seed, STREAMS['STREAM_FIRST_RESET']!, 0, episode);
    const [ex, ey] = normalPair(first, second);
    const { startSpread } = this.#world;
    return [this.#world.clip(startSpread * ex), this.#world.clip(startSpread * ey)];
  }

  #episode(
    seed: number,
    k: number,
    maxSteps: number,
  ): { return: number; length: number; goal: number | null } {
    const world = this.#world;
    const noiseAt = (step: number) => {
      const [first, second] = random(seed, STREAMS['STREAM_DYNAMICS']!, step, k);
      return normalPair(first, second);
    };
    let [x, y] = this.#start(seed, k);
    let total = 0;
    for (let step = 0; step < maxSteps; step++) {
      const [ax, ay] = this.#sampler.draw(this.#sampler.envelopeAt(x, y), seed, k * maxSteps + step);
      const [ex, ey] = world.noise > 0 ? noiseAt(step) : [0, 0];
      x = world.clip(x + ax + world.noise * ex);
      y = world.clip(y + ay + world.noise * ey);
      const goal = world.goalAt(x, y);
      const cost = world.actionCost * (ax ** 2 + ay ** 2) + world.distanceCost * world.squaredDistance(x, y);
      total += (goal === null ? 0 : world.goalReward) - cost;
      if (goal !== null) return { return: total, length: step + 1, goal };
    }
    return { return: total, length: maxSteps, goal: null };
  }

  #q(x: number, y: number, ax: number, ay: number): number {
    return this.#continuation.at(x + ax, y + ay) - this.#world.actionCost * (ax ** 2 + ay ** 2);
  }

  /** The best action that a search of shrinking steps in eight directions finds from `start`. */
  #climb(
    x: number,
    y: number,
    start: [number, number],
    step: number,
  ): { action: [number, number]; q: number } {
    let action = start;
    let q = this.#q(x, y, ...action);
    for (let length = step; length > MODE_PRECISION;) {
      const around = DIRECTIONS.map(([dx, dy]): [number, number] => [
        Math.min(Math.max(action[0] + length * dx, -1), 1),
        Math.min(Math.max(action[1] + length * dy, -1), 1),
      ]);
      const better = around.find(([ax, ay]) => this.#q(x, y, ax, ay) > q);
      if (better) {
        action = better;
        q = this.#q(x, y, ...action);
      } else length /= 2;
    }
    return { action, q };
  }

  #inside(state: readonly number[]): [number, number] {
    const [x, y] = state as [number, number];
    const { bound } = this.#world;
    if (!(Math.abs(x) <= bound && Math.abs(y) <= bound)) {
      throw new RangeError(`The state (${state.join(', ')}) does not lie within [-${bound}, ${bound}]^2.`);
    }
    return [x, y];
  }
}

const DIRECTIONS: readonly (readonly [number, number])[] = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
  [1, 1],
  [-1, 1],
  [-1, -1],
  [1, -1],
];

/** Whether no number within `near` rows and columns is above that at (i, j); of equal ones the first is it. */
function highestAround(values: Float64Array, side: number, i: number, j: number, near: number): boolean {
  const here = values[i * side + j]!;
  for (let k = Math.max(i - near, 0); k <= Math.min(i + near, side - 1); k++) {
    for (let l = Math.max(j - near, 0); l <= Math.min(j + near, side - 1); l++) {
      const other = values[k * side + l]!;
      if (other > here || (other === here && k * side + l < i * side + j)) return false;
    }
  }
  return true;
}
