import { describe, expect, test } from 'vitest';
import { environmentOf } from '../../src/envs/environment.ts';
import { multigoalPaper } from '../../src/envs/multigoal-paper.ts';
import { GOALS, POSITION_LIMIT } from '../oracles/multigoal.ts';
import { GOAL_SPREAD, MAX_EPISODE_STEPS, mixtureReward, stepState } from '../oracles/multigoal-paper.ts';
import { Draws } from '../oracles/random.ts';
import { expectClose, LINEAR_ALGEBRA, TRANSCENDENTAL } from '../support/compare.ts';
import { stepped } from '../support/environments.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();

describe('multigoal-paper', () => {
  test.each([1, 67])(
    'agrees with float64 for %i environments of two members, and never ends',
    async (count) => {
      const draws = new Draws(4);
      const table = (limit: number) =>
        [0, 1].map(() => draws.uniformRows(count, 2, -limit, limit).map((row) => row.map(Math.fround)));
      const [states, actions] = [table(POSITION_LIMIT), table(1.5)];
      // On a goal the reward is largest, and a task with an end would end.
      states[0]![0] = [...GOALS[2]!];
      actions[0]![0] = [0, 0];
      const members = await stepped(gpuOf(), multigoalPaper, states, actions);
      members.forEach((one, m) => {
        const steps = states[m]!.map((state, e) => stepState(state, actions[m]![e]!));
        expect(one.action).toEqual(actions[m]);
        expectClose(
          one.nextState.flat(),
          steps.flatMap(({ nextState }) => nextState),
          LINEAR_ALGEBRA,
        );
        expectClose(
          one.reward,
          steps.map(({ reward }) => reward),
          TRANSCENDENTAL,
        );
        expect([...one.terminated, ...one.truncated].every((flag) => flag === 0)).toBe(true);
      });
    },
  );

  test('height and spread of the goals can be chosen', async () => {
    const params = { goal_reward: 3, goal_spread: 0.5 };
    const state = [4.5, 0.25];
    const [one] = await stepped(gpuOf(), multigoalPaper, [[state]], [[[0, 0]]], params);
    expectClose(one!.reward, [mixtureReward(state, 3, 0.5)], TRANSCENDENTAL);
  });

  test('the host’s picture of the task is the task', () => {
    expect(environmentOf('multigoal-paper')).toBe(multigoalPaper);
    expect(multigoalPaper.spec).toEqual({
      name: 'multigoal-paper',
      observationSize: 2,
      actionSize: 2,
      maxEpisodeSteps: MAX_EPISODE_STEPS,
    });
    const { plane, outcomes, outcomeOf } = multigoalPaper;
    expect(plane).toMatchObject({ bound: POSITION_LIMIT, goals: GOALS, goalRadius: GOAL_SPREAD });
    expect(outcomes).toHaveLength(GOALS.length);
    for (const [x, y] of new Draws(7).uniformRows(200, 2, -7, 7) as [number, number][]) {
      expect(plane!.rewardAt(x, y)).toBeCloseTo(mixtureReward([x, y]), 12);
      const near = GOALS.findIndex(([gx, gy]) => Math.hypot(x - gx, y - gy) < GOAL_SPREAD);
      expect(outcomeOf!([x, y])).toBe(near < 0 ? null : near);
    }
  });
});
