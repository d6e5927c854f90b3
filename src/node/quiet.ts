import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What `captureNativeStderr` gives back: the value of the call, and what C++ code wrote to stderr meanwhile. */
export interface Captured<T> {
  readonly value: T;
  readonly text: string;
}

const STDERR = 2;
/** Resources of the event loop that cannot open a file from another thread. */
const HARMLESS = new Set([
  'CloseReq',
  'Immediate',
  'MessagePort',
  'PipeWrap',
  'SignalWrap',
  'TTYWrap',
  'Timeout',
]);

/**
 * Runs the synchronous `call` while native writes to stderr go to a file, and returns their text. Dawn reports each
 * driver that it looks at on stderr, without a switch to turn it off; the words are for `doctor`, not for every run.
 * Where the swap is not safe (not Linux; file operations under way that might be given our descriptor; a stderr that
 * cannot be opened again, such as a socket) the call runs as it is and the text is empty.
 */
export function captureNativeStderr<T>(call: () => T): Captured<T> {
  if (process.platform !== 'linux' || process.getActiveResourcesInfo().some((name) => !HARMLESS.has(name))) {
    return { value: call(), text: '' };
  }
  const places = openPlaces();
  if (places === null) return { value: call(), text: '' };
  const { folder, file, original } = places;
  try {
    redirect(file);
    let value: T;
    try {
      value = call();
    } finally {
      redirect(`/proc/self/fd/${original}`);
    }
    return { value, text: readFileSync(file, 'utf8').trim() };
  } finally {
    closeSync(original);
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Places {
  readonly folder: string;
  /** An empty file to write to. */
  readonly file: string;
  /** A second descriptor of stderr, to restore it from. */
  readonly original: number;
}

/** Everything that the swap needs, opened before anything is changed; null where something cannot be. */
function openPlaces(): Places | null {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'softq-stderr-'));
    const file = join(folder, 'stderr');
    writeFileSync(file, '');
    return { folder, file, original: openSync(`/proc/self/fd/${STDERR}`, 'a') };
  } catch {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    return null;
  }
}

/** Points stderr at `path`: the lowest free descriptor is given out first, and 2 has just become free. */
function redirect(path: string): void {
  closeSync(STDERR);
  const descriptor = openSync(path, 'a');
  if (descriptor !== STDERR) throw new Error(`stderr became descriptor ${descriptor}`);
}
