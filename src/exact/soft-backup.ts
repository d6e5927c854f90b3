import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { MultigoalWorld } from './multigoal-world.ts';

/** Sizes of one grid over a world. */
export interface Grid {
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
/** Exponents of the taps lie within half of this on either side of zero, where float32 holds them and their products. */
export const MOST_ACTION_NATS = 150;
/** Deviations at which the Gaussian of the noise is cut: what lies beyond is 2e-9. */
const NOISE_DEVIATIONS = 6;

/** The grid of spacing 1 / reach over the world; undefined if the walls do not lie on it. */
export function gridOf(world: MultigoalWorld, reach: number): Grid | undefined {
  const points = 2 * world.bound * reach + 1;
  return Number.isInteger(points) ? { reach, points, extended: points + 2 * reach } : undefined;
}

/** Bytes of the largest tensor that a backup on this grid needs. */
export function largestTensorBytes({ extended }: Grid): number {
  return 4 * columns(extended) * (extended + MOST_BLOCK);
}

/**
 * The program T: backup = log of the integral over [-1, 1]^2 of exp(Q(s, a) / alpha), Q / alpha = E[r + gamma (1 -
 * terminated) V(s')] / alpha, for `value` = V / alpha; both on the grid, in quadruples of columns. `reached` is what is
 * expected after s + a, without the action's cost, on the extended grid. The cost of an action is a sum over its
 * components, so the integral is one over rows and then one over columns; quadrature is the trapezoid rule.
 */
export function softBackup(
  gpu: Gpu,
  world: MultigoalWorld,
  grid: Grid,
  options: { temperature: number; discount: number; value: Tensor; backup: Tensor },
): { program: Program; reached: Tensor } {
  const { reach, points, extended } = grid;
  const { temperature, backup } = options;
  const { reached, steps } = continuation(gpu, world, grid, options);
  const rows = gpu.tensor(`exact.rows.${reach}`, [stored(extended, points)]);
  const block = blockOf(world, reach, temperature);
  const { numbers, logScale } = tapsOf(world, reach, temperature, block);
  const along = { taps: gpu.tensorOf(`exact.taps.${reach}`, numbers), logScale, block };
  return {
    program: program('backup', [
      steps,
      integral(gpu, grid, { ...along, lines: extended }, reached, rows),
      integral(gpu, grid, { ...along, lines: points }, rows, backup),
    ]),
    reached,
  };
}

/** `count` columns with those that fill up the last quadruple. */
export function columns(count: number): number {
  return Math.ceil(count / COLUMNS_TOGETHER) * COLUMNS_TOGETHER;
}

/** Numbers in memory of a grid of `x` columns and `y` rows. */
export function stored(x: number, y: number): number {
  return columns(x) * y;
}

/** A square grid of `points` an axis, column by column: quadruple_index of `shaders/exact/grid.wgsl` undone. */
export function byColumns(quadruples: Float32Array, points: number): Float32Array {
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
