import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { RunFolder } from '../../src/node/run-folder.ts';
import type { Snapshot } from '../../src/train/checkpoint.ts';
import { resolveConfig } from '../../src/train/config.ts';

const parent = mkdtempSync(join(tmpdir(), 'softq-runs-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));

/** A state after `updates` updates, with one weight. */
function snapshotAt(updates: number): Snapshot {
  const clock = { iteration: updates, updates, policyUpdates: 0, replayCursor: 0, replaySize: 0 };
  const learner = [{ name: 'q.0.weight', shape: [1], data: Float32Array.of(updates) }];
  return { config: resolveConfig({}), clock, learner, environment: [], replay: [] };
}

test('two checkpoints are kept, the newest is read, and one written twice is the same one', async () => {
  const folder = await RunFolder.create(parent, resolveConfig({}));
  for (const updates of [500, 1000, 1500]) await folder.writeCheckpoint(snapshotAt(updates));
  const hash = await folder.writeCheckpoint(snapshotAt(1500));
  expect(await folder.checkpoints()).toEqual(['checkpoint-001000', 'checkpoint-001500']);
  expect(readdirSync(folder.path).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  const read = await folder.readCheckpoint();
  expect(read).toMatchObject({ hash, name: 'checkpoint-001500', clock: { updates: 1500 } });
  expect([...read.learner[0]!.data]).toEqual([1500]);
  expect((await folder.readCheckpoint(['learner'], 'checkpoint-001000')).clock.updates).toBe(1000);
});

test('the files of equal states are equal, byte for byte', async () => {
  const [one, other] = [
    await RunFolder.create(parent, resolveConfig({})),
    await RunFolder.create(parent, resolveConfig({})),
  ];
  for (const folder of [one, other]) await folder.writeCheckpoint(snapshotAt(7));
  expect(other.path).not.toBe(one.path);
  for (const file of readdirSync(join(one.path, 'checkpoint-000007'))) {
    const bytes = (folder: RunFolder) => readFileSync(join(folder.path, 'checkpoint-000007', file));
    expect(bytes(other).equals(bytes(one))).toBe(true);
  }
});
