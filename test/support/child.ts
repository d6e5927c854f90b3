import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** The root folder of the repository. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** How a child process ended, and all that it wrote. */
export interface ChildResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a child process may be given beside its program. */
export interface ChildOptions {
  /** Flags of Node's own, such as `--expose-gc`. */
  readonly flags?: readonly string[];
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A module of `src`, built so that plain Node can import it; `remove` deletes it again. */
export interface BuiltModule {
  readonly folder: string;
  readonly path: string;
  remove(): void;
}

/**
 * Builds one TypeScript module for child processes, since Node 20 cannot import TypeScript. It lies in the repository's
 * node_modules, so that its imports of packages resolve.
 */
export async function buildModule(source: string): Promise<BuiltModule> {
  const folder = mkdtempSync(join(ROOT, 'node_modules/.softq-test-'));
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    build: {
      ssr: true,
      outDir: folder,
      minify: false,
      rolldownOptions: { input: join(ROOT, source), output: { entryFileNames: 'module.mjs' } },
    },
  });
  return {
    folder,
    path: join(folder, 'module.mjs'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Runs Node on `args`. Its stderr is a file, as under a shell's redirection, not the socket that Node would make. */
export async function runNode(args: readonly string[], options: ChildOptions = {}): Promise<ChildResult> {
  const folder = mkdtempSync(join(ROOT, 'node_modules/.softq-test-'));
  const stderr = openSync(join(folder, 'stderr'), 'a');
  try {
    const child = spawn(process.execPath, [...(options.flags ?? []), ...args], {
      stdio: ['ignore', 'pipe', stderr],
      env: { ...process.env, ...options.env },
    });
    let stdout = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        resolve({ code, signal, stdout, stderr: readFileSync(join(folder, 'stderr'), 'utf8') });
      });
    });
  } finally {
    closeSync(stderr);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs `program`, the text of an ES module that may import `./module.mjs`, beside a built module. */
export function runProgram(
  module: BuiltModule,
  program: string,
  options?: ChildOptions,
): Promise<ChildResult> {
  const path = join(module.folder, `program-${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(path, program);
  return runNode([path], options);
}
