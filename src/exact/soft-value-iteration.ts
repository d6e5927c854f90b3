import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { MultigoalWorld } from './multigoal-world.ts';
import {
  byColumns,
  columns,
  gridOf,
  largestTensorBytes,
  softBackup,
  stored,
  type Grid,
} from './soft-backup.ts';

/** The solution of the soft Bellman equation on a grid over the box of positions, in nats. */
export interface SoftValueGrid {
  /** V / alpha, (points, points): column x, row y at x * points + y; both from -bound to bound. */
  readonly value: Float32Array;
  /**
   * E[(stage reward + gamma (1 - terminated) V) / alpha] at s + a before noise, (extended, extended) over
   * -bound - 1 to bound + 1, stored likewise; present if the task has noise, without which the reward shows it exactly.
   */
  readonly continuation: Float32Array | undefined;
  /** sup |T V - V| over the grid, nats. */
  readonly residual: number;
  /** Sweeps of the finest grid. */
  readonly sweeps: number;
}

const PARTS = constantsOf(shaderSource('exact/accept.wgsl'))['PARTS']!;
/** Coarsest grid worth solving: at it a goal of radius 1 still has ten points across. */
const LEAST_REACH = 5;
/** Residual asked for, nats, unless two steps of float32 at the largest value are more. */
const TOLERANCE = 1e-5;
const FLOAT32_STEP = 2 ** -23;
/** A change of this many times what is asked for may be the rounding of a correction. */
const ROUNDING = 8;
/** A coarse grid's equation is solved to this share of the finer grid's residual: less would not help the finer one. */
const COARSE_SHARE = 0.05;
/** Sweeps of the coarsest grid between two looks at the residual. */
const COARSEST_SWEEPS = 8;
const MOST_COARSEST_SWEEPS = 20_000;
/** Corrections of one grid after which it is clear that they do not converge; four or five are usual. */
const MOST_CORRECTIONS = 100;
/** Largest tensor of a grid, bytes: WebGPU's portable limit, of which a dozen fit most machines. */
const MOST_TENSOR_BYTES = 2 ** 27;
/** Spacings that a message names have at most this many decimals. */
const DECIMALS = 6;

/**
 * The grid of a spacing over the world.
 * @throws UsageError with one sentence if actions or walls do not fall on the grid, it is coarser than 0.2, or a tensor
 * would be larger than the adapter allows.
 */
export function gridOfSpacing(gpu: Gpu, world: MultigoalWorld, spacing: number): Grid {
  const reach = Math.round(1 / spacing);
  const grid = gridOf(world, reach);
  if (!(spacing > 0) || Math.abs(1 / spacing - reach) > 1e-6 * reach || !grid) {
    throw new UsageError(
      `The grid's spacing must divide an action's length 1 and the world's side ${2 * world.bound} into whole parts, ` +
        `as 0.1, 0.05, 0.04, 0.025 and 0.02 do for a side of 14, but ${spacing} does not.`,
    );
  }
  if (reach < LEAST_REACH)
    throw new UsageError(`A grid of spacing ${spacing} is too coarse: take ${1 / LEAST_REACH} or less.`);
  const limit = Math.min(gpu.mostTensorBytes, MOST_TENSOR_BYTES);
  if (largestTensorBytes(grid) > limit) {
    const finest = finestWithin(world, limit);
    throw new UsageError(
      `A grid of spacing ${spacing} does not fit the buffers of this adapter: the finest that does is ${1 / finest}.`,
    );
  }
  return grid;
}

/** The largest reach whose spacing is a short decimal and whose tensors are small enough. */
function finestWithin(world: MultigoalWorld, bytes: number): number {
  let reach = Math.floor(Math.sqrt(bytes / 4) / (2 * world.bound + 2));
  for (; reach > LEAST_REACH; reach--) {
    const grid = gridOf(world, reach);
    if (grid && largestTensorBytes(grid) <= bytes && Number.isInteger(10 ** DECIMALS / reach)) break;
  }
  return reach;
}

