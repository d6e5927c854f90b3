import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { MultigoalWorld } from './multigoal-world.ts';

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

/** Sizes of one grid. */
interface Grid {
  /** Grid steps of the longest action: spacing is 1 / reach. */
  readonly reach: number;
  /** Points along an axis, walls included. */
  readonly points: number;
  /** Points along an axis with all that actions reach beyond the walls. */
  readonly extended: number;
}

const LAYOUT = constantsOf(shaderSource('exact/grid.wgsl'));
const COLUMNS_TOGETHER = LAYOUT['COLUMNS_TOGETHER']!;
/** Points of a line that share one exponential scale, at most. */
const MOST_BLOCK = LAYOUT['BLOCK']!;
/** Nats over which values of one such block may fall: far from the 87 at which float32 loses them. */
const BLOCK_NATS = 40;
const CONVOLUTION = constantsOf(shaderSource('exact/log_convolution.wgsl'));
const CONTINUATION = constantsOf(shaderSource('exact/continuation.wgsl'));
const BLUR = constantsOf(shaderSource('exact/blur.wgsl'));
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
/** Exponents of the taps lie within half of this on either side of zero, where float32 holds them and their products. */
export const MOST_ACTION_NATS = 150;
/** Deviations at which the Gaussian of the noise is cut: what lies beyond is 2e-9. */
const NOISE_DEVIATIONS = 6;

/**
 * Points of a grid of spacing 1 / reach over the world.
 * @throws UsageError if the walls do not lie on it, or it needs more memory than the adapter allows.
 */
function gridOf(world: MultigoalWorld, reach: number): Grid {
  const points = 2 * world.bound * reach + 1;
  return { reach, points, extended: points + 2 * reach };
}

function fits(world: MultigoalWorld, reach: number): boolean {
  return Number.isInteger(2 * world.bound * reach);
}

/**
 * Grid steps in a unit of length for `spacing`.
 * @throws UsageError with one sentence if actions or walls do not fall on the grid, it is coarser than 0.2, or a tensor
 * would be larger than the adapter allows.
 */
export function reachOf(gpu: Gpu, world: MultigoalWorld, spacing: number): number {
  const reach = Math.round(1 / spacing);
  if (!(spacing > 0) || Math.abs(1 / spacing - reach) > 1e-6 * reach || !fits(world, reach)) {
    throw new UsageError(
      `The grid's spacing must divide an action's length 1 and the world's side ${2 * world.bound} into whole parts, ` +
        `as 0.1, 0.05, 0.04, 0.025 and 0.02 do, but ${spacing} does not.`,
    );
  }
  if (reach < LEAST_REACH) {
    throw new UsageError(`A grid of spacing ${spacing} is too coarse: take ${1 / LEAST_REACH} or less.`);
  }
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
  const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  const bytes = (candidate: number) =>
    4 *
    (gridOf(world, candidate).extended + MOST_BLOCK) *
    (gridOf(world, candidate).extended + COLUMNS_TOGETHER);
  if (bytes(reach) > limit) {
    let finest = Math.floor(Math.sqrt(limit / 4) / (2 * world.bound + 2));
    while (finest > LEAST_REACH && !(fits(world, finest) && bytes(finest) <= limit)) finest--;
    throw new UsageError(
      `A grid of spacing ${spacing} does not fit the buffers of this adapter: the finest that does is 1/${finest} ` +
        `(${(1 / finest).toPrecision(3)}).`,
    );
  }
  return reach;
}

/**
 * Solves V(s) = alpha log of the integral over [-1, 1]^2 of exp(Q(s, a) / alpha), Q(s, a) = E[r + gamma (1 -
 * terminated) V(s')] (Theorem 2 of the paper), on the grid of spacing 1 / reach, to a residual of 1e-5 nats or two
 * float32 steps of the largest value. The cost of an action is a sum over its components, so the integral is two
 * convolutions in the log domain, quadrature by the trapezoid rule. Sweeps on the finest grid are few: after each, a
 * grid half as fine solves for what is still missing, and so on down (the full approximation scheme of Brandt 1977).
 * Destroys whatever tensors are made on `gpu` until it resolves.
 * @throws UsageError if the iteration does not settle, which very large discounts or temperatures may cause.
 */
