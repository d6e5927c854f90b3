import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { basename, dirname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { UsageError } from '../gpu/errors.ts';

/** One brotli-compressed file of an npm package, pinned by its sha256 (64 hex digits). */
export interface PinnedArchive {
  /** File name inside the package's `bin` folder; `x.tar.br` is unpacked, `x.br` becomes the executable `x`. */
  readonly file: string;
  readonly sha256: string;
}

const MANIFEST = 'unpacked.json';
const TAR_BLOCK = 512;
const PUBLISH_ATTEMPTS = 20;
const inflate = promisify(brotliDecompress);

/**
 * The `bin` folder of the installed package `@sparticuz/chromium`, or null where it is not installed. Looked for
 * beside this module and then beside the caller's project, since users of the published CLI add it themselves.
 */
export function chromiumPackageBin(): string | null {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      // The package exports no package.json: walk up from its entry point to the folder that has `bin`.
      let folder = dirname(createRequire(from).resolve('@sparticuz/chromium'));
      while (basename(folder) !== 'chromium' && dirname(folder) !== folder) folder = dirname(folder);
      const bin = join(folder, 'bin');
      if (existsSync(bin)) return bin;
    } catch {
      // Not installed here; the next place may have it.
    }
  }
  return null;
}

/**
 * The folder that unpacked archives of `bin` live in, and what else is kept between runs: the cache of the `node_modules`
 * that holds the package, so that deleting it deletes both, else (or where the package is not installed, null) the user's
 * cache folder. Never a shared temporary folder, where another user could leave a library for us to load.
 */
export function cacheFolder(bin: string | null): string {
  if (bin !== null) {
    const modules = bin.slice(0, bin.lastIndexOf(`node_modules${sep}`) + 'node_modules'.length);
    const cache = join(modules, '.cache');
    if (isWritable(existsSync(cache) ? cache : modules)) return join(cache, 'softq');
  }
  // The variable rather than process.env itself: ours is read once and never passed on.
  const { XDG_CACHE_HOME: xdg } = process.env;
  return join(xdg === undefined || xdg === '' ? join(homedir(), '.cache') : xdg, 'softq');
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** What one unpacked folder is made of. */
export interface Bundle {
  readonly archives: readonly PinnedArchive[];
  /** Texts of our own by file name, written last. */
  readonly texts?: Readonly<Record<string, string>>;
}

/** A folder name for `bundle` that changes with its contents, so that a new version never meets an old folder. */
export function bundleFolder(bin: string, name: string, bundle: Bundle): string {
  const contents = JSON.stringify([bundle.archives.map((archive) => archive.sha256), bundle.texts]);
  const id = createHash('sha256').update(contents).digest('hex').slice(0, 8);
  return join(cacheFolder(bin), `${name}-${id}`);
}

/**
 * Unpacks `bundle` from `bin` into `folder` unless it is there, complete, already. Writes beside it and renames, so
 * that a reader never sees half a folder and two processes may do it at once.
 * @throws UsageError when an archive is missing or altered, or the folder cannot be written.
 */
export async function unpackBundle(bin: string, bundle: Bundle, folder: string): Promise<void> {
  if (await isComplete(folder)) return;
  const files = (await Promise.all(bundle.archives.map((archive) => readPinned(bin, archive)))).flat();
  for (const [path, text] of Object.entries(bundle.texts ?? {})) {
    files.push({ path, mode: 0o644, bytes: Buffer.from(text) });
  }
  try {
    await mkdir(dirname(folder), { recursive: true });
    const draft = await mkdtemp(`${folder}.tmp-`);
    try {
      const sizes: Record<string, number> = {};
      for (const { path, mode, bytes } of files) {
        const target = join(draft, path);
        await mkdir(dirname(target), { recursive: true });
        await writeFile(target, bytes);
        // Not through writeFile's mode, which the umask would narrow.
        await chmod(target, mode);
        sizes[path] = bytes.length;
      }
      await writeFile(join(draft, MANIFEST), JSON.stringify(sizes));
      await chmod(draft, 0o755);
      await publish(draft, folder);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `Could not unpack into ${folder} (${reason}); free some space or set XDG_CACHE_HOME to a folder you can write.`,
    );
  }
}

/** Moves a finished draft into place; where another process was first, its folder is as good as ours. */
async function publish(draft: string, folder: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await rename(draft, folder);
      return;
    } catch (error) {
      if (await isComplete(folder)) return;
      const { code } = error as NodeJS.ErrnoException;
      if (attempt === PUBLISH_ATTEMPTS || (code !== 'ENOTEMPTY' && code !== 'EEXIST')) throw error;
    }
    // A damaged folder stands in the way: move it aside in one step, if no other process has done so by now.
    const aside = `${draft}.damaged`;
    await rename(folder, aside).catch(() => undefined);
    await rm(aside, { recursive: true, force: true });
  }
}

/** Whether every file of the manifest is there with its size; the rename makes more than that unnecessary. */
async function isComplete(folder: string): Promise<boolean> {
  try {
    const sizes = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8')) as Record<string, number>;
    const found = await Promise.all(Object.keys(sizes).map((path) => stat(join(folder, path))));
    return found.every((file, index) => file.size === Object.values(sizes)[index]);
  } catch {
    return false;
  }
}

interface UnpackedFile {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Buffer;
}

async function readPinned(bin: string, archive: PinnedArchive): Promise<UnpackedFile[]> {
  const path = join(bin, archive.file);
  const bytes = await readFile(path).catch(() => null);
  const found = bytes === null ? 'no file' : createHash('sha256').update(bytes).digest('hex');
  if (bytes === null || found !== archive.sha256) {
    throw new UsageError(
      `${path} is not the file this version of softq was tested with ` +
        `(expected sha256 ${archive.sha256}, found ${found}); install @sparticuz/chromium@147.0.0 again.`,
    );
  }
  const inflated = await inflate(bytes);
  if (archive.file.endsWith('.tar.br')) return [...untar(inflated)];
  return [{ path: basename(archive.file, '.br'), mode: 0o755, bytes: inflated }];
}

/** The regular files of a ustar archive. Enough for the pinned archives, which have short names and no links. */
function* untar(tar: Buffer): Generator<UnpackedFile> {
  for (let at = 0; at + TAR_BLOCK <= tar.length;) {
    const text = (from: number, length: number): string =>
      tar.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '');
    const path = text(0, 100);
    if (path === '') return;
    const size = Number.parseInt(text(124, 12), 8);
    const type = text(156, 1);
    const bytes = tar.subarray(at + TAR_BLOCK, at + TAR_BLOCK + size);
    if (type === '0' || type === '') {
      if (path.startsWith('/') || path.split('/').includes('..') || bytes.length !== size) {
        throw new Error(`bad tar entry ${path}`);
      }
      yield { path, mode: Number.parseInt(text(100, 8), 8) & 0o755, bytes };
    } else if (type !== '5') {
      throw new Error(`tar entry ${path} has the unexpected type ${type}`);
    }
    at += TAR_BLOCK + Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
  }
}