/**
 * Solves V = T V, T as in `softBackup` (Theorem 2 of the paper: soft value iteration), on `grid` to a residual of 1e-5
 * nats or two float32 steps of the largest value. Sweeps of the grid itself are few: after each, a grid half as fine
 * solves for what is still missing, and so on down (the full approximation scheme of Brandt 1977). Its tensors are
 * destroyed when it settles. Once `signal` is aborted it submits nothing more, so that they may also be destroyed earlier.
 * @throws UsageError if the iteration does not settle, which a discount very near to 1 may cause.
 * @throws the signal's reason if it was aborted before or meanwhile.
 */
export async function iterateSoftValue(
  gpu: Gpu,
  world: MultigoalWorld,
  grid: Grid,
  options: { temperature: number; discount: number; signal: AbortSignal | undefined },
): Promise<SoftValueGrid> {
  const { signal } = options;
  signal?.throwIfAborted();
  const grids = [grid];
  for (let reach = grid.reach >> 1; reach >= LEAST_REACH; reach--) {
    const coarser = gridOf(world, reach);
    if (coarser && reach <= grids[0]!.reach >> 1) grids.unshift(coarser);
  }
  const { made: levels, release } = gpu.own(() => {
    const made: Level[] = [];
    for (const one of grids) made.push(new Level(gpu, world, one, { ...options, coarser: made.at(-1) }));
    return made;
  });
  try {
    await gpu.ready();
    signal?.throwIfAborted();
    let residual = Infinity;
    for (const level of levels) {
      level.startFromCoarser();
      residual = await level.solve(0);
    }
    const finest = levels.at(-1)!;
    return { ...(await finest.read()), residual, sweeps: finest.sweeps };
  } finally {
    release();
  }
}

/** One grid of the iteration: its tensors, its sweep, and how it is corrected by the next coarser one. */
class Level {
  sweeps = 0;
  readonly #gpu: Gpu;
  readonly #signal: AbortSignal | undefined;
  readonly #grid: Grid;
  readonly #noisy: boolean;
  readonly #coarser: Level | undefined;
  /** V, nats, in quadruples of columns like every grid here. */
  readonly #value: Tensor;
  /** T V after the backup; the value before, after it was accepted. */
  readonly #backup: Tensor;
  /** Added to T V: what makes a coarse grid's equation agree with the finer grid's. */
  readonly #correction: Tensor;
  /** Where the value stood when a finer grid handed it down. */
  readonly #handedDown: Tensor;
  readonly #reached: Tensor;
  readonly #extremes: Tensor;
  readonly #backupProgram: Program;
  readonly #sweep: Program;
  /** From the coarser grid's solution alone. */
  readonly #start: Program | undefined;
  readonly #handDown: Program | undefined;
  readonly #takeUp: Program | undefined;

