import { expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { denseTiles } from '../../src/nn/layered-pass.ts';
import { chooseDenseTile, fastestTile } from '../../src/profile/dense-tile.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();
const TILES = denseTiles(4);

/** The choice by given times, and how often it asked for them. */
async function chosenBy(...measurements: number[][]) {
  let asked = 0;
  const tile = await fastestTile(TILES, () => Promise.resolve(measurements[asked++]!));
  return [TILES.indexOf(tile), asked];
}

test('the fastest tile is chosen if it is a tenth faster than the first, twice', async () => {
  expect(await chosenBy([1, 0.85, 0.8], [2, 2, 1])).toEqual([2, 2]);
  expect(await chosenBy([1, 0.85, 0.95], [1, 0.9, 1])).toEqual([1, 2]);
  expect(await chosenBy([1, 0.91, 1.2])).toEqual([0, 1]);
  expect(await chosenBy([1, 2, 3])).toEqual([0, 1]);
  expect(await chosenBy([1, 0.8, 0.9], [1, 0.95, 0.97])).toEqual([0, 2]);
  expect(await chosenBy([1, 0.8, 0.9], [1, 0.9, 0.8])).toEqual([0, 2]);
});

test('measuring finds one of the tiles, leaves no tensor and sets nothing', async () => {
  const gpu = gpuOf();
  const before = gpu.memory().total;
  expect(denseTiles(gpu.subgroupLanes)).toContainEqual(await chooseDenseTile(gpu));
  expect([gpu.memory().total, gpu.denseTile]).toEqual([before, undefined]);
});

test('without timestamps it is the first, and nothing runs', async () => {
  const gpu = { subgroupLanes: 4, device: { features: new Set() } } as unknown as Gpu;
  expect(await chooseDenseTile(gpu)).toEqual(TILES[0]);
});
