import { access, appendFile, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UsageError } from '../gpu/errors.ts';
import {
  CheckpointError,
  decodeCheckpoint,
  encodeCheckpoint,
  type PARTS,
  type Snapshot,
} from '../train/checkpoint.ts';
import type { Config } from '../train/config.ts';
import type { MetricRow } from '../train/metrics.ts';

const CHECKPOINT = /^checkpoint-(\d+)$/;
/** Checkpoints kept: the newest, and one before it in case the newest is damaged later. */
const KEPT = 2;

/** A run on disk: resolved configuration, metrics as JSON lines, checkpoints, and what was made of them. */
export class RunFolder {
  readonly path: string;

  /** The folder's own name. */
  get name(): string {
    return basename(this.path);
  }

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * A new folder `<parent>/<environment>[-<algorithm>]-<preset>-s<seed>-<n>` with the first free n; nothing is ever overwritten.
   * @throws UsageError if the parent cannot be written.
   */
  static async create(parent: string, config: Config): Promise<RunFolder> {
    const learner = config.algorithm === 'soft-q' ? '' : `-${config.algorithm}`;
    const name = `${config.environment}${learner}-${config.preset}-s${config.seed}`;
    try {
      await mkdir(parent, { recursive: true });
      for (let n = 1; ; n++) {
        const path = join(parent, `${name}-${n}`);
        try {
          await mkdir(path);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
          throw error;
        }
        const folder = new RunFolder(path);
        await folder.writeFile('config.json', `${JSON.stringify(config, null, 2)}\n`);
        return folder;
      }
    } catch (error) {
      const reason = (error as Error).message;
      throw new UsageError(
        `No run folder can be made in '${parent}' (${reason}): name a writable one with --runs.`,
      );
    }
  }

  /**
   * The run in `path`.
   * @throws UsageError if it is not a run folder.
   */
  static async open(path: string): Promise<RunFolder> {
    const isFolder = await stat(path)
      .then((entry) => entry.isDirectory())
      .catch(() => false);
    if (!isFolder)
      throw new UsageError(
        `'${path}' is not a folder: name a run folder such as runs/multigoal-default-s0-1.`,
      );
    const isRun = await access(join(path, 'config.json'))
      .then(() => true)
      .catch(() => false);
    if (!isRun) {
      throw new UsageError(
        `'${path}' is not a run folder (it has no config.json): name one that 'softq train' made.`,
      );
    }
    return new RunFolder(path);
  }

  /** Writes a file so that a reader sees all of it or none: temporary file, fsync, rename. */
  async writeFile(name: string, contents: string | Uint8Array): Promise<string> {
    const target = join(this.path, name);
    await writeDurably(`${target}.tmp`, contents);
    await rename(`${target}.tmp`, target);
    return target;
  }

  /** Appends rows to `metrics.jsonl`, one JSON object a line. */
  async appendMetrics(
    rows: readonly MetricRow[],
    extra: (row: MetricRow) => Record<string, number>,
  ): Promise<void> {
    const lines = rows.map((row) =>
      JSON.stringify({ ...extra(row), updates: row.updates, ...finite(row.values) }),
    );
    if (lines.length > 0) await appendFile(join(this.path, 'metrics.jsonl'), `${lines.join('\n')}\n`);
  }

  /**
   * Writes a checkpoint as a folder of its own and then removes the oldest ones. The folder gets its name only when
   * every file in it is on the disk, so a crash at any moment leaves the earlier checkpoints as they were.
   * @returns the hash of its contents.
   */
  async writeCheckpoint(snapshot: Snapshot): Promise<string> {
    const { files, hash } = await encodeCheckpoint(snapshot);
    const target = join(this.path, `checkpoint-${String(snapshot.clock.updates).padStart(6, '0')}`);
    const temporary = `${target}.tmp`;
    await rm(temporary, { recursive: true, force: true });
    try {
      await mkdir(temporary);
      for (const [name, bytes] of files) await writeDurably(join(temporary, name), bytes);
      await syncFolder(temporary);
      await rename(temporary, target);
      await syncFolder(this.path);
    } catch (error) {
      // A full disk must not keep the part that did fit.
      await rm(temporary, { recursive: true, force: true });
      // A run that is interrupted just after a checkpoint writes it again: the same updates are the same state.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    }
    for (const old of (await this.checkpoints()).slice(0, -KEPT)) {
      await rm(join(this.path, old), { recursive: true, force: true });
    }
    return hash;
  }

  /** Names of the checkpoints, oldest first. */
  async checkpoints(): Promise<string[]> {
    const updates = (name: string) => Number(CHECKPOINT.exec(name)![1]);
    const names = (await readdir(this.path)).filter((name) => CHECKPOINT.test(name));
    return names.sort((a, b) => updates(a) - updates(b));
  }

  /**
   * Reads the newest checkpoint, or the one named.
   * @throws UsageError if there is none, or it is damaged: the sentence names the file, and the other checkpoints.
   */
  async readCheckpoint(
    parts?: readonly (typeof PARTS)[number][],
    name?: string,
  ): Promise<Snapshot & { hash: string; name: string }> {
    const all = await this.checkpoints();
    const chosen = name ?? all.at(-1);
    if (!chosen || !all.includes(chosen)) {
      const what = name ? `no checkpoint '${name}'` : 'no checkpoint yet';
      throw new UsageError(`'${this.path}' has ${what}: ${listed(all)}.`);
    }
    const read = async (file: string) => {
      try {
        return new Uint8Array(await readFile(join(this.path, chosen, file)));
      } catch (error) {
        throw new CheckpointError(
          `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
        );
      }
    };
    try {
      return { ...(await decodeCheckpoint(read, parts)), name: chosen };
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      const others = all.filter((other) => other !== chosen);
      const way = others.length > 0 ? `use --checkpoint ${others.at(-1)}` : 'train again';
      throw new UsageError(
        `Checkpoint '${join(this.path, chosen)}' cannot be used: ${error.message}; ${way}.`,
      );
    }
  }
}

function listed(names: readonly string[]): string {
  return names.length > 0 ? `it has ${names.join(', ')}` : `let 'softq train' get past its first checkpoint`;
}

/** JSON has no NaN or infinity: such numbers are left out. */
function finite(values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)));
}

async function writeDurably(path: string, contents: string | Uint8Array): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(contents);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