export async function iterateSoftValue(
  gpu: Gpu,
  world: MultigoalWorld,
  options: { temperature: number; discount: number; reach: number },
): Promise<SoftValueGrid> {
  const reaches = [options.reach];
  for (let reach = options.reach >> 1; reach >= LEAST_REACH; reach--) {
    if (!fits(world, reach) || reach > reaches[0]! >> 1) continue;
    reaches.unshift(reach);
  }
  const release = gpu.scope();
  try {
    const levels: Level[] = [];
    for (const reach of reaches)
      levels.push(new Level(gpu, world, { ...options, reach, coarser: levels.at(-1) }));
    await gpu.ready();
    let reached = await levels[0]!.solve(0);
    for (const level of levels.slice(1)) {
      level.startFromCoarser();
      reached = await level.solve(0);
    }
    const finest = levels.at(-1)!;
    return { ...(await finest.read()), residual: reached, sweeps: finest.sweeps };
  } finally {
    release();
  }
}

/** One grid of the iteration: its tensors, its sweep, and how it is corrected by the next coarser one. */
class Level {
  sweeps = 0;
  readonly #gpu: Gpu;
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
    options: { temperature: number; discount: number; reach: number; coarser: Level | undefined },
  ) {
    const { reach, coarser } = options;
    const grid = gridOf(world, reach);
    this.#gpu = gpu;
    this.#grid = grid;
    this.#noisy = world.noise > 0;
    this.#coarser = coarser;
    const tensor = (name: string) => gpu.tensor(`exact.${name}.${reach}`, [stored(grid.points, grid.points)]);
    this.#value = tensor('value');
    this.#backup = tensor('backup');
    this.#correction = tensor('correction');
    this.#handedDown = tensor('handed-down');
    this.#extremes = gpu.tensor(`exact.extremes.${reach}`, [2, PARTS]);
    const { reached, steps } = continuation(gpu, world, grid, { ...options, value: this.#value });
    this.#reached = reached;
    const { points, extended } = grid;
    const rows = gpu.tensor(`exact.rows.${reach}`, [stored(extended, points)]);
    const block = blockOf(world, reach, options.temperature);
    const { numbers, logScale } = tapsOf(world, reach, options.temperature, block);
    const along = { taps: gpu.tensorOf(`exact.taps.${reach}`, numbers), logScale, block };
    this.#backupProgram = program('backup', [
      steps,
      integral(gpu, grid, { ...along, lines: extended }, reached, rows),
      integral(gpu, grid, { ...along, lines: points }, rows, this.#backup),
    ]);
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
    const resample = (
      source: Tensor,
      from: number,
      target: Tensor,
      to: number,
      keep: number,
      scale: number,
    ) =>
      gpu.kernel('exact/resample.wgsl').bind(
        { source, resampled: target },
        {
          threads: [to, columns(to)],
          params: { points: to, source_points: from, keep, scale },
        },
      );
    this.#start = program('start', [resample(coarser.#value, c, this.#value, points, 0, 1)]);
    this.#handDown = program('hand down', [
      resample(this.#backup, points, coarser.#value, c, 0, 1),
      coarser.#backupProgram,
      resample(this.#value, points, coarser.#value, c, 0, 1),
      resample(coarser.#value, c, coarser.#handedDown, c, 0, 1),
      resample(coarser.#value, c, coarser.#correction, c, 0, 1),
      resample(coarser.#backup, c, coarser.#correction, c, 1, -1),
    ]);
    // The difference first, so that the value is rounded once.
    this.#takeUp = program('take up', [
      resample(coarser.#value, c, coarser.#handedDown, c, -1, 1),
      resample(coarser.#handedDown, c, this.#value, points, 1, 1),
    ]);
  }

  /** Takes the coarser grid's value, interpolated, for a first guess. */
  startFromCoarser(): void {
    this.#gpu.submit([this.#start!]);
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
      'The soft value iteration does not settle: lower the discount or the temperature, at which episodes never end.',
    );
  }

  /** The largest change of the last sweep and the largest value. */
  async #extremesOf(): Promise<{ change: number; size: number }> {
    const extremes = await this.#gpu.read(this.#extremes);
    const largest = (part: number) =>
      extremes.subarray(part * PARTS, (part + 1) * PARTS).reduce((most, one) => Math.max(most, one), 0);
    return { change: largest(0), size: largest(1) };
  }

  /** The value and, where there is noise, what follows each reached position. */
  async read(): Promise<Pick<SoftValueGrid, 'value' | 'continuation'>> {
    const { points, extended } = this.#grid;
    const value = byColumns(await this.#gpu.read(this.#value), points);
    const blurred = this.#noisy ? byColumns(await this.#gpu.read(this.#reached), extended) : undefined;
    return { value, continuation: blurred };
  }
}

/** `count` columns with those that fill up the last quadruple. */
function columns(count: number): number {
  return Math.ceil(count / COLUMNS_TOGETHER) * COLUMNS_TOGETHER;
}

/** Numbers in memory of a grid of `x` columns and `y` rows. */
function stored(x: number, y: number): number {
  return columns(x) * y;
}

/** A square grid of `points` an axis, column by column: quadruple_index of `shaders/exact/grid.wgsl` undone. */
function byColumns(quadruples: Float32Array, points: number): Float32Array {
  const flat = new Float32Array(points * points);
  for (let x = 0; x < points; x++) {
    const first = (x - (x % COLUMNS_TOGETHER)) * points + (x % COLUMNS_TOGETHER);
    for (let y = 0; y < points; y++) flat[x * points + y] = quadruples[first + y * COLUMNS_TOGETHER]!;
  }
  return flat;
}

/** The steps that make, of a value, the expected reward and value of what is reached at s + a; and where that lies. */
function continuation(
  gpu: Gpu,
  world: MultigoalWorld,
  { reach, points, extended }: Grid,
  options: { temperature: number; discount: number; value: Tensor },
): { reached: Tensor; steps: Program } {
  const { temperature, discount, value } = options;
  const size = stored(extended, extended);
  const stageNumbers = new Float32Array(size);
  const insideNumbers = new Float32Array(size);
  for (let column = 0; column < columns(extended); column++) {
    const x = coordinate(world, reach, column);
    const first = (column - (column % COLUMNS_TOGETHER)) * extended + (column % COLUMNS_TOGETHER);
    for (let row = 0; row < extended; row++) {
      const y = coordinate(world, reach, row);
      const squared = world.squaredDistance(world.clip(x), world.clip(y));
      stageNumbers[first + row * COLUMNS_TOGETHER] = (-world.distanceCost * squared) / temperature;
      insideNumbers[first + row * COLUMNS_TOGETHER] = world.arrivedShare(x, y, 1 / reach);
    }
  }
  const stage = gpu.tensorOf(`exact.stage.${reach}`, stageNumbers);
  const inside = gpu.tensorOf(`exact.inside.${reach}`, insideNumbers);
  const reached = gpu.tensor(`exact.reached.${reach}`, [size]);
  const noisy = world.noise > 0;
  const first = gpu.kernel('exact/continuation.wgsl').bind(
    { stage, inside, value, reached },
    {
      threads: [extended, columns(extended)],
      params: {
        points: extended,
        inner_points: points,
        reach,
        mixing: constantFor(CONTINUATION, noisy ? 'expectation' : 'log-mean-exp'),
        discount,
        goal_reward: world.goalReward / temperature,
      },
    },
  );
  if (!noisy) return { reached, steps: program('continuation', [first]) };
  const weights = noiseWeights(world.noise * reach);
  const weightsTensor = gpu.tensorOf(`exact.noise.${reach}`, weights);
  const between = gpu.tensor(`exact.blurred.${reach}`, [size]);
  const blur = (axis: string, source: Tensor, blurred: Tensor) =>
    gpu.kernel('exact/blur.wgsl').bind(
      { weights: weightsTensor, source, blurred },
      {
        threads: [extended, columns(extended)],
        params: { points: extended, radius: weights.length - 1, axis: constantFor(BLUR, axis) },
      },
    );
  return {
    reached,
    steps: program('continuation', [
      first,
      blur('along-x', reached, between),
      blur('along-y', between, reached),
    ]),
  };
}

/** The place of a column or row of the extended grid, before walls. */
function coordinate(world: MultigoalWorld, reach: number, index: number): number {
  return index / reach - world.bound - 1;
}

/** Normal weights at 0, 1, ... grid steps for a deviation in grid steps, cut far out; both sides together sum to 1. */
function noiseWeights(deviation: number): Float32Array<ArrayBuffer> {
  const radius = Math.ceil(NOISE_DEVIATIONS * deviation);
  const density = Array.from({ length: radius + 1 }, (_, k) => Math.exp(-0.5 * (k / deviation) ** 2));
  const sum = density.reduce((total, one, k) => total + (k === 0 ? one : 2 * one), 0);
  return Float32Array.from(density, (one) => one / sum);
}

/** The largest power of two of points over which a value, which falls as fast as costs make it, stays within range. */
function blockOf(world: MultigoalWorld, reach: number, temperature: number): number {
  const { actionCost, distanceCost, bound } = world;
  // Where actions are free to compensate, 2 cost |a| is the slope of the value; else the distance's own.
  const slope = (2 * Math.max(actionCost, 2 * bound * distanceCost)) / temperature;
  let block = MOST_BLOCK;
  while (block > 1 && block * slope > BLOCK_NATS * reach) block /= 2;
  return block;
}

/**
 * The taps of `shaders/exact/log_convolution.wgsl`, (2 reach + 4 + 2 BLOCK, 4): trapezoid weight times the exponential of
 * the action's reward in nats, scaled up by half of the range so that it is as far from overflow as from nothing.
 */
function tapsOf(
  world: MultigoalWorld,
  reach: number,
  temperature: number,
  block: number,
): { numbers: Float32Array<ArrayBuffer>; logScale: number } {
  const count = 2 * reach + 1;
  const logScale = world.actionCost / temperature / 2;
  const tap = (k: number) => {
    if (k < 0 || k >= count) return 0;
    const weight = (k === 0 || k === count - 1 ? 0.5 : 1) / reach;
    return weight * Math.exp((-world.actionCost * (k / reach - 1) ** 2) / temperature + logScale);
  };
  const together = CONVOLUTION['RESULTS_TOGETHER']!;
  const numbers = new Float32Array((count + together - 1 + 2 * block) * together);
  for (let i = 0; i < numbers.length; i++)
    numbers[i] = tap(Math.floor(i / together) - block - (i % together));
  return { numbers, logScale };
}

/** The soft maximum of `source`, a grid of `lines` rows and `extended` columns, along x: `lines` columns of `points` rows. */
function integral(
  gpu: Gpu,
  { reach, points, extended }: Grid,
  { taps, logScale, block, lines }: { taps: Tensor; logScale: number; block: number; lines: number },
  source: Tensor,
  target: Tensor,
): Program {
  const blocks = Math.ceil(extended / block);
  const groups = columns(lines) / COLUMNS_TOGETHER;
  const exponential = gpu.tensor(`exact.exponential.${reach}.${lines}`, [columns(lines) * blocks * block]);
  const peak = gpu.tensor(`exact.peak.${reach}.${lines}`, [columns(lines) * blocks]);
  const variant = { tunables: { BLOCK: block } };
  return program('integral', [
    gpu
      .kernel('exact/block_exponentials.wgsl', variant)
      .bind(
        { grid: source, exponential, peak },
        { threads: [blocks, groups], params: { points: extended, lines, blocks } },
      ),
    gpu.kernel('exact/log_convolution.wgsl', variant).bind(
      { exponential, peak, taps, integral: target },
      {
        threads: [Math.ceil(points / CONVOLUTION['RESULTS_TOGETHER']!), groups],
        params: { results: points, lines, blocks, reach, log_scale: logScale },
      },
    ),
  ]);
}
