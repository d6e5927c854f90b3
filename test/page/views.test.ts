import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { differing, goalCountOf, goalOf, launch, rewardsOf, tensorOf, Visit } from './visit.ts';

/** Small enough to train beside its own pictures on a processor. */
const SMALL = '#environments=64';

let browser: Browser;
let visit: Visit;

beforeAll(async () => {
  browser = await launch();
});
afterEach(() => visit.close());
afterAll(() => browser.close());

/** The picture of the energy view as it is drawn now, a number for each pixel's colour. */
async function energyPixels(page: Page): Promise<number[]> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.locator('#energy-place .place-head button').click(),
  ]);
  const png = (await readFile(await download.path())).toString('base64');
  return page.evaluate(async (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const pen = new OffscreenCanvas(image.width, image.height).getContext('2d')!;
    pen.drawImage(image, 0, 0);
    return [...new Uint32Array(pen.getImageData(0, 0, image.width, image.height).data.buffer)];
  }, png);
}

test(
  'a goal that is dragged moves in the world, and stored transitions follow or go',
  { timeout: 120_000 },
  async () => {
    visit = await Visit.open(browser, { hash: SMALL });
    const { page } = visit;
    await visit.next('progress', ({ updates }) => updates >= 5);
    await visit.pause();
    const before = await visit.state();
    const goal = page.locator('#world-plot .goal-1');
    const box = (await goal.boundingBox())!;
    const from = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move(from.x - 40, from.y - 60, { steps: 4 });
    await page.mouse.up();
    const moved = await visit.state();
    const [x, y] = tensorOf(moved, 'env.params');
    expect(x).toBeLessThan(4.9);
    expect(y).toBeGreaterThan(0.5);
    expect(differing(rewardsOf(moved), rewardsOf(before))).toBeGreaterThan(100);
    // With an arrow key, and transitions kept as the goals of their time rewarded them.
    await page.getByText('keep', { exact: true }).click();
    await goal.focus();
    await goal.press('Shift+ArrowUp');
    const kept = await visit.state();
    expect(tensorOf(kept, 'env.params')[1]).toBeCloseTo(y! + 1, 5);
    expect(kept.clock.replaySize).toBe(moved.clock.replaySize);
    expect(differing(tensorOf(kept, 'replay.ring'), tensorOf(moved, 'replay.ring'))).toBe(0);
    // With Delete, and transitions dropped.
    await page.getByText('drop', { exact: true }).click();
    await goal.focus();
    await goal.press('Delete');
    const fewer = await visit.state();
    expect(goalCountOf(fewer)).toBe(3);
    expect(fewer.clock.replaySize).toBe(0);
    expect(visit.complaints).toEqual([]);
  },
);

test('a goal is added by the button where there is room, and by a double click there', async () => {
  visit = await Visit.open(browser, { hash: SMALL });
  const { page } = visit;
  await visit.next('progress');
  await visit.pause();
  expect(goalCountOf(await visit.state())).toBe(4);
  await page.getByRole('button', { name: 'Add a goal' }).click();
  const five = await visit.state();
  expect(goalCountOf(five)).toBe(5);
  const [x, y] = goalOf(five, 4);
  const far = ([ox, oy]: readonly number[]) => Math.hypot(x! - ox!, y! - oy!);
  // Half-way to a goal there is 2.5 of room, beyond all of them more.
  expect(Math.min(...[0, 1, 2, 3].map((i) => far(goalOf(five, i))), far([0, 0]))).toBeGreaterThan(3);
  const surface = page.locator('#world-surface');
  const box = (await surface.boundingBox())!;
  await surface.dblclick({ position: { x: 0.7 * box.width, y: 0.4 * box.height } });
  const six = await visit.state();
  expect(goalCountOf(six)).toBe(6);
  // The plane reaches from -7 to 7; a pixel of it is 0.05 wide.
  const [u, v] = goalOf(six, 5);
  expect(Math.abs(u! - 2.8)).toBeLessThan(0.1);
  expect(Math.abs(v! - 1.4)).toBeLessThan(0.1);
  expect(await page.locator('#world-plot .goal').count()).toBe(6);
  expect(visit.complaints).toEqual([]);
});

test('the energy shows V over the plane, and the actions again as they were', async () => {
  visit = await Visit.open(browser, { hash: SMALL });
  const { page } = visit;
  await visit.next('progress', ({ updates }) => updates >= 5);
  await visit.pause();
  /** The colours of the picture, once the session has said in words that it shows `words`. */
  const shown = async (choose: string, words: RegExp) => {
    const seen = (await visit.reports('summary')).length;
    await page.locator('#energy-tools').getByText(choose, { exact: true }).click();
    await visit.next('summary', ({ view, text }) => view === 'energy' && words.test(text), { after: seen });
    return energyPixels(page);
  };
  const actions = await energyPixels(page);
  const values = await shown('V(s)', /soft value V over the plane/);
  expect(differing(values, actions)).toBeGreaterThan(0.3 * values.length);
  // Not one colour: V is high at the goals and low in the corners.
  expect(new Set(values).size).toBeGreaterThan(20);
  expect(differing(await shown('Q(s, ·)/α', /actions/i), actions)).toBe(0);
  expect(visit.complaints).toEqual([]);
});
