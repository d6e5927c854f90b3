import { describe, expect, test } from 'vitest';
import { environmentOf, type EnvParams } from '../../src/envs/environment.ts';
import { goalReached, multigoal, MULTIGOAL_GOALS, rewardAt } from '../../src/envs/multigoal.ts';
import { UsageError } from '../../src/gpu/errors.ts';
import { ReplayBuffer } from '../../src/rl/replay-buffer.ts';
import {
  GOALS,
  levelReward,
  MAX_EPISODE_STEPS,
  nearestGoal,
  resetState,
  stepState,
} from '../oracles/multigoal.ts';
import { Draws, normalPair, randomBits } from '../oracles/random.ts';
import { kolmogorovSmirnov, normalDistribution } from '../oracles/statistics.ts';
import { expectClose, LINEAR_ALGEBRA } from '../support/compare.ts';
import {
  environmentsOf as environmentsOn,
  ITERATION,
  SEEDS,
  stepped as steppedOn,
  type Rows,
} from '../support/environments.ts';
import { useGpu } from '../support/gpu.ts';
import { NORMALS, STREAMS } from '../support/networks.ts';
import vectors from '../vectors/env.json';

const gpuOf = useGpu();
const stepped = (states: Rows[], actions: Rows[], params: EnvParams = {}) =>
  steppedOn(gpuOf(), multigoal, states, actions, params);
const environmentsOf = (environments: number, members: number, params: EnvParams = {}) => {
  const gpu = gpuOf();
  return { gpu, env: environmentsOn(gpu, multigoal, { environments, members, params }) };
};

const noiseOf = (stream: string, instance: number, seed: number) => {
  const bits = randomBits(instance * 64, ITERATION, STREAMS[stream]!, seed);
  return normalPair(bits[0], bits[1]);
};

