import { strFromU8, unzipSync, zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { packRun, unpackRun } from '../../demo/page/run-files.ts';

const text = (words: string) => new TextEncoder().encode(words);
const RUN = {
  'config.json': text('{}'),
  'checkpoint-000500/checkpoint.json': text('{"clock":1}'),
  'checkpoint-000500/learner.safetensors': Uint8Array.of(1, 2, 3),
};

describe('a saved run', () => {
  test('is a zip of a run folder', () => {
    const files = unzipSync(packRun('multigoal-default-s0', RUN));
    expect(Object.keys(files).sort()).toEqual([
      'multigoal-default-s0/checkpoint-000500/checkpoint.json',
      'multigoal-default-s0/checkpoint-000500/learner.safetensors',
      'multigoal-default-s0/config.json',
    ]);
    expect(strFromU8(files['multigoal-default-s0/config.json']!)).toBe('{}');
  });

  test('is read back from its zip', () => {
    const files = unpackRun([{ path: 'run.softq.zip', bytes: packRun('run', RUN) }]);
    expect(files['run/checkpoint-000500/learner.safetensors']).toEqual(Uint8Array.of(1, 2, 3));
    expect(Object.keys(files)).toHaveLength(3);
  });

  test('is read from files without a folder', () => {
    const files = Object.entries(RUN).map(([path, bytes]) => ({ path: path.split('/').at(-1)!, bytes }));
    expect(Object.keys(unpackRun(files))).toEqual(['config.json', 'checkpoint.json', 'learner.safetensors']);
  });

  test('needs a checkpoint, and says so', () => {
    expect(() => unpackRun([{ path: 'a.txt', bytes: text('hello') }])).toThrow(/no checkpoint\.json/);
    expect(() => unpackRun([{ path: 'a.zip', bytes: zipSync({ 'b.txt': text('') }) }])).toThrow(
      /no checkpoint\.json/,
    );
  });

  test('that is a broken zip is named', () => {
    const broken = packRun('run', RUN).slice(0, -30);
    expect(() => unpackRun([{ path: 'cut.zip', bytes: broken }])).toThrow(/^'cut\.zip' cannot be unpacked/);
  });
});
