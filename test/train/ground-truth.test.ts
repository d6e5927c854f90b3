import { beforeAll, describe, expect, test } from 'vitest';
import { MULTIGOAL_PROBES } from '../../src/envs/multigoal.ts';
import { MultigoalOptimum } from '../../src/exact/multigoal-optimum.ts';
import { compareWithOptimum, type GroundTruth, type Probe } from '../../src/train/ground-truth.ts';
import type { Rollout } from '../../src/train/evaluator.ts';
import { Draws } from '../oracles/random.ts';
import { useGpu } from '../support/gpu.ts';

const gpu = useGpu();
const REWARD_SCALE = 0.1;
/** Few enough for a test; `softq evaluate` takes 200. */
const EPISODES = 40;

let optimum: MultigoalOptimum;

function solveAt(temperature: number): void {
  beforeAll(async () => {
    optimum = await MultigoalOptimum.solve(gpu(), { temperature, spacing: 0.1 });
  });
}

type Act = (state: readonly number[], count: number, seed: number) => number[][];

/** Episodes of a policy, followed to their end. */
function episodes(act: Act): Rollout[] {
  const { start, step } = optimum.model(7);
  return Array.from({ length: EPISODES }, (_, k) => {
    const observations = [start(k)];
    let terminated = false;
    while (!terminated && observations.length <= 100) {
      const state = observations.at(-1)!;
      const after = step(state, act(state, 1, 1000 * k + observations.length)[0]!);
      observations.push(after.next);
      terminated = after.terminated;
    }
    return { observations, return: 0, length: observations.length - 1, terminated, outcome: null };
  });
}

/** All distances of a policy and of a critic whose Q is the optimum's and `error` more. */
function compare(act: Act, error: (row: readonly number[]) => number = () => 0): Promise<GroundTruth> {
  const probe: Probe = {
    actionsAt: (states, count, draw = 0) =>
      Promise.resolve(states.map((state, i) => act(state, count, 1e6 * (draw + 1) + i))),
    valuesAt: (rows, rewardScale) => {
      expect(rewardScale).toBe(REWARD_SCALE);
      return Promise.resolve(rows.map((row) => optimum.qAt(row.slice(0, 2), row.slice(2)) + error(row)));
    },
  };
  return compareWithOptimum(probe, {
    optimum,
    model: optimum.model(1),
    probes: MULTIGOAL_PROBES,
    trajectories: episodes(act),
    rewardScale: REWARD_SCALE,
    seed: 3,
  });
}

const exact: Act = (state, count, seed) => optimum.sampleAt(state, count, seed);
const uniform: Act = (_, count, seed) => new Draws(seed).uniformRows(count, 2, -1, 1);

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Midpoints of `side` x `side` equal cells of the box of actions. */
function lattice(side: number): (readonly [number, number])[] {
  const middle = (cell: number) => (2 * cell + 1) / side - 1;
  return Array.from({ length: side ** 2 }, (_, i) => [middle(Math.floor(i / side)), middle(i % side)]);
}

/** KL(p || pi*) and KL(pi* || p) at a state for p proportional to pi* exp(slope a_x), by sums over actions. */
function tilted(state: readonly number[], slope: number): { ofTilted: number; ofOptimum: number } {
  const terms = lattice(60).map((action) => ({
    density: Math.exp(optimum.logDensityAt(state, action)),
    tilt: slope * action[0],
  }));
  const total = terms.reduce((sum, { density }) => sum + density, 0);
  const expected = (f: (tilt: number) => number) =>
    terms.reduce((sum, { density, tilt }) => sum + (density / total) * f(tilt), 0);
  const partition = expected(Math.exp);
  return {
    ofTilted: expected((tilt) => Math.exp(tilt) * tilt) / partition - Math.log(partition),
    ofOptimum: Math.log(partition) - expected((tilt) => tilt),
  };
}

/** Mean over episodes of sum_t 0.99^t KL(uniform || pi*(.|s_t)), KL = -log 4 - mean over the box of log pi*. */
function uniformGap(rollouts: readonly Rollout[]): number {
  const actions = lattice(20);
  const divergence = (state: readonly number[]) =>
    -Math.log(4) - mean(actions.map((action) => optimum.logDensityAt(state, action)));
  const gaps = rollouts.map(({ observations }) =>
    observations.slice(0, -1).reduce((sum, state, t) => sum + 0.99 ** t * divergence(state), 0),
  );
  return mean(gaps);
}