describe('multigoal', () => {
  test.each(['sigma=0.0', 'sigma=0.25'] as const)('agrees with the test vectors, %s', async (key) => {
    const { s, a, eps } = vectors;
    const sigma = Number(key.slice(6));
    // s' = clip(s + clip(a) + sigma eps) does not clip s: given noise may be added to the state beforehand.
    const states = s.map((row, n) => row.map((x, d) => Math.fround(x + sigma * eps[n]![d]!)));
    const [one] = await stepped([states], [a]);
    expectClose(one!.nextState.flat(), vectors[key].s2.flat(), LINEAR_ALGEBRA);
    expectClose(one!.reward, vectors[key].r, LINEAR_ALGEBRA);
    expect(one!.terminated).toEqual(vectors[key].done);
    const arrived = one!.nextState.filter((_, n) => one!.terminated[n] === 1).map(goalReached);
    expect(arrived).toEqual(vectors[key].nearest.filter((_, n) => vectors[key].done[n] === 1));
  });

  test.each([1, 67])(
    'agrees with float64 for %i environments of two members, and records what was given',
    async (count) => {
      const draws = new Draws(4);
      const table = (limit: number) =>
        [0, 1].map(() => draws.uniformRows(count, 2, -limit, limit).map((row) => row.map(Math.fround)));
      const [states, actions] = [table(7), table(1.5)];
      const members = await stepped(states, actions);
      members.forEach((one, m) => {
        const steps = states[m]!.map((state, e) => stepState(state, actions[m]![e]!));
        expect(one.state).toEqual(states[m]);
        expect(one.action).toEqual(actions[m]);
        expectClose(
          one.nextState.flat(),
          steps.flatMap((step) => step.nextState),
          LINEAR_ALGEBRA,
        );
        expectClose(
          one.reward,
          steps.map((step) => step.reward),
          LINEAR_ALGEBRA,
        );
        expect(one.terminated).toEqual(steps.map((step) => Number(step.terminated)));
        expect(one.truncated.every((flag) => flag === 0)).toBe(true);
      });
    },
  );

  test('noise moves each environment by its own normal draw, before the clip', async () => {
    const count = 500;
    const noise = 0.5;
    const states = [0, 1].map((m) =>
      new Draws(m).uniformRows(count, 2, -7, 7).map((row) => row.map(Math.fround)),
    );
    const still = states.map((rows) => rows.map(() => [0, 0]));
    const members = await stepped(states, still, { noise });
    members.forEach((one, m) => {
      const steps = states[m]!.map((state, e) =>
        stepState(state, [0, 0], noiseOf('STREAM_DYNAMICS', e, SEEDS[m]!), noise),
      );
      expectClose(
        one.nextState.flat(),
        steps.flatMap((step) => step.nextState),
        NORMALS,
      );
      const clear = (n: number) => Math.abs(nearestGoal(steps[n]!.nextState).squaredDistance - 1) > 0.01;
      expect(one.terminated.filter((_, n) => clear(n))).toEqual(
        steps.map((step) => Number(step.terminated)).filter((_, n) => clear(n)),
      );
      const moves = one.nextState.flatMap((row, n) => row.map((x, d) => (x - states[m]![n]![d]!) / noise));
      const inside = moves.filter((_, i) => Math.abs(states[m]!.flat()[i]!) < 4.5);
      // 1.95 / sqrt(n) is exceeded once in a thousand seeds; 2.5 deviations of 0.5 are beyond the clip in 1 % of cases.
      expect(kolmogorovSmirnov(inside, normalDistribution)).toBeLessThan(
        1.95 / Math.sqrt(inside.length) + 0.01,
      );
    });
  });

  test('starts are normal around the origin, and the observation is the state', async () => {
    const { gpu, env } = environmentsOf(300, 2);
    await gpu.run(env.reset());
    const state = await gpu.read(env.state);
    const observation = await gpu.read(env.observation);
    for (let m = 0; m < 2; m++) {
      const starts = Array.from({ length: 300 }, (_, e) => [0, 1].map((d) => state[(m * 2 + d) * 300 + e]!));
      expect([...observation.subarray(m * 600, (m + 1) * 600)]).toEqual(starts.flat());
      const reference = starts.map((_, e) => resetState(noiseOf('STREAM_FIRST_RESET', e, SEEDS[m]!)));
      expectClose(starts.flat(), reference.flat(), NORMALS);
      expect(
        kolmogorovSmirnov(
          starts.flat().map((x) => x / 0.1),
          normalDistribution,
        ),
      ).toBeLessThan(1.95 / Math.sqrt(600));
    }
  });

  test('after an arrival the environment starts again, from a draw of the reset’s own', async () => {
    const count = 33;
    const { gpu, env } = environmentsOf(count, 2, { noise: 0.01 });
    gpu.write(
      env.state,
      Float32Array.from({ length: 4 * count }, (_, i) => (Math.floor(i / count) % 2 === 0 ? 5 : 0)),
    );
    const ring = new ReplayBuffer(gpu, { members: 2, capacity: count, observationSize: 2, actionSize: 2 });
    await gpu.run(env.step(gpu.tensor('still', [2, count, 2]), ring.sink));
    const observation = await gpu.read(env.observation);
    const starts = SEEDS.flatMap((seed) =>
      Array.from({ length: count }, (_, e) => resetState(noiseOf('STREAM_RESET', e, seed))),
    );
    expectClose(observation, starts.flat(), NORMALS);
  });

  test('goals, costs and size can be chosen', async () => {
    const params = {
      goals: [1, 1, 0, 0],
      goal_count: 1,
      bound: 2,
      action_cost: 0,
      distance_cost: 3,
      goal_reward: 7,
    };
    const [one] = await stepped([[[1.5, 1], [-1.5, -1]]], [[[0, 0], [-1, 0.5]]], params); // prettier-ignore
    expect(one!.nextState).toEqual([[1.5, 1], [-2, -0.5]]); // prettier-ignore
    expect(one!.reward).toEqual([7 - 3 * 0.25, -3 * (9 + 2.25)]);
    expect(one!.terminated).toEqual([1, 0]);
  });

  test('the host’s picture of the task is the task', () => {
    expect(MULTIGOAL_GOALS).toEqual(GOALS);
    expect(multigoal.spec).toEqual({
      name: 'multigoal',
      observationSize: 2,
      actionSize: 2,
      maxEpisodeSteps: MAX_EPISODE_STEPS,
    });
    for (const [x, y] of new Draws(7).uniformRows(200, 2, -7, 7) as [number, number][]) {
      expect(rewardAt(x, y)).toBeCloseTo(levelReward([x, y]), 12);
      const { index, squaredDistance } = nearestGoal([x, y]);
      expect(goalReached([x, y])).toBe(squaredDistance < 1 ? index : null);
    }
    expect(environmentOf('multigoal')).toBe(multigoal);
    expect(() => environmentOf('chess')).toThrow(UsageError);
  });
});
