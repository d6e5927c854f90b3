import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ChildResult } from '../support/child.ts';
import { ROOT, runNode } from '../support/child.ts';

/** Stands for vite: counts its runs, and writes the stamp as the plugin in vite.config.ts does. */
const BUILD = `
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { BUILD_STAMP, sourceHash } from './src/node/setup.mjs';
const sources = sourceHash('.');
mkdirSync('dist', { recursive: true });
console.log('the build speaks');
appendFileSync('builds', 'x');
writeFileSync('dist/cli.js', '');
writeFileSync(BUILD_STAMP, JSON.stringify({ sources, files: ['cli.js'] }));
`;
const PACKAGE = {
  name: 'project',
  version: '1.0.0',
  type: 'module',
  scripts: { 'build:node': 'node build.mjs' },
  dependencies: { dep: 'file:dep' },
};
const LOCKFILE = {
  name: 'project',
  version: '1.0.0',
  lockfileVersion: 3,
  requires: true,
  packages: {
    '': { name: 'project', version: '1.0.0', dependencies: { dep: 'file:dep' } },
    dep: { version: '1.0.0' },
    'node_modules/dep': { resolved: 'dep', link: true },
  },
};

let root: string;
const at = (path: string): string => join(root, path);
const run = (flags: string[] = []): Promise<ChildResult> =>
  runNode([at('src/node/setup.mjs')], { flags, env: { npm_config_offline: 'true' } });
const builds = (): number => (existsSync(at('builds')) ? readFileSync(at('builds'), 'utf8').length : 0);

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'softq setup-'));
  for (const folder of ['src/node', 'shaders', 'dep']) mkdirSync(at(folder), { recursive: true });
  cpSync(join(ROOT, 'src/node/setup.mjs'), at('src/node/setup.mjs'));
  writeFileSync(at('build.mjs'), BUILD);
  writeFileSync(at('package.json'), JSON.stringify(PACKAGE));
  writeFileSync(at('package-lock.json'), JSON.stringify(LOCKFILE));
  writeFileSync(at('dep/package.json'), JSON.stringify({ name: 'dep', version: '1.0.0' }));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe.sequential('setup', () => {
  test('of a fresh checkout, by two processes at once, installs and builds once, on stderr', async () => {
    const results = await Promise.all([run(), run()]);
    for (const result of results) expect(result).toMatchObject({ code: 0, stdout: '' });
    const words = results.map((result) => result.stderr).join('');
    expect(words.match(/softq: installing dependencies \(npm ci\)\n/g)).toHaveLength(1);
    expect(words.match(/softq: building\n/g)).toHaveLength(1);
    expect(builds()).toBe(1);
    expect(existsSync(at('node_modules/dep'))).toBe(true);
    expect(existsSync(at('.softq/setup.lock'))).toBe(false);
  });

  test('says and does nothing when nothing is to do', async () => {
    expect(await run()).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(builds()).toBe(1);
  });

  test('takes an installation that someone made with npm by hand', async () => {
    rmSync(at('node_modules/.softq-setup.json'));
    expect(await run()).toMatchObject({ code: 0, stderr: '' });
  });

  test('builds again when a source changes, even one of the same size, or comes or goes', async () => {
    for (const change of [
      () => writeFileSync(at('shaders/a.wgsl'), 'one'),
      () => writeFileSync(at('shaders/a.wgsl'), 'two'),
      () => rmSync(at('shaders/a.wgsl')),
      () => rmSync(at('dist/cli.js')),
    ]) {
      const before = builds();
      change();
      expect((await run()).stderr).toMatch(/^softq: building\n/);
      expect(builds()).toBe(before + 1);
    }
  });

  test('takes over the lock of a process that has ended', async () => {
    mkdirSync(at('.softq/setup.lock'), { recursive: true });
    const gone = await runNode(['-e', 'console.log(process.pid)']);
    writeFileSync(at('.softq/setup.lock/pid'), gone.stdout.trim());
    writeFileSync(at('shaders/b.wgsl'), '');
    expect(await run()).toMatchObject({ code: 0, stderr: expect.stringMatching(/^softq: building\n/) });
    expect(existsSync(at('.softq/setup.lock'))).toBe(false);
  });

  test('installs again when the lockfile changes, and a failing npm is a sentence and exit code 2', async () => {
    // A new lockfile that lacks what package.json asks for: npm ci refuses it.
    writeFileSync(at('package-lock.json'), JSON.stringify({ ...LOCKFILE, version: '1.0.1' }));
    rmSync(at('node_modules/.package-lock.json'));
    const dependencies = { ...PACKAGE.dependencies, other: '1.0.0' };
    writeFileSync(at('package.json'), JSON.stringify({ ...PACKAGE, dependencies }));
    const result = await run();
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(/^softq: installing/);
    expect(result.stderr).toMatch(/softq: npm ci failed, see its words above; .+, then try again\.\n$/);
    expect(existsSync(at('.softq/setup.lock'))).toBe(false);
  });

  test('an old Node is a sentence and exit code 2', async () => {
    const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.18.3'}})`;
    expect(await run(['--import', pretend])).toMatchObject({
      code: 2,
      stderr: 'softq: softq needs Node 20.19 or newer, and this is 20.18.3; install a newer Node.\n',
    });
  });
});
