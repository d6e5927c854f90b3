import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { UsageError } from '../gpu/errors.ts';

/**
 * Makes sure that results can be written to `path`, the value of `flag`, before hours are spent on them.
 * @throws UsageError if they cannot.
 */
export async function requireWritable(path: string, flag = '--out'): Promise<void> {
  try {
    const known = await stat(path).catch(() => null);
    if (known && !known.isFile()) throw new Error('it is no file');
    await writeFile(`${path}.tmp`, '');
    await rm(`${path}.tmp`);
  } catch (error) {
    throw new UsageError(
      `'${path}' cannot be written (${(error as Error).message}): name another file with ${flag}.`,
    );
  }
}

/** Writes `value` as JSON, whole or not at all, so that an interrupt leaves what was there before. */
export async function writeResults(path: string, value: unknown): Promise<void> {
  await writeFile(`${path}.tmp`, `${JSON.stringify(value, null, 1)}\n`);
  await rename(`${path}.tmp`, path);
}
