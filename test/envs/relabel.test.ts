import { describe, expect, test } from 'vitest';
import { environmentOf } from '../../src/envs/environment.ts';
import { MOST_GOALS, MULTIGOAL_BOUND, multigoal, multigoalWith } from '../../src/envs/multigoal.ts';
import '../../src/envs/multigoal-paper.ts';
import { VectorEnv } from '../../src/envs/vector-env.ts';
import { Clock } from '../../src/gpu/clock.ts';
import { UsageError } from '../../src/gpu/errors.ts';
import { program } from '../../src/gpu/program.ts';
import { recordSize, ReplayBuffer } from '../../src/rl/replay-buffer.ts';
import { ACTION_COST, clip, GOAL_REWARD, GOAL_THRESHOLD } from '../oracles/multigoal.ts';
import { Draws } from '../oracles/random.ts';
import { expectClose, LINEAR_ALGEBRA } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();
const ENVIRONMENTS = 50;
const STEPS = 31; // one beyond the time limit
const [S, A] = [2, 2];
const MOVED: readonly (readonly [number, number])[] = [
  [3, 3],
  [-1.5, 0.5],
];

/** `STEPS` steps under fixed random actions into a ring of `capacity`, in one world, ready to be moved to another. */
async function collected(capacity: number) {
  const gpu = gpuOf();
  const clock = new Clock(gpu, { transitions: ENVIRONMENTS, capacity });
  const seeds = gpu.tensorOf('seeds', Uint32Array.of(5));
  const env = new VectorEnv(gpu, multigoal, { environments: ENVIRONMENTS, members: 1, seeds, clock });
  const replay = new ReplayBuffer(gpu, { members: 1, capacity, observationSize: S, actionSize: A });
  const draws = new Draws(7);
  const actions = Float32Array.from({ length: ENVIRONMENTS * A }, () => draws.uniform(-0.5, 0.5));
  const action = gpu.tensorOf('actions', actions);
  const iteration = program('iteration', [env.step(action, replay.sink), clock.tick({ iterations: 1 })]);
  await gpu.run(env.reset(), ...Array.from({ length: STEPS }, () => iteration));
  return { gpu, clock, env, replay };
}

function records(ring: Float32Array) {
  const size = recordSize(S, A);
  return Array.from({ length: ring.length / size }, (_, row) => {
    const [x, y, ax, ay, reward, nextX, nextY, terminated, truncated] = ring.subarray(
      row * size,
      (row + 1) * size,
    ) as unknown as [number, number, number, number, number, number, number, number, number];
    return {
      state: [x, y],
      action: [ax, ay],
      reward,
      next: [nextX, nextY],
      terminated,
      truncated,
    };
  });
}

describe('VectorEnv.relabel', () => {
  test('every stored transition gets the reward and the end that it has in the moved world', async () => {
    const capacity = ENVIRONMENTS * STEPS + 100; // some of the ring is never written
    const { gpu, env, replay } = await collected(capacity);
    const before = records(await gpu.read(replay.ring));
    env.setParams(multigoalWith(MOVED).defaultParams);
    await gpu.run(env.relabel(replay.sink));
    const after = records(await gpu.read(replay.ring));
    const filled = ENVIRONMENTS * STEPS;
    expect(after.slice(filled)).toEqual(before.slice(filled));
    const expected = before.slice(0, filled).map(({ state, action, truncated }) => {
      const next = state.map((at, d) => clip(at + action[d]!, MULTIGOAL_BOUND));
      const squared = Math.min(...MOVED.map(([x, y]) => (next[0]! - x) ** 2 + (next[1]! - y) ** 2));
      const arrived = squared < GOAL_THRESHOLD;
      const cost = ACTION_COST * (action[0]! ** 2 + action[1]! ** 2) + squared;
      return { next, reward: (arrived ? GOAL_REWARD : 0) - cost, arrived, cut: truncated === 1 && !arrived };
    });
    const ends = (of: readonly { arrived: boolean }[]) => of.filter(({ arrived }) => arrived).length;
    // The comparison means something only where the moved goals are met, and were not all met before.
    expect(ends(expected)).toBeGreaterThan(20);
    const kept = after.slice(0, filled);
    expect(kept.map(({ state, action }) => [...state, ...action])).toEqual(
      before.slice(0, filled).map(({ state, action }) => [...state, ...action]),
    );
    expectClose(
      kept.map(({ reward }) => reward),
      expected.map(({ reward }) => reward),
      LINEAR_ALGEBRA,
    );
    expectClose(
      kept.flatMap(({ next }) => next),
      expected.flatMap(({ next }) => next),
      LINEAR_ALGEBRA,
    );
    expect(kept.map(({ terminated }) => terminated === 1)).toEqual(expected.map(({ arrived }) => arrived));
    expect(kept.map(({ truncated }) => truncated === 1)).toEqual(expected.map(({ cut }) => cut));
  });

  test('in an unchanged world it changes nothing', async () => {
    const { gpu, env, replay } = await collected(ENVIRONMENTS * STEPS);
    const before = await gpu.read(replay.ring);
    await gpu.run(env.relabel(replay.sink));
    expect(await gpu.read(replay.ring)).toEqual(before);
  });

  test('parameters that are left out go back to the environment’s own', async () => {
    const { gpu, env, replay } = await collected(ENVIRONMENTS * STEPS);
    const before = await gpu.read(replay.ring);
    env.setParams(multigoalWith(MOVED).defaultParams);
    env.setParams({});
    await gpu.run(env.relabel(replay.sink));
    expect(await gpu.read(replay.ring)).toEqual(before);
  });

  test('a ring that forgets starts at its first record again, and the other counters stay', async () => {
    const { clock, replay } = await collected(ENVIRONMENTS * STEPS);
    await replay.forget(clock);
    expect(await clock.read()).toMatchObject({ iteration: STEPS, replayCursor: 0, replaySize: 0 });
  });

  test('a task whose observation is not its state is refused in a sentence', () => {
    const gpu = gpuOf();
    const clock = new Clock(gpu);
    const seeds = gpu.tensorOf('seeds', Uint32Array.of(0));
    const hidden = { ...environmentOf('multigoal'), observesState: false };
    const env = new VectorEnv(gpu, hidden, { environments: 1, members: 1, seeds, clock });
    expect(() => env.relabel({ ring: env.state, capacity: 1 })).toThrow(UsageError);
  });
});

describe('multigoalWith', () => {
  test('counts arrivals at its own goals', () => {
    const { outcomes, outcomeOf, plane } = multigoalWith(MOVED);
    expect(outcomes).toEqual(['1', '2']);
    expect(
      [
        [3.5, 3],
        [-1.5, 0],
        [5, 0],
      ].map((position) => outcomeOf!(position)),
    ).toEqual([0, 1, null]);
    expect(plane!.rewardAt(3, 3)).toBe(GOAL_REWARD);
    expect(plane!.rewardAt(3, 5)).toBe(-4);
  });

  test.each([
    ['none', []],
    ['too many', Array.from({ length: MOST_GOALS + 1 }, () => [0, 0] as const)],
    ['one beyond the wall', [[0, MULTIGOAL_BOUND + 0.1] as const]],
    ['one that is no number', [[NaN, 0] as const]],
  ])('refuses %s', (_, goals) => {
    expect(() => multigoalWith(goals)).toThrow(UsageError);
  });
});
