import { describe, expect, test } from 'vitest';
import { environmentNames, environmentOf, registerEnvironment } from '../../src/envs/environment.ts';
import { multigoal } from '../../src/envs/multigoal.ts';
import '../../src/envs/multigoal-paper.ts';
import { VectorEnv } from '../../src/envs/vector-env.ts';
import { Clock } from '../../src/gpu/clock.ts';
import { program } from '../../src/gpu/program.ts';
import { constantsOf, shaderSource } from '../../src/gpu/shader.ts';
import { recordSize, ReplayBuffer } from '../../src/rl/replay-buffer.ts';
import { Draws } from '../oracles/random.ts';
import { expectClose, LINEAR_ALGEBRA } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();

/**
 * Counts its steps from 10 on. Instances end by the task's own rule after three steps, never, or in the very step of
 * the time limit, in turn; sizes differ from the multi-goal task's in every respect.
 */
const COUNTER = /* wgsl */ `
const OBSERVATION_SIZE = 3u;
const ACTION_SIZE = 1u;
const STATE_SIZE = 2u;
const MAX_EPISODE_STEPS = 5u;

fn env_reset() {
  state_store(0u, 10.0);
  state_store(1u, uniform_from(env_random(0u).x));
}

fn env_step() -> StepResult {
  let count = state_load(0u) + 1.0;
  state_store(0u, count);
  let last = array<f32, 3>(13.0, 1000.0, 15.0);
  return StepResult(count + action(0u), count >= last[instance % 3u]);
}

fn env_observe() {
  observe(0u, state_load(0u));
  observe(1u, state_load(1u));
  observe(2u, f32(instance));
}`;
registerEnvironment({ name: 'test-counter', wgsl: COUNTER });

const EPISODE = constantsOf(shaderSource('vector_env/step.wgsl'));
const MEMBERS = 2;
const ENVIRONMENTS = 7;

interface Transition {
  readonly state: number[];
  readonly action: number[];
  readonly reward: number;
  readonly nextState: number[];
  readonly terminated: number;
  readonly truncated: number;
}

/** A reset and `steps` steps in one submit, each environment under an action of its own; the ring at the end. */
async function rollout(
  name: string,
  options: { steps: number; capacity?: number; seeds?: number[]; maxEpisodeSteps?: number },
) {
  const gpu = gpuOf();
  const { steps, capacity = steps * ENVIRONMENTS, seeds = [3, 4], maxEpisodeSteps } = options;
  const environment = environmentOf(name);
  const { observationSize, actionSize } = environment.spec;
  const clock = new Clock(gpu, { transitions: ENVIRONMENTS, capacity });
  const seedTensor = gpu.tensorOf('seeds', Uint32Array.from(seeds));
  const settings = {
    environments: ENVIRONMENTS,
    members: MEMBERS,
    seeds: seedTensor,
    clock,
    ...(maxEpisodeSteps !== undefined && { maxEpisodeSteps }),
  };
  const env = new VectorEnv(gpu, environment, settings);
  const replay = new ReplayBuffer(gpu, { members: MEMBERS, capacity, observationSize, actionSize });
  const draws = new Draws(6);
  // Half of the actions go one way at full speed and arrive; the others are too small to.
  const actions = Array.from({ length: MEMBERS * ENVIRONMENTS }, (_, e) =>
    Array.from({ length: actionSize }, (__, d) =>
      e % 2 === 0 ? Number(d === 0) : draws.uniform(-0.05, 0.05),
    ),
  );
  const action = gpu.tensorOf('actions', Float32Array.from(actions.flat()));
  await gpu.run(env.reset());
  const start = await gpu.read(env.observation);
  const step = program('iteration', [env.step(action, replay.sink), clock.tick({ iterations: 1 })]);
  await gpu.run(...Array.from({ length: steps }, () => step));
  const ring = await gpu.read(replay.ring);
  const size = recordSize(observationSize, actionSize);
  const row = (member: number, at: number): Transition => {
    const record = [...ring.subarray((member * capacity + at) * size, (member * capacity + at + 1) * size)];
    const next = observationSize + actionSize;
    return {
      state: record.slice(0, observationSize),
      action: record.slice(observationSize, next),
      reward: record[next]!,
      nextState: record.slice(next + 1, next + 1 + observationSize),
      terminated: record[next + 1 + observationSize]!,
      truncated: record[next + 2 + observationSize]!,
    };
  };
  const observed = (flat: Float32Array, member: number, e: number) => {
    const from = (member * ENVIRONMENTS + e) * observationSize;
    return [...flat.subarray(from, from + observationSize)];
  };
  return {
    ring,
    row,
    observed,
    start,
    actions: actions.map((one) => one.map(Math.fround)),
    observation: await gpu.read(env.observation),
    episode: await gpu.read(env.episode),
    clock: await clock.read(),
    spec: env.spec,
  };
}

const NAMES = environmentNames();

