import { describe, expect, test } from 'vitest';
import { klToOptimum, type Divergence } from '../../src/exact/divergence.ts';
import { gapVisits, softReturnGap, type Trajectory } from '../../src/exact/soft-return-gap.ts';
import { stepState } from '../oracles/multigoal.ts';
import { generator, OracleOptimum } from '../oracles/optimum.ts';

const certain = (nats: number): Divergence => ({ nats, lowerBound: false });

describe('the soft-return gap', () => {
  const short: Trajectory = { observations: [[0], [1], [2]], terminated: true };
  const long: Trajectory = { observations: [[3], [4], [5], [6]], terminated: false };

  test('is the discounted sum of divergences, averaged over trajectories', () => {
    const visits = gapVisits([short, long], { discount: 0.5 });
    expect(visits.map(({ state }) => state[0])).toEqual([0, 1, 3, 4, 5]);
    const gap = softReturnGap([short, long], visits, [1, 2, 3, 4, 8].map(certain));
    // 1 + 2/2 and 3 + 4/2 + 8/4.
    expect(gap).toEqual({ nats: 4.5, standardError: 2.5, lowerBound: false, truncatedShare: 0.5 });
  });

  test('is a lower bound if one divergence is', () => {
    const visits = gapVisits([short, short], { discount: 1 });
    const divergences = [certain(1), certain(1), certain(1), { nats: 9, lowerBound: true }];
    expect(softReturnGap([short, short], visits, divergences)).toMatchObject({ lowerBound: true, nats: 6 });
    expect(() => softReturnGap([short], [], [])).toThrow(/two trajectories/);
  });

  test('stays the same on average when only some visits are looked at', () => {
    const length = 50;
    const trajectory = { observations: Array.from({ length: length + 1 }, (_, t) => [t]), terminated: true };
    const copies = Array.from({ length: 400 }, () => trajectory);
    const gapOf = (every: number) => {
      const visits = gapVisits(copies, { discount: 0.9, every, seed: 7 });
      return softReturnGap(
        copies,
        visits,
        visits.map(({ state }) => certain(state[0]!)),
      );
    };
    const all = gapOf(1);
    const some = gapOf(7);
    expect(all.standardError).toBeCloseTo(0, 10);
    expect(some.standardError).toBeGreaterThan(0.05);
    expect(Math.abs(some.nats - all.nats)).toBeLessThan(3 * some.standardError);
    // Every step has its turn.
    const seen = new Set(
      gapVisits(copies, { discount: 0.9, every: 7, seed: 7 }).map(({ state }) => state[0]),
    );
    expect(seen.size).toBe(length);
  });
});

describe('on multi-goal', () => {
  const optimum = new OracleOptimum(10);
  const ACTIONS = 64;

  /** Episodes of a policy to their end, at most `cap` steps, and each one's discounted soft return in nats. */
  function rollOut(
    policy: (state: readonly number[], seed: number) => { action: number[]; logDensity: number },
    count: number,
    cap: number,
  ) {
    const softReturns: number[] = [];
    const trajectories = Array.from({ length: count }, (_, episode): Trajectory => {
      const observations = [[0, 0]];
      let [terminated, total] = [false, 0];
      for (let t = 0; t < cap && !terminated; t++) {
        const { action, logDensity } = policy(observations[t]!, episode * cap + t);
        const step = stepState(observations[t]!, action);
        total += optimum.discount ** t * (step.reward / optimum.temperature - logDensity);
        observations.push(step.nextState);
        terminated = step.terminated;
      }
      softReturns.push(total);
      return { observations, terminated };
    });
    return { trajectories, softReturns };
  }

  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

  test('pi* gives nothing away', () => {
    const { trajectories } = rollOut(
      (state, seed) => {
        const [action] = optimum.sampleAt(state, 1, seed);
        return { action: action!, logDensity: optimum.logDensityAt(state, action!) };
      },
      100,
      300,
    );
    const visits = gapVisits(trajectories, { discount: optimum.discount, every: 2 });
    const divergences = visits.map(({ state }, i) =>
      klToOptimum(optimum.sampleAt(state, ACTIONS, i + 1e6), optimum, state),
    );
    const gap = softReturnGap(trajectories, visits, divergences);
    expect(gap.truncatedShare).toBe(0);
    expect(gap.lowerBound).toBe(false);
    // 0.1 nats: ten steps of the bias that is left at 64 actions, about 0.01 nats each.
    expect(Math.abs(gap.nats)).toBeLessThan(0.1 + 3 * gap.standardError);
    expect(gap.standardError).toBeLessThan(0.15);
  });

  test('the uniform policy gives away what V* and its soft return say', () => {
    const draw = generator(11);
    const uniform = () => [2 * draw() - 1, 2 * draw() - 1];
    const { trajectories, softReturns } = rollOut(
      () => ({ action: uniform(), logDensity: -Math.log(4) }),
      100,
      300,
    );
    const visits = gapVisits(trajectories, { discount: optimum.discount, every: 40 });
    const divergences = visits.map(({ state }) =>
      klToOptimum(Array.from({ length: ACTIONS }, uniform), optimum, state),
    );
    const gap = softReturnGap(trajectories, visits, divergences);
    const exact = optimum.valueAt([0, 0]) / optimum.temperature - mean(softReturns);
    const spread = Math.sqrt(
      mean(softReturns.map((value) => (value - mean(softReturns)) ** 2)) / softReturns.length,
    );
    expect(Math.abs(gap.nats - exact)).toBeLessThan(3 * Math.hypot(gap.standardError, spread));
    expect(gap.nats).toBeGreaterThan(50);
    expect(gap.truncatedShare).toBeLessThan(0.1);
  });
});
