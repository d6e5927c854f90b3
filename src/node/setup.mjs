// Installs the dependencies and builds what runs, if needed. Plain JavaScript without dependencies, since it runs
// before there are any: `prestart`, `pretest` and the other scripts that need a build start it. Says one line on
// stderr per action, and nothing when nothing is to do.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const BUILD_STAMP = 'dist/.softq-build.json';
const INSTALL_STAMP = 'node_modules/.softq-setup.json';
const LOCK = '.softq/setup.lock';
const LOCK_POLL_MS = 200;
/** Older than any installation takes; guards against a process id that was given out again. */
const LOCK_OLD_MS = 15 * 60_000;
const OWNER = 'pid';
const BUILD_INPUTS = [
  'src',
  'shaders',
  'bench',
  'vite.config.ts',
  'tsconfig.json',
  'package.json',
  'package-lock.json',
];
const OLDEST_NODE = [20, 19];

export class SetupError extends Error {}

export async function setup(root) {
  checkNode(process.versions.node);
  if (isInstalled(root) && isBuilt(root)) return;
  const unlock = await lock(join(root, LOCK));
  try {
    // Looked at again: whoever held the lock before may have done the work.
    if (!isInstalled(root)) await install(root);
    if (!isBuilt(root)) await build(root);
  } finally {
    unlock();
  }
}

export function sourceHash(root) {
  const hash = createHash('sha256');
  for (const input of BUILD_INPUTS) {
    for (const file of filesUnder(join(root, input))) {
      const bytes = readFileSync(file);
      hash.update(`${relative(root, file).split(sep).join('/')}\0${bytes.length}\0`).update(bytes);
    }
  }
  return hash.digest('hex');
}

function checkNode(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    throw new SetupError(
      `softq needs Node ${OLDEST_NODE.join('.')} or newer, and this is ${version}; install a newer Node.`,
    );
  }
}

function filesUnder(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesUnder(join(path, name)));
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

/** Through a rename, so that a reader never sees half a file. */
function writeJson(path, value) {
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, JSON.stringify(value));
  renameSync(draft, path);
}

function lockfileHash(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** Whether node_modules holds what the lockfile says. */
function isInstalled(root) {
  const installed = readJson(join(root, 'node_modules/.package-lock.json'));
  if (installed === null) return false;
  const lockfile = lockfileHash(root);
  if (readJson(join(root, INSTALL_STAMP))?.lockfile === lockfile) return true;
  // No stamp of ours: someone ran npm by hand. npm's own record tells whether that is enough.
  const wanted = Object.entries(readJson(join(root, 'package-lock.json'))?.packages ?? {});
  const complete = wanted.every(([path, entry]) => {
    const there = installed.packages?.[path];
    if (path === '' || (there === undefined && entry.optional === true)) return true;
    return there?.version === entry.version && there?.integrity === entry.integrity;
  });
  if (complete) writeJson(join(root, INSTALL_STAMP), { lockfile });
  return complete;
}

async function install(root) {
  say('installing dependencies (npm ci)');
  const lockfile = lockfileHash(root);
  const code = await npm(root, ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
  if (code !== 0) {
    throw new SetupError(
      'npm ci failed, see its words above; check the network and the npm registry setting, then try again.',
    );
  }
  writeJson(join(root, INSTALL_STAMP), { lockfile });
}

/** The build itself writes the stamp, with the hash from before it began and the files that it made. */
function isBuilt(root) {
  const stamp = readJson(join(root, BUILD_STAMP));
  return (
    stamp !== null &&
    stamp.sources === sourceHash(root) &&
    stamp.files.every((file) => existsSync(join(root, 'dist', file)))
  );
}

async function build(root) {
  say('building');
  const code = await npm(root, ['run', '--silent', 'build:node']);
  if (code !== 0)
    throw new SetupError('The build failed, see its words above; `npm run build:node` repeats it.');
}

/** Runs npm with everything it says on our stderr, since our stdout may belong to a program that comes after us. */
function npm(root, args) {
  // Inside an npm script this is the npm that runs it, which need not be the one on the PATH.
  const script = process.env.npm_execpath;
  const [command, first] = script?.endsWith('.js') ? [process.execPath, [script]] : ['npm', []];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...args], {
      cwd: root,
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32' && first.length === 0,
    });
    child.on('error', (error) =>
      reject(new SetupError(`npm could not be started (${error.message}); install npm.`)),
    );
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** Takes the lock, a folder that holds its owner's process id, and returns what gives it back. */
async function lock(folder) {
  const draft = `${folder}.${process.pid}`;
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    mkdirSync(draft, { recursive: true });
    writeFileSync(join(draft, OWNER), String(process.pid));
  } catch (error) {
    throw new SetupError(`Could not write to ${dirname(folder)} (${error.message}); make it writable.`);
  }
  // A rename onto a folder with a file in it fails, so the lock never exists without its owner's id.
  for (let waits = 0; !tryRename(draft, folder); waits += 1) {
    if (breakStaleLock(folder)) continue;
    if (waits === 0) say('waiting for another process that sets up');
    await sleep(LOCK_POLL_MS);
  }
  process.once('exit', remove);
  return () => {
    process.off('exit', remove);
    remove();
  };
}

function tryRename(from, to) {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}

/** Removes the lock if its owner has ended; true if it is worth trying to take it at once. */
function breakStaleLock(folder) {
  if (!isStale(folder)) return !existsSync(folder);
  const aside = `${folder}.stale.${process.pid}`;
  if (!tryRename(folder, aside)) return true;
  // Between the look and the rename another waiter may have broken the lock and taken it: then give it back.
  if (!isStale(aside) && tryRename(aside, folder)) return false;
  rmSync(aside, { recursive: true, force: true });
  return true;
}

function isStale(folder) {
  try {
    if (Date.now() - statSync(folder).mtimeMs > LOCK_OLD_MS) return true;
    process.kill(Number(readFileSync(join(folder, OWNER), 'utf8')), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

function say(words) {
  process.stderr.write(`softq: ${words}\n`);
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === realpathSync(process.argv[1])) {
  setup(join(dirname(fileURLToPath(import.meta.url)), '../..')).catch((error) => {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 2;
  });
}
