import { expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { program } from '../../src/gpu/program.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();

test('ticks count iterations, updates and policy updates, and nothing else', async () => {
  const gpu = gpuOf();
  const clock = new Clock(gpu);
  const zero = { iteration: 0, updates: 0, policyUpdates: 0, replayCursor: 0, replaySize: 0 };
  expect(await clock.read()).toEqual(zero);
  const tick = program('tick', [
    clock.tick({ iterations: 1 }),
    clock.tick({ updates: 3 }),
    clock.tick({ updates: 1, policyUpdates: 2 }),
    clock.tick({}),
  ]);
  // Several in one submit: nothing is written from the host in between.
  await gpu.run(tick, tick, tick);
  expect(await clock.read()).toEqual({ ...zero, iteration: 3, updates: 12, policyUpdates: 6 });
});

test.each([
  { transitions: 3, capacity: 7 },
  { transitions: 4, capacity: 4 },
  { transitions: 5, capacity: 20 },
  { transitions: 1, capacity: 1 },
])('the ring of $capacity rows wraps when $transitions come at a time', async ({ transitions, capacity }) => {
  const gpu = gpuOf();
  const clock = new Clock(gpu, { transitions, capacity });
  const iteration = program('iteration', [clock.tick({ updates: 1 }), clock.tick({ iterations: 1 })]);
  for (let done = 1; done <= 9; done++) {
    await gpu.run(iteration);
    expect(await clock.read()).toEqual({
      iteration: done,
      updates: done,
      policyUpdates: 0,
      replayCursor: (done * transitions) % capacity,
      replaySize: Math.min(done * transitions, capacity),
    });
  }
  await gpu.run(program('four', [clock.tick({ iterations: 4 })]));
  expect((await clock.read()).replayCursor).toBe((13 * transitions) % capacity);
});

test('what is written is read, and the rest is zero', async () => {
  const clock = new Clock(gpuOf());
  const all = { iteration: 1, updates: 0xffffffff, policyUpdates: 3, replayCursor: 4, replaySize: 5 };
  clock.write(all);
  expect(await clock.read()).toEqual(all);
  clock.write({ updates: 9 });
  expect(await clock.read()).toEqual({
    iteration: 0,
    updates: 9,
    policyUpdates: 0,
    replayCursor: 0,
    replaySize: 0,
  });
});
