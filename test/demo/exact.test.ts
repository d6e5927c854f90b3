import { afterEach, expect, test } from 'vitest';
import { Exact, type ExactTask } from '../../demo/session/exact.ts';
import type { Report } from '../../demo/protocol.ts';
import { MULTIGOAL_GOALS } from '../../src/envs/multigoal.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();
const TASK: ExactTask = {
  environment: 'multigoal',
  goals: MULTIGOAL_GOALS,
  temperature: 10,
  discount: 0.99,
};
/** A task that has been asked for is solved once it has rested for a second. */
const RESTED_MS = 1001;
const MOST_WAIT_MS = 50_000;

let exact: Exact;
afterEach(() => exact.stop());

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + MOST_WAIT_MS;
  while (!holds()) {
    if (performance.now() > end) throw new Error('it does not happen');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** One that is in the middle of solving `TASK`, and what it has reported. */
async function solving() {
  const gpu = gpuOf();
  const reports: Extract<Report, { type: 'exact' }>[] = [];
  exact = new Exact((report) => reports.push(report));
  const memory = gpu.memory().total;
  const { submits } = gpu;
  exact.turn(true);
  exact.follow(gpu, TASK, 0);
  await until(() => gpu.submits > submits);
  expect(exact.solving).toBe(true);
  return { gpu, memory, states: () => reports.map(({ state }) => state) };
}

test('a solution that is stopped submits nothing more, and its question is answered when it is asked again', async () => {
  const { gpu, memory, states } = await solving();
  exact.stop();
  expect(exact.solving).toBe(false);
  const { submits } = gpu;
  await until(() => gpu.memory().total === memory);
  expect(gpu.submits).toBe(submits);
  expect(states()).toEqual(['solving']);
  // At once, without a second's rest.
  exact.follow(gpu, TASK, 1);
  expect(exact.solving).toBe(true);
  await until(() => !exact.solving);
  expect(states()).toEqual(['solving', 'solving', 'ready']);
  expect(exact.version).toBe(1);
});

test('a world that changes meanwhile stops it, and only the new one is solved to the end', async () => {
  const { gpu, memory, states } = await solving();
  const moved = { ...TASK, goals: [[4, 1] as const] };
  exact.follow(gpu, moved, 10);
  expect(exact.solving).toBe(false);
  const { submits } = gpu;
  await until(() => gpu.memory().total === memory);
  expect(gpu.submits).toBe(submits);
  exact.follow(gpu, moved, 10 + RESTED_MS);
  await until(() => !exact.solving);
  expect(states()).toEqual(['solving', 'solving', 'ready']);
  expect(exact.version).toBe(1);
});

test('turned off, it stops', async () => {
  const { gpu, memory, states } = await solving();
  const { submits } = gpu;
  exact.turn(false);
  await until(() => gpu.memory().total === memory);
  expect(gpu.submits).toBe(submits);
  expect(states()).toEqual(['solving', 'off']);
});
