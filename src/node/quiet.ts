import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
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
  const original = reopenStderr();
  if (original === null) return { value: call(), text: '' };
  const folder = mkdtempSync(join(tmpdir(), 'softq-stderr-'));
  const file = join(folder, 'stderr');
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

/** A second descriptor of stderr to restore it from, or null where it cannot be opened again. */
function reopenStderr(): number | null {
  try {
    return openSync(`/proc/self/fd/${STDERR}`, 'a');
  } catch {
    return null;
  }
}

/** Points stderr at `path`: the lowest free descriptor is given out first, and 2 has just become free. */
function redirect(path: string): void {
  closeSync(STDERR);
  const descriptor = openSync(path, 'a');
  if (descriptor !== STDERR) throw new Error(`stderr became descriptor ${descriptor}`);
}
