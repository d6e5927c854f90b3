import { readFile } from 'node:fs/promises';
import axe from 'axe-core';
import type { Browser } from 'playwright';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launch, tensorOf, Visit } from './visit.ts';

let browser: Browser;
let visit: Visit;

beforeAll(async () => {
  browser = await launch();
});
afterEach(() => visit.close());
afterAll(() => browser.close());

/** Small enough to train twice beside four pictures on a processor. */
const SMALL = '#environments=64';

test('a second learner trains beside the first, obeys with it, and goes', { timeout: 120_000 }, async () => {
  visit = await Visit.open(browser, { hash: `${SMALL}&seed=5&temperature=8` });
  const { page } = visit;
  const second = visit.of(1);
  await visit.next('progress', ({ updates }) => updates >= 5);
  expect(page.workers().length).toBe(1);
  await page.locator('#compare').selectOption('ddpg');
  const opened = await second.next('ready');
  expect(opened.config).toMatchObject({ algorithm: 'ddpg', seed: 5, environments: 64, temperature: 8 });
  await second.next('progress', ({ updates }) => updates >= 5);
  await second.next('progress', ({ updates }) => updates >= 10);
  expect(page.workers().length).toBe(2);

  // Pause stops both.
  await visit.pause();
  await second.next('running', ({ running }) => !running);
  const before = [await visit.state(), await second.state()] as const;
  expect(before[1].config).toMatchObject({ algorithm: 'ddpg', seed: 5 });
  expect(before[1].clock.updates).toBeGreaterThanOrEqual(10);
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (const [i, one] of [visit, second].entries())
    expect((await one.state()).clock).toEqual(before[i]!.clock);

  // A step is made by both, and a goal that is moved in the second world moves in both.
  await page.locator('#step-critic').click();
  for (const [i, one] of [visit, second].entries())
    expect((await one.state()).clock.updates).toBe(before[i]!.clock.updates + 1);
  await page.locator('#second-world-plot .goal-1').press('ArrowUp');
  for (const one of [visit, second])
    expect([...tensorOf(await one.state(), 'env.params').subarray(0, 2)]).toEqual([5, 0.25]);
  await page.locator('#alpha').press('End');
  for (const one of [visit, second]) expect(tensorOf(await one.state(), 'temperature')[0]).toBe(30);

  // What only the first has is not asked of the second; what both have is.
  await page.locator('#repulsion').click();
  await visit.next('ready', ({ why }) => why === 'changed');
  await page.locator('#restart-button').click();
  await second.next('ready', ({ why }) => why === 'restarted');
  expect(await second.reports('ready')).toHaveLength(2);
  expect((await second.state()).clock.updates).toBe(0);

  // Whoever becomes what it is compared with changes places with it.
  await page.locator('#algorithm-row label', { hasText: 'DDPG' }).click();
  await second.next('ready', ({ config }) => config.algorithm === 'soft-q');
  expect((await visit.state()).config.algorithm).toBe('ddpg');
  expect(await page.locator('#compare').inputValue()).toBe('soft-q');

  await page.locator('#compare').selectOption('');
  await expect.poll(() => page.workers().length).toBe(1);
  expect(await page.locator('#second-world').isVisible()).toBe(false);
  await page.locator('#step-environment').click();
  expect((await visit.state()).clock.iteration).toBe(1);
  expect(visit.complaints).toEqual([]);
  expect(await visit.violations()).toEqual([]);
});

test(
  'a link brings both back, their numbers are one table, and axe finds nothing serious',
  { timeout: 120_000 },
  async () => {
    visit = await Visit.open(browser, { hash: `${SMALL}&compare=sac`, context: { bypassCSP: true } });
    const { page } = visit;
    const second = visit.of(1);
    expect((await second.next('ready')).config.algorithm).toBe('sac');
    await second.next('progress', ({ rows }) => rows.length > 0);
    await visit.pause();
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('#csv').click()]);
    const head = (await readFile(await download.path(), 'utf8')).split('\n')[0]!.split(',');
    expect(head).toEqual(expect.arrayContaining(['losses/critic_loss', 'sac/losses/critic_loss']));
    expect(new Set(head).size).toBe(head.length);

    await page.evaluate(axe.source);
    for (const [width, height] of [
      [1280, 800],
      [390, 844],
    ] as const) {
      await page.setViewportSize({ width, height });
      const { violations } = await page.evaluate(() => window.axe.run());
      const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      expect(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
      const { scrollWidth, scrollHeight } = await page.evaluate(() => {
        const { scrollWidth, scrollHeight } = document.documentElement;
        return { scrollWidth, scrollHeight };
      });
      expect(scrollWidth).toBeLessThanOrEqual(width);
      if (width === 1280) expect(scrollHeight).toBeLessThanOrEqual(height);
    }

    await page.locator('#compare').selectOption('ddpg');
    await second.next('ready', ({ config }) => config.algorithm === 'ddpg');
    await expect.poll(() => page.evaluate(() => location.hash)).toContain('compare=ddpg');
    await page.reload();
    expect((await second.next('ready')).config).toMatchObject({ algorithm: 'ddpg', environments: 64 });
    expect(visit.complaints).toEqual([]);
  },
);

test(
  'both survive a lost device; a second learner that cannot go on leaves the first alone',
  { timeout: 120_000 },
  async () => {
    visit = await Visit.open(browser, { hash: `${SMALL}&compare=ddpg` });
    const { page } = visit;
    const second = visit.of(1);
    await second.next('progress', ({ updates }) => updates >= 5);
    const session = await browser.newBrowserCDPSession();
    await session.send('Browser.crashGpuProcess').catch(() => undefined);
    for (const one of [visit, second]) {
      const { updates } = await one.next('ready', ({ why }) => why === 'recovered');
      const seen = (await one.reports('progress')).length;
      await one.next('progress', (progress) => progress.updates > updates, { after: seen });
    }
    // A worker that stops, as one does whose script fails.
    await page.evaluate(() =>
      window.watched.workers[1]!.dispatchEvent(new ErrorEvent('error', { message: 'gone' })),
    );
    await expect.poll(() => page.workers().length).toBe(1);
    expect(await page.locator('#notices').textContent()).toMatch(
      /comparison with DDPG has ended, and the first learner goes on\..*gone/,
    );
    expect(await page.locator('#compare').inputValue()).toBe('');
    const seen = (await visit.reports('progress')).length;
    await visit.next('progress', ({ updatesPerSecond }) => updatesPerSecond > 0, { after: seen });
  },
);