describe.each(NAMES)('the environment %s', (name) => {
  const limit = environmentOf(name).spec.maxEpisodeSteps;
  const steps = 2 * limit + 3;

  test('keeps the contract of transitions, ends of episodes and resets', async () => {
    const run = await rollout(name, { steps });
    expect([...run.start, ...run.ring, ...run.observation].every(Number.isFinite)).toBe(true);
    const seen = { terminated: 0, truncated: 0 };
    for (let m = 0; m < MEMBERS; m++) {
      for (let e = 0; e < ENVIRONMENTS; e++) {
        const path = Array.from({ length: steps }, (_, t) => run.row(m, t * ENVIRONMENTS + e));
        expect(path[0]!.state).toEqual(run.observed(run.start, m, e));
        let length = 0;
        let total = 0;
        let last = [0, 0, 0];
        path.forEach((one, t) => {
          length++;
          total += one.reward;
          expect(one.action).toEqual(run.actions[m * ENVIRONMENTS + e]);
          // A task's own end is terminated, the time limit is truncated, in exactly its step; never both.
          expect([0, 1]).toContain(one.terminated);
          expect(one.truncated).toBe(one.terminated === 0 && length === limit ? 1 : 0);
          const ended = one.terminated + one.truncated === 1;
          const next = path[t + 1]?.state ?? run.observed(run.observation, m, e);
          // The recorded next state is the real one; only after the end of an episode does another one follow.
          if (ended) expect(one.nextState).not.toEqual(next);
          else expect(one.nextState).toEqual(next);
          seen.terminated += one.terminated;
          seen.truncated += one.truncated;
          if (ended) last = [total, length, one.terminated];
          if (ended) length = total = 0;
        });
        const field = (index: string) =>
          run.episode[(m * EPISODE['EPISODE_FIELDS']! + EPISODE[index]!) * ENVIRONMENTS + e]!;
        expect([field('LENGTH'), field('LAST_LENGTH'), field('LAST_TERMINATED')]).toEqual([
          length,
          last[1],
          last[2],
        ]);
        expectClose([field('RETURN'), field('LAST_RETURN')], [total, last[0]!], LINEAR_ALGEBRA);
      }
    }
    expect(seen.terminated > 0).toBe(environmentOf(name).terminates);
    expect(seen.truncated).toBeGreaterThan(0);
  });

  test('the same seed gives the same trajectory, another seed another', async () => {
    const first = await rollout(name, { steps: 5 });
    const again = await rollout(name, { steps: 5 });
    expect(again.ring).toEqual(first.ring);
    expect(again.observation).toEqual(first.observation);
    const swapped = await rollout(name, { steps: 5, seeds: [4, 3] });
    const half = first.ring.length / MEMBERS;
    expect(swapped.ring.slice(0, half)).not.toEqual(first.ring.slice(0, half));
    expect(first.ring.slice(0, half)).not.toEqual(first.ring.slice(half));
  });

  test('the ring keeps the latest transitions and wraps in the middle of a step', async () => {
    const whole = await rollout(name, { steps: 5 });
    const capacity = 2 * ENVIRONMENTS + 3;
    const short = await rollout(name, { steps: 5, capacity });
    const written = 5 * ENVIRONMENTS;
    for (let m = 0; m < MEMBERS; m++) {
      for (let at = written - capacity; at < written; at++) {
        expect(short.row(m, at % capacity)).toEqual(whole.row(m, at));
      }
    }
    expect(short.clock).toMatchObject({
      iteration: 5,
      replaySize: capacity,
      replayCursor: written % capacity,
    });
    expect(whole.clock).toMatchObject({ iteration: 5, replaySize: written, replayCursor: 0 });
  });
});

test('an end by the task’s own rule in the step of the time limit is terminated, not truncated', async () => {
  const { row } = await rollout('test-counter', { steps: 10 });
  const ends = (e: number) =>
    Array.from({ length: 10 }, (_, t) => row(0, t * ENVIRONMENTS + e)).map(
      (one) => one.terminated + 2 * one.truncated,
    );
  expect(ends(0)).toEqual([0, 0, 1, 0, 0, 1, 0, 0, 1, 0]);
  expect(ends(1)).toEqual([0, 0, 0, 0, 2, 0, 0, 0, 0, 2]);
  expect(ends(2)).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  expect(row(0, 2 * ENVIRONMENTS).nextState[0]).toBe(13);
  expect(row(0, 3 * ENVIRONMENTS).state[0]).toBe(10);
});

test('the time limit can be chosen where the environment lets it be', async () => {
  // Environment 1 hardly moves: nothing but the limit ends its episodes.
  const cuts = async (maxEpisodeSteps: number) => {
    const { row, spec } = await rollout('multigoal', { steps: 33, maxEpisodeSteps });
    const cut = Array.from({ length: 33 }, (_, t) => row(0, t * ENVIRONMENTS + 1).truncated);
    return { cut: cut.flatMap((flag, t) => (flag === 1 ? [t + 1] : [])), limit: spec.maxEpisodeSteps };
  };
  expect(await cuts(9)).toEqual({ cut: [9, 18, 27], limit: 9 });
  expect(await cuts(300)).toEqual({ cut: [], limit: 300 });
  expect(multigoal.spec.maxEpisodeSteps).toBe(30);
  await expect(rollout('test-counter', { steps: 1, maxEpisodeSteps: 9 })).rejects.toThrow(
    /no tunable 'MAX_EPISODE_STEPS'/,
  );
});

test('an environment must say its sizes and have a name of its own', () => {
  expect(() => registerEnvironment({ name: 'test-counter', wgsl: COUNTER })).toThrow(/registered already/);
  const nameless = COUNTER.replace('const STATE_SIZE = 2u;', '');
  expect(() => registerEnvironment({ name: 'test-sizeless', wgsl: nameless })).toThrow(/STATE_SIZE/);
});