describe.each([10, 5])('compareWithOptimum at temperature %d', (temperature) => {
  solveAt(temperature);

  test('finds nothing wrong with the optimum itself', async () => {
    const truth = await compare(exact);
    expect(truth.temperature).toBe(temperature);
    expect(truth.critic).toEqual({ meanAbsolute: 0, bias: 0, maxAbsolute: 0 });
    // The quadrature of exp(Q*), whose jump at a goal's edge no smooth rule resolves, against V* from the grid.
    expect(Math.abs(truth.criticPolicy.nats)).toBeLessThan(0.01);
    // 800 draws at nine states: a standard error of 0.02 in the mean, 0.06 at one state.
    expect(Math.abs(truth.sampler.nats)).toBeLessThan(0.06);
    for (const { nats, lowerBound } of truth.divergence) {
      expect(Math.abs(nats)).toBeLessThan(0.2);
      expect(lowerBound).toBe(false);
    }
    expect(truth.divergence).toHaveLength(MULTIGOAL_PROBES.length);
    // Two samples of 400 of one law are 0.037 apart on average (docs/distances.md).
    expect(truth.slicedWasserstein.mean).toBeLessThan(0.06);
    expect(truth.slicedWasserstein.mean).toBeGreaterThan(0.02);
    expect(Math.abs(truth.energyDistance.mean)).toBeLessThan(0.005);
    // 64 states, 128 draws each.
    expect(Math.abs(truth.entropy.policy - truth.entropy.optimum)).toBeLessThan(0.08);
    expect(Math.abs(truth.gap.nats)).toBeLessThan(4 * truth.gap.standardError + 0.1);
    expect(truth.gap.truncatedShare).toBe(0);
  });

  test('measures a wrong critic by what it asks for, not by the sampler', async () => {
    // A slope of 3 nats along x in the critic, which the sampler does not follow.
    const truth = await compare(exact, ([, , ax]) => 3 * temperature * ax!);
    const divergences = MULTIGOAL_PROBES.map((state) => tilted(state, 3));
    expect(truth.critic.maxAbsolute).toBeGreaterThan(2);
    expect(truth.critic.maxAbsolute).toBeLessThanOrEqual(3);
    // 0.64 and 0.80 nats at temperature 10, one the reverse of the other; twice what the quadrature misses of pi* itself.
    const ofTilted = mean(divergences.map((one) => one.ofTilted));
    expect(Math.abs(truth.criticPolicy.nats - ofTilted)).toBeLessThan(0.02);
    // As above, and a standard error of 0.015 for the slope at the draws.
    const ofOptimum = mean(divergences.map((one) => one.ofOptimum));
    expect(Math.abs(truth.sampler.nats - ofOptimum)).toBeLessThan(0.08);
    expect(Math.abs(truth.divergence[0]!.nats)).toBeLessThan(0.2);
  });
});

describe('compareWithOptimum', () => {
  solveAt(10);

  test('measures a wrong sampler, the critic being right', async () => {
    const truth = await compare(uniform);
    expect(truth.critic.maxAbsolute).toBe(0);
    expect(Math.abs(truth.criticPolicy.nats)).toBeLessThan(0.01);
    expect(truth.sampler.nats).toBeGreaterThan(0.5);
    expect(truth.divergence[0]!.nats).toBeGreaterThan(0.02);
    expect(truth.energyDistance.mean).toBeGreaterThan(0.08);
    expect(Math.abs(truth.entropy.policy - Math.log(4))).toBeLessThan(0.08);
    expect(truth.entropy.optimum).toBeLessThan(1);
    // A divergence from 128 actions has a deviation of about 0.3 nats; over 40 episodes of some 60 steps that makes 0.3.
    const gap = uniformGap(episodes(uniform));
    expect(gap).toBeGreaterThan(50);
    expect(Math.abs(truth.gap.nats - gap)).toBeLessThan(1);
  });

  test('takes a critic that is wrong by a constant for the same policy', async () => {
    const shifted = await compare(exact, () => -15);
    expect(shifted.critic.bias).toBeCloseTo(-1.5, 6);
    expect(shifted.critic.meanAbsolute).toBeCloseTo(1.5, 6);
    expect(Math.abs(shifted.criticPolicy.nats)).toBeLessThan(0.01);
    expect(Math.abs(shifted.sampler.nats)).toBeLessThan(0.06);
  });

  test('bounds the divergence of a policy that has no density from below', async () => {
    const still = await compare((_, count) => Array.from({ length: count }, () => [0.3, 0.2]));
    expect(still.divergence.every(({ lowerBound, nats }) => lowerBound && nats > 5)).toBe(true);
    expect(still.sampler.lowerBound).toBe(true);
    expect(still.gap.lowerBound).toBe(true);
    expect(still.gap.truncatedShare).toBe(1);
  });
});
