// Appendix B of the paper: entropy-regularised policy gradients and soft Q-learning. All in float64, gradients by
// central differences; docs/theory.md states the equations.

import { describe, expect, test } from 'vitest';
import { Draws } from '../oracles/random.ts';
import {
  boltzmannPolicy,
  occupancy,
  policyValues,
  qOf,
  randomDistribution,
  randomMdp,
  softValues,
} from '../oracles/tabular.ts';
import { expectClose } from '../support/compare.ts';

const STATES = 4;
const ACTIONS = 3;
const STEP = 1e-5;
/** Central differences err by STEP^2 times a third derivative, and by 1e-16 / STEP of the objective's size. */
const TOLERANCE = 1e-7;

const START = randomDistribution(new Draws(41), STATES);

/** Two ways to parametrise Q_theta: every entry a parameter, and five parameters that all entries share, through sin. */
const FEATURES = new Draws(42).normalRows(STATES * ACTIONS, 5);
const PARAMETRISATIONS: readonly (readonly [string, number, (theta: readonly number[]) => number[][]])[] = [
  ['a table', STATES * ACTIONS, (theta) => table((pair) => theta[pair]!)],
  [
    'five shared parameters',
    5,
    (theta) => table((pair) => FEATURES[pair]!.reduce((sum, f, k) => sum + Math.sin(f * theta[k]!), 0)),
  ],
];

function table(entry: (pair: number) => number): number[][] {
  return Array.from({ length: STATES }, (_, s) =>
    Array.from({ length: ACTIONS }, (_, a) => entry(s * ACTIONS + a)),
  );
}

function gradient(f: (theta: readonly number[]) => number, at: readonly number[]): number[] {
  return at.map((_, k) => {
    const moved = (by: number) => f(at.map((entry, other) => (other === k ? entry + by : entry)));
    return (moved(STEP) - moved(-STEP)) / (2 * STEP);
  });
}

describe.each(PARAMETRISATIONS)('Q_theta as %s', (_, size, qTheta) => {
  test.each([
    { temperature: 1, terminal: 0 },
    { temperature: 0.4, terminal: 0.5 },
    { temperature: 3, terminal: 0.5 },
  ])('at temperature $temperature, share of ends $terminal', ({ temperature, terminal }) => {
    const draws = new Draws(43);
    const mdp = randomMdp(draws, { states: STATES, actions: ACTIONS, discount: 0.9, terminal });
    const theta = draws.normals(size);
    const policyOf = (at: readonly number[]) => boltzmannPolicy(mdp, qTheta(at), temperature);
    const objective = (at: readonly number[]) =>
      policyValues(mdp, policyOf(at), temperature).reduce((sum, value, s) => sum + START[s]! * value, 0);

    // Everything that carries no gradient, at theta: pi, its exact soft Q and V, and where it goes.
    const policy = policyOf(theta);
    const value = policyValues(mdp, policy, temperature);
    const q = qOf(mdp, value);
    const weights = occupancy(mdp, policy, START);
    /** sum_s d(s) sum_a pi(a|s) loss(s, a), d the unnormalised discounted occupancy. */
    const onPolicy = (loss: (s: number, a: number) => number) =>
      weights.reduce(
        (sum, weight, s) => sum + weight * policy[s]!.reduce((inner, p, a) => inner + p * loss(s, a), 0),
        0,
      );

    const uphill = gradient(objective, theta);
    expect(Math.max(...uphill.map(Math.abs))).toBeGreaterThan(1e-2);

    // 1/2 (A^pi + V_theta - Q_theta)^2 with the gradient through V_theta too: -alpha times the policy gradient,
    // whatever state-dependent baseline b makes A^pi = Q^pi - b.
    for (const baseline of [value, draws.normals(STATES, 3)]) {
      const advantageLoss = (at: readonly number[]) => {
        const [mine, values] = [qTheta(at), softValues(mdp, qTheta(at), temperature)];
        return onPolicy((s, a) => 0.5 * (q[s]![a]! - baseline[s]! + values[s]! - mine[s]![a]!) ** 2);
      };
      expectClose(
        gradient(advantageLoss, theta),
        uphill.map((entry) => -temperature * entry),
        TOLERANCE,
      );
    }

    // Equation 11 with its target held fixed is something else ...
    const plainLoss = (at: readonly number[]) => {
      const mine = qTheta(at);
      return onPolicy((s, a) => 0.5 * (q[s]![a]! - mine[s]![a]!) ** 2);
    };
    const plain = gradient(plainLoss, theta);
    const difference = plain.map((entry, k) => entry + temperature * uphill[k]!);
    expect(Math.max(...difference.map(Math.abs))).toBeGreaterThan(1e-2);
    // ... by the gradient of the value error 1/2 (V^pi - V_theta)^2.
    const valueLoss = (at: readonly number[]) => {
      const values = softValues(mdp, qTheta(at), temperature);
      return weights.reduce((sum, weight, s) => sum + weight * 0.5 * (value[s]! - values[s]!) ** 2, 0);
    };
    expectClose(difference, gradient(valueLoss, theta), TOLERANCE);
  });
});
