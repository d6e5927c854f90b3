import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { build, preview } from 'vite';
import { UsageError } from '../../src/gpu/errors.ts';
import { chromiumFiles, CHROMIUM_FLAGS, unpackChromium } from '../../test/support/chromium.ts';
import { Disagreement } from './host.ts';
import type { Runtime } from './runtime.ts';

/** From the built file in dist/bench. */
const PAGE = fileURLToPath(new URL('../../bench/chromium', import.meta.url));
/** Without these a page has no shared memory, and WebAssembly no threads. */
const ISOLATED = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/**
 * Headless Chromium on SwiftShader, with the page of the benchmarks built and open in it.
 * @throws UsageError where the browser has no adapter.
 */
export async function chromiumRuntime(): Promise<Runtime> {
  const opened: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of opened.reverse()) await end();
  };
  try {
    const outDir = await mkdtemp(join(tmpdir(), 'softq-bench-'));
    opened.push(() => rm(outDir, { recursive: true, force: true }));
    const config = { configFile: false as const, root: PAGE, logLevel: 'error' as const };
    // TensorFlow.js starts its threads from the text of one of its functions, which minifying would break.
    await build({
      ...config,
      base: './',
      build: { outDir, target: 'esnext', minify: false, chunkSizeWarningLimit: 1e6 },
    });
    const server = await preview({
      ...config,
      build: { outDir },
      preview: { host: '127.0.0.1', port: 0, headers: ISOLATED },
    });
    opened.push(() => server.close());
    const files = chromiumFiles() === null ? null : await unpackChromium();
    const browserServer = await chromium.launchServer({
      args: [...CHROMIUM_FLAGS],
      ...(files && { executablePath: files.executablePath, env: { ...process.env, ...files.env } }),
    });
    opened.push(() => browserServer.close());
    const browser = await chromium.connect(browserServer.wsEndpoint());
    opened.push(() => browser.close());
    const page = await browser.newPage();
    if (process.platform === 'linux') {
      await page.exposeFunction('browserSeconds', () => treeSeconds(browserServer.process().pid!));
    }
    const { port } = server.httpServer.address() as { port: number };
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.waitForFunction(() => 'bench' in window);
    const runtime = `Chromium ${browser.version()}`;
    const adapter = await page.evaluate((name) => window.bench.open(name), runtime);
    if (adapter === null) {
      throw new UsageError('Chromium gave no WebGPU adapter; `npm test` says more about it.');
    }
    const run = async (name: string) => {
      const answer = await page.evaluate((one) => window.bench.run(one), name);
      if ('disagreement' in answer) throw new Disagreement(answer.disagreement);
      return answer.rows;
    };
    return { adapter, runtime, run, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** CPU seconds that a process and all below it have used so far. */
async function treeSeconds(root: number): Promise<number> {
  const children = new Map<number, number[]>();
  for (const entry of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => null);
    // The name in parentheses may hold anything; the parent is the second field behind it.
    const parent = Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (!Number.isNaN(parent)) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  let nanoseconds = 0;
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    open.push(...(children.get(pid) ?? []));
    const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
    for (const thread of threads) {
      const times = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0');
      nanoseconds += Number(times.split(' ')[0]);
    }
  }
  return nanoseconds * 1e-9;
}
