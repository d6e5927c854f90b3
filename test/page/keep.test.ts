import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Browser } from 'playwright';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { decodeCheckpoint } from '../../src/train/checkpoint.ts';
import { runNode } from '../support/child.ts';
import { differing, goalOf, launch, rewardsOf, tensorOf, Visit } from './visit.ts';

const CLI = 'dist/node/cli.js';
const SMALL = '#environments=64';

let browser: Browser;
let visit: Visit;
let folder: string;

beforeAll(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), 'softq-page-'));
});
afterEach(() => visit.close());
afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
});

/** All files below a folder. */
async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((one) => one.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

describe('a run', () => {
  test(
    'of the command line opens in the page, weight for weight, and goes on',
    { timeout: 120_000 },
    async () => {
      const runs = join(folder, 'headless');
      const { code } = await runNode([
        CLI,
        ...['train', 'multigoal', '--environments', '64', '--updates', '30', '--critic-first-updates', '10'],
        ...['--seed', '4', '--adapter', 'swiftshader', '--runs', runs],
      ]);
      expect(code).toBe(0);
      visit = await Visit.open(browser, { hash: SMALL });
      await visit.next('ready');
      await visit.pause();
      const wanted = (await filesIn(runs)).filter((path) => /config\.json|checkpoint/.test(path));
      await visit.page.locator('#files').setInputFiles(wanted);
      const loaded = await visit.next('ready', ({ why }) => why === 'loaded');
      expect(loaded).toMatchObject({ updates: 30, config: { seed: 4, criticFirstUpdates: 10 } });
      const state = await visit.state();
      expect(state.clock).toMatchObject({ updates: 30, policyUpdates: 20 });
      const checkpoint = dirname(wanted.find((path) => path.endsWith('checkpoint.json'))!);
      const written = await decodeCheckpoint(
        async (name) => new Uint8Array(await readFile(join(checkpoint, name))),
      );
      expect(state.learner).toEqual(written.learner);
      expect(tensorOf(state, 'replay.ring')).toEqual(tensorOf(written, 'replay.ring'));
      await visit.page.locator('#step-critic').click();
      expect((await visit.state()).clock.updates).toBe(31);
      expect(visit.complaints).toEqual([]);
    },
  );

  test('of the page is one that the command line evaluates', { timeout: 120_000 }, async () => {
    visit = await Visit.open(browser, { hash: SMALL });
    await visit.next('progress', ({ updates }) => updates >= 5);
    await visit.pause();
    const files = await visit.saved();
    const run = join(folder, 'from-the-page');
    for (const [name, bytes] of Object.entries(files)) {
      await mkdir(dirname(join(run, name)), { recursive: true });
      await writeFile(join(run, name), bytes);
    }
    const { code, stdout } = await runNode([
      CLI,
      ...['evaluate', run, '--rollouts', '20', '--json', '--adapter', 'swiftshader'],
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ rollouts: 20 });
  });

  test('keeps goals of its own, and the page says so', async () => {
    visit = await Visit.open(browser, { hash: `${SMALL}&goals=1,2;-3,0` });
    const { page } = visit;
    await visit.next('progress');
    await visit.pause();
    const note = page.locator('.keep .note');
    expect(await note.textContent()).toMatch(/in the link and in a saved run/);
    expect(await page.locator('#command').textContent()).not.toContain('goals');
    const files = Object.entries(await visit.saved()).map(([path, bytes]) => ({
      name: basename(path),
      mimeType: 'application/octet-stream',
      buffer: Buffer.from(bytes),
    }));
    await page.evaluate(() => (location.hash = 'environments=64'));
    await expect.poll(() => note.textContent()).toBe('');
    await page.locator('#files').setInputFiles(files);
    const { goals } = await visit.next('ready', ({ why }) => why === 'loaded');
    expect(goals).toEqual([
      [1, 2],
      [-3, 0],
    ]);
    await expect.poll(() => note.textContent()).toMatch(/saved run/);
  });

  test('that is none is refused in a sentence, and the one under way goes on', async () => {
    visit = await Visit.open(browser, { hash: SMALL });
    await visit.next('progress');
    const file = (name: string) => ({ name, mimeType: 'application/json', buffer: Buffer.from('{}') });
    await visit.page.locator('#files').setInputFiles([file('checkpoint.json')]);
    const { message } = await visit.next('refused');
    expect(message).toMatch(/checkpoint\.json has format version/);
    const seen = (await visit.reports('progress')).length;
    await visit.next('progress', () => true, { after: seen });
  });
});

test('the tour drives the page, and leaves it as it found it', { timeout: 180_000 }, async () => {
  visit = await Visit.open(browser, { hash: `${SMALL}&temperature=8&goals=4,0;-5,0;0,5` });
  const { page } = visit;
  await visit.next('progress', ({ updates }) => updates >= 5);
  await page.locator('#tour-button').click();
  const title = page.locator('#tour-title');
  const forward = () => page.keyboard.press('ArrowRight');
  await expect.poll(() => title.textContent()).toMatch(/four right answers/);
  await forward();
  await forward();
  await expect.poll(() => title.textContent()).toMatch(/modes merge/);
  expect(tensorOf(await visit.state(), 'temperature')[0]).toBe(14);
  await forward();
  await visit.next('ready', ({ config }) => !config.repulsion);
  expect(tensorOf(await visit.state(), 'temperature')[0]).toBe(8);
  await forward();
  await visit.next('ready', ({ why, config }) => why === 'changed' && config.repulsion);
  const [x, y] = tensorOf(await visit.state(), 'env.params');
  expect([x, y]).toEqual([5, 3.5]);
  await forward();
  await visit.next('exact', ({ state }) => state === 'ready');
  await visit.next('distance', ({ error }) => error > 0);
  await forward();
  const { config: second } = await visit.of(1).next('ready');
  expect(second).toMatchObject({ algorithm: 'ddpg', temperature: 8, environments: 64 });
  await page.keyboard.press('Escape');
  await expect.poll(() => page.workers().length).toBe(1);
  expect(await title.isVisible()).toBe(false);
  const { config, environment } = await visit.state();
  expect(config).toMatchObject({ algorithm: 'soft-q', temperature: 8, repulsion: true });
  expect([...environment.find(({ name }) => name === 'env.params')!.data.subarray(0, 2)]).toEqual([4, 0]);
  expect(visit.complaints).toEqual([]);
});

test('numbers and pictures are files to keep', { timeout: 90_000 }, async () => {
  visit = await Visit.open(browser, { hash: SMALL });
  const { page } = visit;
  await visit.next('progress', ({ rows }) => rows.length > 0);
  const kept = async (click: () => Promise<void>) => {
    const [download] = await Promise.all([page.waitForEvent('download'), click()]);
    return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
  };
  const csv = await kept(() => page.locator('#csv').click());
  expect(csv.name).toBe('softq-default-s0.csv');
  const [head, first] = csv.bytes.toString().split('\n');
  expect(head).toMatch(/^updates,.*losses\/critic_loss/);
  expect(first!.split(',').length).toBe(head!.split(',').length);
  for (const view of ['world', 'energy']) {
    const { name, bytes } = await kept(() => page.locator(`#${view}-place .place-head button`).click());
    expect(name).toMatch(new RegExp(`^softq-${view}-\\d+\\.png$`));
    expect([...bytes.subarray(1, 4)]).toEqual([...Buffer.from('PNG')]);
    // An empty picture of this size takes a tenth of that.
    expect(bytes.length).toBeGreaterThan(20_000);
  }
});

test('the profile times every part of an iteration against the roofline', { timeout: 90_000 }, async () => {
  visit = await Visit.open(browser, { hash: SMALL });
  await visit.next('progress');
  await visit.page.locator('#profile-button').click();
  const { programs, roofline, timestampStep } = await visit.next('profile');
  expect(roofline).toBeGreaterThan(0);
  expect(timestampStep).toBeGreaterThan(0);
  expect(programs.every(({ milliseconds }) => milliseconds > 0)).toBe(true);
  const names = programs.map(({ program }) => program).join(' ');
  expect(names).toMatch(/act.*env\.step.*critic.*actor.*adam.*tick/);
  const dense = programs.filter(({ gflops }) => gflops !== null);
  expect(dense.length).toBeGreaterThan(3);
  expect(await visit.page.locator('dialog tbody tr').count()).toBe(programs.length);
});

test(
  'a device that is lost twice at once is left alone, and the run can be downloaded',
  { timeout: 120_000 },
  async () => {
    visit = await Visit.open(browser, { hash: SMALL });
    await visit.next('progress', ({ updates }) => updates >= 5);
    const session = await browser.newBrowserCDPSession();
    // A change keeps the state that it goes on from; otherwise that happens every few seconds.
    await visit.page.locator('#repulsion').click();
    await visit.next('ready', ({ why }) => why === 'changed');
    const crash = () => session.send('Browser.crashGpuProcess').catch(() => undefined);
    await crash();
    await visit.next('ready', ({ why }) => why === 'recovered');
    await crash();
    const failed = await visit.next('failed');
    expect(failed.code).toBe('lost');
    const download = visit.page.waitForEvent('download');
    await visit.page.getByRole('button', { name: 'Download the run' }).click();
    expect((await download).suggestedFilename()).toMatch(/^multigoal-default-s0-u\d+\.softq\.zip$/);
  },
);

test.each(['keep', 'relabel', 'drop'] as const)(
  'goals that moved after the last state was kept: a lost device brings it back, with its transitions %s',
  { timeout: 120_000 },
  async (choice) => {
    visit = await Visit.open(browser, { hash: SMALL });
    const { page } = visit;
    await visit.next('progress', ({ updates }) => updates >= 5);
    await visit.pause();
    // A change keeps the state that it goes on from; a run that stands still keeps none after it.
    await page.locator('#repulsion').click();
    await visit.next('ready', ({ why }) => why === 'changed');
    const kept = await visit.state();
    await page.getByText(choice, { exact: true }).click();
    await page.locator('#world-plot .goal-1').press('Shift+ArrowLeft');
    const moved = await visit.state();
    expect(goalOf(moved, 0)).toEqual([4, 0]);
    const session = await browser.newBrowserCDPSession();
    await session.send('Browser.crashGpuProcess').catch(() => undefined);
    await visit.next('ready', ({ why }) => why === 'recovered');
    const recovered = await visit.state();
    expect(goalOf(recovered, 0)).toEqual([4, 0]);
    expect(recovered.learner).toEqual(kept.learner);
    if (choice === 'drop') {
      expect(recovered.clock.replaySize).toBe(0);
      return;
    }
    expect(recovered.clock).toEqual(kept.clock);
    // Relabelled once more they are what they had become before the loss.
    expect(differing(rewardsOf(recovered), rewardsOf(moved))).toBe(0);
    const differ = differing(rewardsOf(recovered), rewardsOf(kept));
    if (choice === 'keep') expect(differ).toBe(0);
    else expect(differ).toBeGreaterThan(100);
  },
);
