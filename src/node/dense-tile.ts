import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UsageError } from '../gpu/errors.ts';
import { isSoftware, type DenseTile, type Gpu } from '../gpu/gpu.ts';
import { shaderSource } from '../gpu/shader.ts';
import { denseTiles, TILED_SHADERS } from '../nn/layered-pass.ts';
import { chooseDenseTile } from '../profile/dense-tile.ts';
import { cacheFolder, chromiumPackageBin } from './archive.ts';
import { writeResults } from './results-file.ts';

/** The tile of the dense kernels, and where it comes from: the table, measured just now, or kept from an earlier run. */
export interface TileChoice extends DenseTile {
  readonly origin: 'table' | 'measured' | 'kept';
}

/** What a file of the cache holds. */
interface KeptTile {
  readonly adapter: string;
  readonly lanes: number;
  /** Of the kernels' texts and the tiles to choose from: others may be faster in another tile. */
  readonly sha256: string;
  readonly tile: DenseTile;
}

/** Lanes of the software adapters that the table was measured on: SwiftShader and lavapipe. */
const MEASURED_LANES = [4, 8];

/**
 * Reads `--autotune` or `--no-autotune`, else the environment variable SOFTQ_AUTOTUNE, 1 or 0: whether the tile of the
 * dense kernels is measured. Undefined for neither: where the table does not know the adapter.
 * @throws UsageError for any other word in the variable.
 */
export function parseAutotune(flag: boolean | undefined): boolean | undefined {
  const { SOFTQ_AUTOTUNE: word = '' } = process.env;
  if (flag !== undefined || word === '') return flag;
  if (word !== '0' && word !== '1') throw new UsageError(`SOFTQ_AUTOTUNE is '${word}', but must be 0 or 1.`);
  return word === '1';
}

/** Whether the table of tiles was not measured on an adapter: networks go layer by layer on all, where nothing else fits. */
export function needsTuning({ adapter, subgroupLanes }: Gpu): boolean {
  return !(isSoftware(adapter.info) && MEASURED_LANES.includes(subgroupLanes));
}

/**
 * Sets `gpu.denseTile`, before networks are made, to what is fastest on the adapter called `name`: measured once, then kept
 * in a file of `folder`, where that can be written. `autotune` is what `parseAutotune` returns. Without timestamps nothing is
 * measured.
 */
export async function tuneDenseTile(
  gpu: Gpu,
  name: string,
  autotune: boolean | undefined,
  folder = cacheFolder(chromiumPackageBin()),
): Promise<TileChoice> {
  const tiles = denseTiles(gpu.subgroupLanes);
  const measurable = gpu.device.features.has('timestamp-query');
  if (!measurable || !(autotune ?? needsTuning(gpu))) return { ...tiles[0], origin: 'table' };
  const lanes = gpu.subgroupLanes;
  const key = { adapter: name, lanes, sha256: sha256([tiles, ...TILED_SHADERS.map(shaderSource)]) };
  const path = join(folder, `dense-tile-${sha256([name, lanes]).slice(0, 8)}.json`);
  const kept = await readTile(path, key, tiles);
  const tile = kept ?? (await chooseDenseTile(gpu));
  if (!kept) await keepTile(path, { ...key, tile });
  gpu.denseTile = tile;
  return { ...tile, origin: kept ? 'kept' : 'measured' };
}

/** The tile in a file of the cache; undefined if there is none, it is of something else, or it cannot be read. */
async function readTile(
  path: string,
  key: Omit<KeptTile, 'tile'>,
  tiles: readonly DenseTile[],
): Promise<DenseTile | undefined> {
  try {
    const kept = JSON.parse(await readFile(path, 'utf8')) as KeptTile;
    return tiles.find((tile) => JSON.stringify({ ...key, tile }) === JSON.stringify(kept));
  } catch {
    return undefined;
  }
}

/** Writes a file of the cache; where that is not possible, the next run measures again. */
async function keepTile(path: string, kept: KeptTile): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeResults(path, kept);
  } catch {
    // Nothing is lost but the time.
  }
}

function sha256(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
