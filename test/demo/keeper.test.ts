import { describe, expect, test } from 'vitest';
import { Keeper } from '../../demo/session/keeper.ts';
import { runFilesOf, runNameOf, snapshotOf } from '../../demo/session/run-files.ts';
import { goalsOf, goesOnWith } from '../../demo/session/run.ts';
import { multigoalWith } from '../../src/envs/multigoal.ts';
import { packEnvParams } from '../../src/envs/environment.ts';
import type { Snapshot } from '../../src/train/checkpoint.ts';
import { resolveConfig } from '../../src/train/config.ts';

const GOALS = [
  [1, 2],
  [-3.5, 0],
  [6, -6],
] as const;

function snapshot(records: number): Snapshot {
  const world = multigoalWith(GOALS);
  const array = (name: string, data: Float32Array<ArrayBuffer>) => ({ name, shape: [data.length], data });
  return {
    config: resolveConfig({ seed: 7 }),
    clock: { iteration: 9, updates: 4, policyUpdates: 3, replayCursor: records, replaySize: records },
    learner: [array('q.weights0', Float32Array.of(1, 2, 3))],
    environment: [array('env.params', packEnvParams(world, world.defaultParams))],
    replay: [array('replay.ring', new Float32Array(9 * records))],
  };
}

describe('what is kept in memory', () => {
  test('is the whole state, but for a replay that is too large', () => {
    const keeper = new Keeper();
    expect(keeper.snapshot).toBeNull();
    const small = snapshot(10);
    keeper.keep(small);
    expect(keeper.snapshot).toBe(small);
    const large = snapshot(2_000_000); // 72 MB
    keeper.keep(large);
    const { replay, clock, learner } = keeper.snapshot!;
    expect(replay).toEqual([]);
    expect(clock).toEqual({ ...large.clock, replayCursor: 0, replaySize: 0 });
    expect(learner).toBe(large.learner);
    keeper.clear();
    expect(keeper.snapshot).toBeNull();
  });

  test('is gone back to once, but not twice within half a minute', () => {
    const keeper = new Keeper();
    expect(keeper.lost(5000)).toBe(true);
    expect(keeper.lost(34_999)).toBe(false);
    expect(keeper.lost(65_000)).toBe(true);
  });
});

describe('the files of a run', () => {
  test('are those of a run folder, and give the state back', async () => {
    const kept = snapshot(2);
    const files = await runFilesOf(kept);
    expect(Object.keys(files).sort()).toEqual([
      'checkpoint-000004/checkpoint.json',
      'checkpoint-000004/environment.safetensors',
      'checkpoint-000004/learner.safetensors',
      'checkpoint-000004/replay.safetensors',
      'config.json',
    ]);
    expect(JSON.parse(new TextDecoder().decode(files['config.json']))).toEqual(kept.config);
    const { hash, ...read } = (await snapshotOf(files)) as Snapshot & { hash: string };
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(read).toEqual(kept);
    expect(runNameOf(kept)).toBe('multigoal-default-s7');
  });

  test('may come without their folder, or with an older checkpoint beside them', async () => {
    const older = await runFilesOf({ ...snapshot(2), learner: [] });
    const newer = await runFilesOf({ ...snapshot(2), clock: { ...snapshot(2).clock, updates: 12 } });
    const inFolder = Object.entries({ ...older, ...newer }).map(([path, bytes]) => [`my run/${path}`, bytes]);
    const read = await snapshotOf(Object.fromEntries(inFolder));
    expect(read.clock.updates).toBe(12);
    const flat = Object.entries(newer).map(([path, bytes]) => [path.split('/').at(-1)!, bytes]);
    expect((await snapshotOf(Object.fromEntries(flat))).clock.updates).toBe(12);
  });

  test('name the one that is missing', async () => {
    const files = { ...(await runFilesOf(snapshot(2))) };
    delete (files as Record<string, unknown>)['checkpoint-000004/learner.safetensors'];
    await expect(snapshotOf(files)).rejects.toThrow(/^learner\.safetensors is missing/);
    await expect(snapshotOf({})).rejects.toThrow(/^checkpoint\.json is missing/);
  });

  test('hold the goals of their world', () => {
    expect(goalsOf(snapshot(1))).toEqual(GOALS);
    expect(goalsOf({ ...snapshot(1), environment: [] })).toHaveLength(4);
  });
});

test('a run goes on with other settings unless its networks would be others', () => {
  const config = resolveConfig({});
  expect(goesOnWith(config, { ...config, temperature: 3, environments: 64, repulsion: false })).toBe(true);
  expect(goesOnWith(config, { ...config, hidden: [64, 32] })).toBe(false);
  expect(goesOnWith(config, { ...config, rewardScale: 1 })).toBe(false);
});
