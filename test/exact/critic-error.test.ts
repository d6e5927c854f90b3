import { describe, expect, test } from 'vitest';
import { criticError, referencePairs, type EnvironmentModel } from '../../src/exact/critic-error.ts';
import { stepState } from '../oracles/multigoal.ts';
import { OracleOptimum } from '../oracles/optimum.ts';

const optimum = new OracleOptimum(10);
const model: EnvironmentModel = {
  start: () => [0, 0],
  step(state, action) {
    const { nextState, terminated } = stepState(state, action);
    return { next: nextState, terminated };
  },
};

test('the error of a critic is in nats, its bias signed', () => {
  expect(criticError([1, 2, -6], [3, 2, 0], 2)).toEqual({
    meanAbsolute: 4 / 3,
    bias: -4 / 3,
    maxAbsolute: 3,
  });
  expect(criticError([4, 0], [3, 1], 1)).toEqual({ meanAbsolute: 1, bias: 0, maxAbsolute: 1 });
});

describe('reference pairs', () => {
  const { states, actions } = referencePairs(optimum, model, { seed: 4 });

  test('are 1500 unless asked otherwise, and the same for the same seed', () => {
    expect(states).toHaveLength(1500);
    expect(actions).toHaveLength(1500);
    expect(referencePairs(optimum, model, { seed: 4, count: 20 }).actions).toEqual(actions.slice(0, 20));
    expect(referencePairs(optimum, model, { seed: 5, count: 20 }).actions).not.toEqual(actions.slice(0, 20));
  });

  test('follow the optimum from start to goal', () => {
    let episodes = 0;
    states.forEach((state, i) => {
      const { nextState, terminated } = stepState(state, actions[i]!);
      if (terminated) episodes++;
      if (i + 1 < states.length) expect(states[i + 1]).toEqual(terminated ? [0, 0] : nextState);
    });
    // pi* takes 10.0 to 10.3 steps to a goal, with a standard error of 0.3 over 150 episodes.
    expect(states.length / episodes).toBeGreaterThan(9.1);
    expect(states.length / episodes).toBeLessThan(11.2);
  });

  test('draw the actions from the optimum: the mean of log pi* is minus its entropy', () => {
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const surplus = mean(
      states.map((state, i) => optimum.logDensityAt(state, actions[i]!) + optimum.entropyAt(state)),
    );
    // log pi* has a deviation of about 1.
    expect(Math.abs(surplus)).toBeLessThan(3 / Math.sqrt(states.length));
  });

  test('cut an episode that does not end', () => {
    const still: EnvironmentModel = {
      start: (episode) => [episode, 0],
      step: (state) => ({ next: state, terminated: false }),
    };
    const cut = referencePairs({ sampleAt: () => [[0]] }, still, { count: 7, longest: 3 });
    expect(cut.states.map(([x]) => x)).toEqual([0, 0, 0, 1, 1, 1, 2]);
  });
});
