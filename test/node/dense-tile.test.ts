import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { denseTiles } from '../../src/nn/layered-pass.ts';
import { needsTuning, parseAutotune, tuneDenseTile } from '../../src/node/dense-tile.ts';
import { chooseDenseTile } from '../../src/profile/dense-tile.ts';

vi.mock('../../src/profile/dense-tile.ts');
const choose = vi.mocked(chooseDenseTile);

/** As much of a device as the cache looks at. */
function gpuLike(subgroupLanes: number, description = 'a card'): Gpu {
  const device = { features: new Set(['timestamp-query']) };
  return { subgroupLanes, device, adapter: { info: { description } } } as unknown as Gpu;
}

const TILES = denseTiles(1);
let folder: string;
const file = () => join(folder, readdirSync(folder)[0]!);

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'softq-tile-')), 'cache');
  choose.mockReset().mockResolvedValue(TILES[1]!);
});
afterEach(() => {
  rmSync(join(folder, '..'), { recursive: true, force: true });
  vi.unstubAllEnvs();
});

describe('the tile of an adapter', () => {
  test('is measured once, set, and kept', async () => {
    const [gpu, later] = [gpuLike(1), gpuLike(1)];
    expect(await tuneDenseTile(gpu, 'card', undefined, folder)).toEqual({ ...TILES[1], origin: 'measured' });
    expect(await tuneDenseTile(later, 'card', true, folder)).toEqual({ ...TILES[1], origin: 'kept' });
    expect([gpu.denseTile, later.denseTile]).toEqual([TILES[1], TILES[1]]);
    expect(choose).toHaveBeenCalledTimes(1);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test('is measured again on another adapter, and with other lanes', async () => {
    await tuneDenseTile(gpuLike(1), 'card', true, folder);
    for (const [gpu, name] of [
      [gpuLike(1), 'another'],
      [gpuLike(16), 'card'],
    ] as const) {
      expect((await tuneDenseTile(gpu, name, true, folder)).origin).toBe('measured');
    }
    expect((await tuneDenseTile(gpuLike(1), 'card', true, folder)).origin).toBe('kept');
    expect(readdirSync(folder)).toHaveLength(3);
  });

  test.each<[string, (text: string) => string]>([
    ['of other kernels', (text) => text.replace(/"sha256": "./, '"sha256": "x')],
    ['of another adapter', (text) => text.replace('"card"', '"cord"')],
    ['with a tile that there is not', (text) => text.replace('"rows": 4', '"rows": 5')],
    ['cut short', (text) => text.slice(0, 40)],
    ['with nothing in it', () => 'null'],
  ])('a file %s is written anew', async (_, change) => {
    await tuneDenseTile(gpuLike(1), 'card', true, folder);
    const whole = readFileSync(file(), 'utf8');
    const broken = change(whole);
    expect(broken).not.toBe(whole);
    writeFileSync(file(), broken);
    expect((await tuneDenseTile(gpuLike(1), 'card', true, folder)).origin).toBe('measured');
    expect(readFileSync(file(), 'utf8')).toBe(whole);
  });

  test('is found where it cannot be kept', async () => {
    writeFileSync(folder, 'no folder');
    expect((await tuneDenseTile(gpuLike(1), 'card', true, folder)).origin).toBe('measured');
    expect(readFileSync(folder, 'utf8')).toBe('no folder');
  });

  test("is the table's, and nothing is measured, where that is asked for, was measured or cannot be", async () => {
    const expected = { ...TILES[0], origin: 'table' };
    const [gpu, known] = [gpuLike(1), gpuLike(8, 'llvmpipe')];
    expect(await tuneDenseTile(gpu, 'card', false, folder)).toEqual(expected);
    expect(await tuneDenseTile(known, 'llvmpipe', undefined, folder)).toEqual({
      ...denseTiles(8)[0],
      origin: 'table',
    });
    expect([gpu.denseTile, known.denseTile]).toEqual([undefined, undefined]);
    const clockless = { ...gpuLike(1), device: { features: new Set() } } as unknown as Gpu;
    expect(await tuneDenseTile(clockless, 'card', true, folder)).toEqual(expected);
    expect(choose).not.toHaveBeenCalled();
  });
});

test('the table knows software adapters of four and eight lanes', () => {
  expect([4, 8, 16, 1].map((lanes) => needsTuning(gpuLike(lanes, 'SwiftShader')))).toEqual([
    false,
    false,
    true,
    true,
  ]);
  expect(needsTuning(gpuLike(8, 'a card'))).toBe(true);
});

test('the words of --autotune and SOFTQ_AUTOTUNE', () => {
  vi.stubEnv('SOFTQ_AUTOTUNE', '');
  expect([parseAutotune(undefined), parseAutotune(true), parseAutotune(false)]).toEqual([
    undefined,
    true,
    false,
  ]);
  vi.stubEnv('SOFTQ_AUTOTUNE', '0');
  expect([parseAutotune(undefined), parseAutotune(true)]).toEqual([false, true]);
  vi.stubEnv('SOFTQ_AUTOTUNE', '1');
  expect([parseAutotune(undefined), parseAutotune(false)]).toEqual([true, false]);
  vi.stubEnv('SOFTQ_AUTOTUNE', 'yes');
  expect(() => parseAutotune(undefined)).toThrow("SOFTQ_AUTOTUNE is 'yes', but must be 0 or 1.");
});