  constructor(
    gpu: Gpu,
    world: MultigoalWorld,
    grid: Grid,
    options: {
      temperature: number;
      discount: number;
      signal: AbortSignal | undefined;
      coarser: Level | undefined;
    },
  ) {
    const { coarser } = options;
    const { reach, points } = grid;
    this.#gpu = gpu;
    this.#signal = options.signal;
    this.#grid = grid;
    this.#noisy = world.noise > 0;
    this.#coarser = coarser;
    const tensor = (name: string) => gpu.tensor(`exact.${name}.${reach}`, [stored(points, points)]);
    this.#value = tensor('value');
    this.#backup = tensor('backup');
    this.#correction = tensor('correction');
    this.#handedDown = tensor('handed-down');
    this.#extremes = gpu.tensor(`exact.extremes.${reach}`, [2, PARTS]);
    const { program: backup, reached } = softBackup(gpu, world, grid, {
      ...options,
      value: this.#value,
      backup: this.#backup,
    });
    this.#backupProgram = backup;
    this.#reached = reached;
    this.#sweep = program('sweep', [
      this.#backupProgram,
      gpu.kernel('exact/accept.wgsl').bind(
        {
          correction: this.#correction,
          value: this.#value,
          backup: this.#backup,
          extremes: this.#extremes,
        },
        { threads: [PARTS], params: { size: this.#value.size } },
      ),
    ]);
    if (!coarser) return;
    const c = coarser.#grid.points;
    const interpolate = (
      source: Tensor,
      from: number,
      target: Tensor,
      to: number,
      keep: number,
      scale: number,
    ) =>
      gpu.kernel('exact/interpolate.wgsl').bind(
        { source, interpolated: target },
        {
          threads: [to, columns(to)],
          params: { points: to, source_points: from, keep, scale },
        },
      );
    this.#start = program('start', [interpolate(coarser.#value, c, this.#value, points, 0, 1)]);
    this.#handDown = program('hand down', [
      interpolate(this.#backup, points, coarser.#value, c, 0, 1),
      coarser.#backupProgram,
      interpolate(this.#value, points, coarser.#value, c, 0, 1),
      interpolate(coarser.#value, c, coarser.#handedDown, c, 0, 1),
      interpolate(coarser.#value, c, coarser.#correction, c, 0, 1),
      interpolate(coarser.#backup, c, coarser.#correction, c, 1, -1),
    ]);
    // The difference first, so that the value is rounded once.
    this.#takeUp = program('take up', [
      interpolate(coarser.#value, c, coarser.#handedDown, c, -1, 1),
      interpolate(coarser.#handedDown, c, this.#value, points, 1, 1),
    ]);
  }

  /** Takes the coarser grid's value, interpolated, for a first guess; zero where there is none. */
  startFromCoarser(): void {
    if (this.#start) this.#gpu.submit([this.#start]);
  }

  /** Iterates until the residual is `tolerance` or as small as float32 allows; the residual in nats. */
  async solve(tolerance: number): Promise<number> {
    const coarser = this.#coarser;
    const batch = coarser ? 1 : COARSEST_SWEEPS;
    const most = coarser ? MOST_CORRECTIONS : MOST_COARSEST_SWEEPS / COARSEST_SWEEPS;
    let corrected = false;
    for (let i = 0; i < most; i++) {
      this.#gpu.submit(Array.from({ length: batch }, () => this.#sweep));
      this.sweeps += batch;
      const { change, size } = await this.#extremesOf();
      const enough = Math.max(tolerance, TOLERANCE, 2 * FLOAT32_STEP * 2 ** Math.floor(Math.log2(size)));
      if (change <= enough) return change;
      // A correction leaves its rounding in the value; near the end a second sweep is what averages it away.
      if (!coarser || (corrected && change <= ROUNDING * enough)) {
        corrected = false;
        continue;
      }
      this.#gpu.submit([this.#handDown!]);
      await coarser.solve(COARSE_SHARE * change);
      this.#gpu.submit([this.#takeUp!]);
      corrected = true;
    }
    throw new UsageError(
      'The soft value iteration does not settle, as happens where the optimum keeps out of the goals for ever: lower the ' +
        'discount or the temperature.',
    );
  }

  /** The largest change of the last sweep and the largest value. */
  async #extremesOf(): Promise<{ change: number; size: number }> {
    const extremes = await this.#read(this.#extremes);
    const largest = (part: number) =>
      extremes.subarray(part * PARTS, (part + 1) * PARTS).reduce((most, one) => Math.max(most, one), 0);
    return { change: largest(0), size: largest(1) };
  }

  /** The value and, where there is noise, what follows each reached position. */
  async read(): Promise<Pick<SoftValueGrid, 'value' | 'continuation'>> {
    const { points, extended } = this.#grid;
    const value = byColumns(await this.#read(this.#value), points);
    const blurred = this.#noisy ? byColumns(await this.#read(this.#reached), extended) : undefined;
    return { value, continuation: blurred };
  }
  /** Reads back: the only thing that a level waits for, and so where it stops if its solution is no longer wanted. */
  async #read(tensor: Tensor): Promise<Float32Array> {
    const data = await this.#gpu.read(tensor);
    this.#signal?.throwIfAborted();
    return data;
  }
}
