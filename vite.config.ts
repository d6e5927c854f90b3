import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { BUILD_STAMP, sourceHash } from './src/node/setup.mjs';
import { CHROMIUM_FLAGS, chromiumFiles } from './test/support/chromium.ts';

const root = dirname(fileURLToPath(import.meta.url));
/** SwiftShader compiles a large pipeline in 2 s and computes at 2 GFLOPS. */
const TEST_TIMEOUT_MS = 60_000;
/** As long as a page that trains on busy cores may take to show what a click did; the default is one second. */
const POLL_TIMEOUT_MS = 20_000;

/** What is built, by its name in `dist`; files that do not exist yet are left out. */
function entries(): Record<string, string> {
  const sources: [string, string][] = [
    ['index', 'src/index.ts'],
    ['node/index', 'src/node/index.ts'],
    ['node/cli', 'src/node/cli.ts'],
  ];
  for (const file of existsSync(join(root, 'bench')) ? readdirSync(join(root, 'bench')) : []) {
    if (file.endsWith('.ts')) sources.push([`bench/${file.slice(0, -'.ts'.length)}`, `bench/${file}`]);
  }
  return Object.fromEntries(sources.filter(([, source]) => existsSync(join(root, source))));
}

/** What only benchmarks use lies among them, and stays out of the package with them. */
function chunkFileNames({ moduleIds }: { readonly moduleIds: readonly string[] }): string {
  const ofBenchmarks = moduleIds.some((id) => id.startsWith(join(root, 'bench/')));
  return `${ofBenchmarks ? 'bench/' : ''}chunks/[name]-[hash].js`;
}

/**
 * Makes the CLI executable, and leaves a stamp that says what `dist` was built from and which files belong to the
 * build, by which `src/node/setup.mjs` knows whether to build again. Files of the last build that this one no longer
 * has are removed; whatever else lies in `dist` stays.
 */
function nodeBuild(): Plugin {
  const stamp = join(root, BUILD_STAMP);
  let sources = '';
  return {
    name: 'softq-node-build',
    buildStart() {
      // Before anything is read: a file changed during the build must make the stamp stale.
      sources = sourceHash(root);
    },
    renderChunk(code, chunk) {
      return chunk.isEntry && chunk.name === 'node/cli' && !code.startsWith('#!')
        ? { code: `#!/usr/bin/env node\n${code}`, map: null }
        : null;
    },
    writeBundle(_options, bundle) {
      const files = Object.keys(bundle).sort();
      const before = existsSync(stamp)
        ? (JSON.parse(readFileSync(stamp, 'utf8')) as { files: string[] }).files
        : [];
      for (const file of before) if (!files.includes(file)) rmSync(join(root, 'dist', file), { force: true });
      if (files.includes('node/cli.js')) chmodSync(join(root, 'dist/node/cli.js'), 0o755);
      writeFileSync(stamp, JSON.stringify({ sources, files }));
    },
  };
}

export default defineConfig(({ command }) => ({
  root,
  publicDir: false,
  plugins: command === 'build' ? [nodeBuild()] : [],
  // One build for all entries, so that `softq` and `softq/node` share their classes and `instanceof` holds across.
  build: {
    ssr: true,
    outDir: 'dist',
    emptyOutDir: false,
    target: 'node20.19',
    minify: false,
    sourcemap: true,
    rolldownOptions: {
      input: entries(),
      output: { entryFileNames: '[name].js', chunkFileNames },
    },
  },
  test: {
    testTimeout: TEST_TIMEOUT_MS,
    hookTimeout: TEST_TIMEOUT_MS,
    expect: { poll: { timeout: POLL_TIMEOUT_MS } },
    projects: [nodeTests(), chromiumTests(), pageTests()],
  },
}));

/** Every test, in Node: processes rather than threads, since Dawn's driver must be loaded on a main thread. */
function nodeTests() {
  const hasSwiftShader = process.platform === 'linux' && process.arch === 'x64';
  return {
    extends: true as const,
    resolve: { alias: { '#test-gpu': join(root, 'test/support/gpu.node.ts') } },
    test: {
      name: 'node',
      include: ['test/**/*.test.ts'],
      exclude: ['test/page/**'],
      pool: 'forks' as const,
      // The adapter computes on all cores already; a second worker hides compilation and start-up.
      maxWorkers: 2,
      // The same adapter on every machine, unless the caller chooses one.
      env: { SOFTQ_ADAPTER: process.env['SOFTQ_ADAPTER'] ?? (hasSwiftShader ? 'swiftshader' : 'auto') },
    },
  };
}

/** The same GPU tests in a browser; those under test/node and test/bench need files, processes or peers. */
function chromiumTests() {
  const chromium = chromiumFiles();
  const launchOptions = {
    args: [...CHROMIUM_FLAGS],
    ...(chromium && {
      executablePath: chromium.executablePath,
      env: { ...process.env, ...chromium.env } as Record<string, string>,
    }),
  };
  return {
    extends: true as const,
    resolve: { alias: { '#test-gpu': join(root, 'test/support/gpu.browser.ts') } },
    // Named here, since a dependency met in the middle of a run would reload the page under the tests.
    optimizeDeps: { include: ['valibot', 'gl-matrix'] },
    test: {
      name: 'chromium',
      include: ['test/**/*.test.ts'],
      exclude: ['test/bench/**', 'test/node/**', 'test/page/**'],
      globalSetup: ['test/support/chromium.ts'],
      fileParallelism: false,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        // By number: a bare container need not know the name localhost.
        api: { host: '127.0.0.1' },
        provider: playwright({ launchOptions }),
        instances: [{ browser: 'chromium' as const }],
      },
    },
  };
}

/** The built page in a browser, from outside: clicks, links, files, a crash of the graphics process. */
function pageTests() {
  return {
    extends: true as const,
    test: {
      name: 'page',
      include: ['test/page/**/*.test.ts'],
      globalSetup: ['test/page/site.ts'],
      // After the browser's own tests, not beside them: both want all cores.
      sequence: { groupOrder: 1 },
      fileParallelism: false,
    },
  };
}
