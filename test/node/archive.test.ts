import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Bundle } from '../../src/node/archive.ts';
import { bundleFolder, chromiumPackageBin, unpackBundle } from '../../src/node/archive.ts';
import { SWIFTSHADER_ARCHIVE } from '../../src/node/swiftshader.ts';

const BUNDLE: Bundle = { archives: [SWIFTSHADER_ARCHIVE], texts: { 'own.txt': 'ours' } };
const LIBRARY = 'libvk_swiftshader.so';

let root: string;
let bin: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'softq-archive-'));
  bin = join(root, 'node_modules/@sparticuz/chromium/bin');
  mkdirSync(bin, { recursive: true });
  const { file } = SWIFTSHADER_ARCHIVE;
  copyFileSync(join(chromiumPackageBin() ?? '', file), join(bin, file));
  folder = bundleFolder(bin, 'test', BUNDLE);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('unpacks into the cache beside the package, with modes, and leaves nothing else there', async () => {
  await unpackBundle(bin, BUNDLE, folder);
  expect(dirname(folder)).toBe(join(root, 'node_modules/.cache/softq'));
  expect(readdirSync(dirname(folder))).toHaveLength(1);
  // Starts as every ELF file does.
  expect(readFileSync(join(folder, LIBRARY)).subarray(0, 4).toString('latin1')).toBe('\x7fELF');
  expect(statSync(join(folder, LIBRARY)).mode & 0o777).toBe(0o755);
  expect(readFileSync(join(folder, 'own.txt'), 'utf8')).toBe('ours');
});

test('a second time it changes nothing', async () => {
  await unpackBundle(bin, BUNDLE, folder);
  const before = statSync(folder).ino;
  rmSync(join(bin, SWIFTSHADER_ARCHIVE.file));
  await unpackBundle(bin, BUNDLE, folder);
  expect(statSync(folder).ino).toBe(before);
});

test('many at once all end with a whole folder, also over a damaged one', async () => {
  await unpackBundle(bin, BUNDLE, folder);
  writeFileSync(join(folder, LIBRARY), 'cut short');
  await Promise.all(Array.from({ length: 4 }, () => unpackBundle(bin, BUNDLE, folder)));
  expect(statSync(join(folder, LIBRARY)).size).toBeGreaterThan(1e6);
  expect(readdirSync(dirname(folder))).toHaveLength(1);
});

test('another content is another folder', () => {
  expect(bundleFolder(bin, 'test', { archives: [SWIFTSHADER_ARCHIVE] })).not.toBe(folder);
});

test('an altered archive is refused before anything of it is used', async () => {
  const path = join(bin, SWIFTSHADER_ARCHIVE.file);
  const bytes = readFileSync(path);
  bytes[1000] = (bytes[1000] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  await expect(unpackBundle(bin, BUNDLE, folder)).rejects.toThrow(
    /is not the file this version of softq was tested with/,
  );
  expect(readdirSync(join(root, 'node_modules'))).toEqual(['@sparticuz']);
});

test('a missing archive is a sentence', async () => {
  rmSync(join(bin, SWIFTSHADER_ARCHIVE.file));
  await expect(unpackBundle(bin, BUNDLE, folder)).rejects.toThrow(
    /found no file\); install @sparticuz\/chromium@147\.0\.0 again\.$/,
  );
});

test('a place that cannot be written is a sentence', async () => {
  writeFileSync(join(root, 'node_modules/.cache'), 'a file where a folder should be');
  await expect(unpackBundle(bin, BUNDLE, folder)).rejects.toThrow(
    /^Could not unpack into .+; free some space or set XDG_CACHE_HOME/,
  );
});
