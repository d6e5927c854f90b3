import { CheckpointError, decodeCheckpoint, encodeCheckpoint, type Snapshot } from '../../src/index.ts';
import type { RunFiles } from '../protocol.ts';

const CHECKPOINT = /^(?:.*\/)?checkpoint-(\d+)\/([^/]+)$/;

/** The files of a run folder with this snapshot as its checkpoint, as `softq` writes them, by their paths in it. */
export async function runFilesOf(snapshot: Snapshot): Promise<RunFiles> {
  const { files } = await encodeCheckpoint(snapshot);
  const folder = `checkpoint-${String(snapshot.clock.updates).padStart(6, '0')}`;
  const config = new TextEncoder().encode(`${JSON.stringify(snapshot.config, null, 2)}\n`);
  return {
    'config.json': config,
    ...Object.fromEntries([...files].map(([name, bytes]) => [`${folder}/${name}`, bytes])),
  };
}

/** What a run folder with this snapshot is called. */
export function runNameOf({ config }: Snapshot): string {
  const learner = config.algorithm === 'soft-q' ? '' : `-${config.algorithm}`;
  return `${config.environment}${learner}-${config.preset}-s${config.seed}`;
}

/**
 * The newest checkpoint among the files of a run folder, or a checkpoint's own files without their folder.
 * @throws CheckpointError naming the file that is missing or damaged.
 */
export function snapshotOf(files: RunFiles): Promise<Snapshot> {
  const numbers = Object.keys(files).flatMap((path) => CHECKPOINT.exec(path)?.[1] ?? []);
  const newest = numbers.sort((a, b) => Number(a) - Number(b)).at(-1);
  return decodeCheckpoint((name) => {
    const found = Object.entries(files).find(([path]) => {
      const [, number, file] = CHECKPOINT.exec(path) ?? [];
      return newest === undefined ? path.split('/').at(-1) === name : number === newest && file === name;
    });
    if (!found)
      return Promise.reject(
        new CheckpointError(`${name} is missing: choose all files of a run's checkpoint`),
      );
    return Promise.resolve(found[1]);
  });
}
