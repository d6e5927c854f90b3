import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright';
import { inject } from 'vitest';
import type { Command, Report, RunFiles } from '../../demo/protocol.ts';
import { snapshotOf } from '../../demo/session/run-files.ts';
import type { Snapshot } from '../../src/index.ts';
import { CHROMIUM_FLAGS, chromiumFiles } from '../support/chromium.ts';

/** What a test watches in the page: installed before any script of the page's runs. */
interface Watched {
  /** Of each worker in the order in which they were started. */
  reports: Report[][];
  workers: Worker[];
  violations: string[];
}

declare global {
  interface Window {
    watched: Watched;
  }
}

/** Starts the browser of these tests; `flags` in place of those that give it WebGPU on SwiftShader. */
export function launch(flags: readonly string[] = CHROMIUM_FLAGS): Promise<Browser> {
  const files = chromiumFiles();
  return chromium.launch({
    args: [...flags],
    ...(files && {
      executablePath: files.executablePath,
      env: { ...process.env, ...files.env },
    }),
  });
}

/** A page under test, with everything that it says. */
export class Visit {
  readonly page: Page;
  /** Errors and warnings on the console, and exceptions that nobody caught. */
  readonly complaints: string[] = [];
  /** Which of the page's workers is asked and listened to. */
  readonly #worker: number;

  private constructor(page: Page, worker = 0) {
    this.page = page;
    this.#worker = worker;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
    page.on('pageerror', ({ message }) => this.complaints.push(message));
  }

  /** Opens the page; `before` runs in it ahead of its own scripts. */
  static async open(
    browser: Browser,
    options: { hash?: string; context?: BrowserContextOptions; before?: () => void } = {},
  ): Promise<Visit> {
    const { hash = '', before } = options;
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      acceptDownloads: true,
      ...options.context,
    });
    const visit = new Visit(await context.newPage());
    await visit.page.addInitScript(() => {
      const watched: Watched = { reports: [], workers: [], violations: [] };
      window.watched = watched;
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
        watched.violations.push(`${violatedDirective} ${blockedURI}`),
      );
      window.Worker = class extends Worker {
        constructor(url: string | URL, workerOptions?: WorkerOptions) {
          super(url, workerOptions);
          const index = watched.workers.push(this) - 1;
          watched.reports.push([]);
          this.addEventListener('message', ({ data }: MessageEvent<Report>) => {
            // Files are asked for one at a time, and large.
            const before = watched.reports[index]!;
            const kept = data.type === 'saved' ? before.filter(({ type }) => type !== 'saved') : before;
            kept.push(data);
            watched.reports[index] = kept;
          });
        }
      };
    });
    if (before) await visit.page.addInitScript(before);
    await visit.page.goto(`${inject('site')}${hash}`);
    return visit;
  }

  /** The same page, asking and listening to the `worker`th worker that it started, from 0 on. */
  of(worker: number): Visit {
    return new Visit(this.page, worker);
  }

  /** Reports of one type since the page was opened. */
  async reports<T extends Report['type']>(type: T): Promise<Extract<Report, { type: T }>[]> {
    const all = await this.page.evaluate(
      ([wanted, worker]) =>
        (window.watched.reports[worker] ?? []).filter(
          (report) => report.type === wanted && wanted !== 'saved',
        ),
      [type, this.#worker] as const,
    );
    return all as Extract<Report, { type: T }>[];
  }

  /** The next report of one type after the `seen` first ones for which `holds` is true. */
  async next<T extends Report['type']>(
    type: T,
    holds: (report: Extract<Report, { type: T }>) => boolean = () => true,
    { after = 0, timeout = 60_000 }: { after?: number; timeout?: number } = {},
  ): Promise<Extract<Report, { type: T }>> {
    const until = performance.now() + timeout;
    for (;;) {
      const found = (await this.reports(type)).slice(after).find(holds);
      if (found) return found;
      if (performance.now() > until) {
        const types = await this.page.evaluate(
          (worker) => (window.watched.reports[worker] ?? []).map((report) => report.type),
          this.#worker,
        );
        throw new Error(`no such '${type}' within ${timeout} ms; there were ${types.slice(-20).join(', ')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Says something to the session, as the page does. */
  async send(command: Exclude<Command, { type: 'open' | 'load' }>): Promise<void> {
    await this.page.evaluate(([said, worker]) => window.watched.workers[worker]!.postMessage(said), [
      command,
      this.#worker,
    ] as const);
  }

  /** What is on the GPU: everything that a checkpoint holds. */
  async state(): Promise<Snapshot> {
    return snapshotOf(await this.saved());
  }

  /** The run folder that the page would hand the visitor now. */
  async saved(): Promise<RunFiles> {
    await this.page.evaluate((worker) => {
      const { reports } = window.watched;
      reports[worker] = reports[worker]!.filter(({ type }) => type !== 'saved');
    }, this.#worker);
    await this.send({ type: 'save' });
    const files = await this.page.waitForFunction(
      (worker) => {
        const saved = window.watched.reports[worker]!.find(({ type }) => type === 'saved');
        if (saved?.type !== 'saved') return null;
        return Object.entries(saved.files).map(([name, bytes]) => {
          let text = '';
          for (let i = 0; i < bytes.length; i += 8192)
            text += String.fromCharCode(...bytes.subarray(i, i + 8192));
          return [name, btoa(text)] as const;
        });
      },
      this.#worker,
      { timeout: 60_000 },
    );
    const entries = (await files.jsonValue())!;
    return Object.fromEntries(
      entries.map(([name, text]) => [name, new Uint8Array(Buffer.from(text, 'base64'))]),
    );
  }

  /** Pauses by the page's own button and waits until the session stands still. */
  async pause(): Promise<void> {
    const before = (await this.reports('running')).length;
    await this.page.locator('#run-button').click();
    await this.next('running', ({ running }) => !running, { after: before });
  }

  /** What the page's policy for scripts, styles and addresses had to refuse. */
  violations(): Promise<string[]> {
    return this.page.evaluate(() => window.watched.violations);
  }

  close(): Promise<void> {
    return this.page.context().close();
  }
}

/** A tensor of a snapshot by name. */
export function tensorOf({ environment, learner, replay }: Snapshot, name: string): Float32Array {
  const found = [...environment, ...learner, ...replay].find((array) => array.name === name);
  if (!found) throw new Error(`there is no '${name}'`);
  return found.data;
}

/** Rewards of the stored transitions: rows (s, a, r, s', terminated) of multigoal. */
export function rewardsOf(snapshot: Snapshot): Float32Array {
  return tensorOf(snapshot, 'replay.ring').filter((_, i) => i % 9 === 4);
}

/** How many goals the environments have. */
export function goalCountOf(snapshot: Snapshot): number {
  return new Uint32Array(tensorOf(snapshot, 'env.params').buffer.slice(0))[32]!;
}

/** Where the environments have a goal. */
export function goalOf(snapshot: Snapshot, goal: number): number[] {
  return [...tensorOf(snapshot, 'env.params').subarray(4 * goal, 4 * goal + 2)];
}

/** At how many places two lists of numbers differ; whole replays are too long for `toEqual`. */
export function differing(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let count = Math.abs(a.length - b.length);
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) count++;
  return count;
}
