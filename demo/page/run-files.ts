import { unzipSync, zipSync } from 'fflate';
import type { RunFiles } from '../protocol.ts';

/** A file that the visitor gave, by its path where the browser tells one. */
export interface GivenFile {
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A larger archive is not one of ours, and would not fit into memory. */
const MOST_BYTES = 2 ** 30;
const ZIP = [0x50, 0x4b];

/** A run as a zip that unpacks to a run folder `name`, as the command line writes and reads it. */
export function packRun(name: string, files: RunFiles): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(files).map(([path, bytes]) => [`${name}/${path}`, bytes]);
  // Weights and transitions hardly shrink: level 1 is half the size and nothing to wait for.
  return zipSync(Object.fromEntries(entries) as RunFiles, { level: 1 });
}

/**
 * The files of a run, by their paths, from a zip of a run folder or from the files in one; which checkpoint counts is
 * the session's business.
 * @throws Error if a zip cannot be read or there is no checkpoint, in one sentence.
 */
export function unpackRun(given: readonly GivenFile[]): RunFiles {
  const files = given.flatMap((file) => (isZip(file) ? unzip(file) : [file]));
  if (!files.some(({ path }) => path.endsWith('checkpoint.json'))) {
    throw new Error(
      'There is no checkpoint.json among the files: choose a run that was saved here, or all files of a checkpoint.',
    );
  }
  return Object.fromEntries(files.map(({ path, bytes }) => [path, bytes]));
}

function unzip({ path, bytes }: GivenFile): GivenFile[] {
  try {
    let total = 0;
    const entries = unzipSync(bytes, {
      // Sizes are known before anything is unpacked: a small file cannot fill the memory.
      filter: ({ originalSize }) => (total += originalSize) <= MOST_BYTES,
    });
    if (total > MOST_BYTES) throw new Error('it is too large');
    return Object.entries(entries)
      .filter(([name]) => !name.endsWith('/'))
      .map(([name, contents]) => ({ path: name, bytes: contents }));
  } catch (error) {
    const reason = (error as Error).message;
    throw new Error(`'${path}' cannot be unpacked (${reason}): save the run again.`, { cause: error });
  }
}

function isZip({ bytes }: GivenFile): boolean {
  return ZIP.every((byte, i) => bytes[i] === byte);
}
