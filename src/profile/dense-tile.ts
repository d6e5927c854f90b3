import type { DenseTile, Gpu } from '../gpu/gpu.ts';
import { program } from '../gpu/program.ts';
import { denseTiles, LayeredPass } from '../nn/layered-pass.ts';
import type { MlpSpec } from '../nn/mlp-spec.ts';
import { Parameters } from '../nn/parameters.ts';
import { timePrograms } from './timing.ts';

/** A hidden layer alone, wide enough for the widest tile, and the rows that the default critic gets: 64 states, 16 actions. */
const LAYER: MlpSpec = { inputSize: 128, hidden: [], outputSize: 128, activation: 'relu' };
const ROWS = 1024;
/** Times that every tile is timed in a measurement, in turns. */
const ROUNDS = 9;
/** Share of the default's time that another tile must stay under: less of a gain may be noise. */
const WORTHWHILE = 0.9;

/**
 * The tile of `denseTiles` in which a hidden layer forward and back to its input takes least time on this adapter, for
 * `gpu.denseTile`. The default stays unless another is at least a tenth faster, and on devices without timestamps. Measures
 * for half a second to two seconds, after compiling two kernels for each tile.
 */
export async function chooseDenseTile(gpu: Gpu): Promise<DenseTile> {
  const tiles = denseTiles(gpu.subgroupLanes);
  if (!gpu.device.features.has('timestamp-query')) return tiles[0];
  const { made: programs, release } = gpu.own(() => tiles.map((tile) => layerProgram(gpu, tile)));
  try {
    return await fastestTile(tiles, async () => {
      const timings = await timePrograms(gpu, programs, ROUNDS);
      return timings.programs.map(({ milliseconds }) => milliseconds);
    });
  } finally {
    release();
  }
}

/**
 * The fastest tile by `time`, which measures all, in their order; the first unless another is at least a tenth faster in two
 * measurements, because what else runs on the machine comes in bursts.
 */
export async function fastestTile(
  tiles: readonly [DenseTile, ...DenseTile[]],
  time: () => Promise<readonly number[]>,
): Promise<DenseTile> {
  const winner = async () => {
    const times = await time();
    const least = Math.min(...times);
    return least <= WORTHWHILE * times[0]! ? tiles[times.indexOf(least)]! : tiles[0];
  };
  const first = await winner();
  return first === tiles[0] || first === (await winner()) ? first : tiles[0];
}

function layerProgram(gpu: Gpu, tile: DenseTile) {
  const { inputSize, outputSize } = LAYER;
  const label = `tile${tile.rows}x${4 * tile.columns4}`;
  const parameters = new Parameters(gpu, label, [inputSize, outputSize], 1);
  const before = gpu.denseTile;
  gpu.denseTile = tile;
  try {
    const pass = new LayeredPass(gpu, label, { spec: LAYER, parameters }, ROWS);
    const [outputGrad, inputGrad] = [
      pass.gradTensor('outputGrad', outputSize),
      pass.gradTensor('inputGrad', inputSize),
    ];
    return program(label, [pass.forward(), pass.backward({ outputGrad, inputGrad })]);
  } finally {
    gpu.denseTile = before;
  }
}
