import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, preview } from 'vite';
import type { TestProject } from 'vitest/node';
import { unpackChromium, chromiumFiles } from '../support/chromium.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the built page is served, below a path of its own as on a static host. */
    site: string;
    /** Folder of the built page. */
    siteFolder: string;
  }
}

/** Vitest's globalSetup of the page's tests: builds the page once, and serves it as `npm run preview` does. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (chromiumFiles() !== null) await unpackChromium();
  const folder = await mkdtemp(join(tmpdir(), 'softq-site-'));
  const configFile = 'demo/vite.config.ts';
  await build({ configFile, logLevel: 'warn', build: { outDir: folder } });
  // Another base than the one it was built with: its addresses must all be relative.
  const server = await preview({
    configFile,
    logLevel: 'warn',
    base: '/some/where/',
    build: { outDir: folder },
    preview: { host: '127.0.0.1', port: 0 },
  });
  const { port } = server.httpServer.address() as { port: number };
  project.provide('site', `http://127.0.0.1:${port}/some/where/`);
  project.provide('siteFolder', folder);
  return async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  };
}
