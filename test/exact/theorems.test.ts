// Theorems 1 to 4 and equation 19 of the paper on small processes; docs/theory.md states them.

import { describe, expect, test } from 'vitest';
import { TabularMdp } from '../../src/exact/tabular.ts';
import { Draws } from '../oracles/random.ts';
import { logSumExp } from '../oracles/soft-value.ts';
import {
  boltzmannPolicy,
  entropy,
  optimalQ,
  policyValues,
  qOf,
  randomDistribution,
  randomMdp,
  softBackup,
  type Mdp,
} from '../oracles/tabular.ts';
import { expectClose, TRANSCENDENTAL } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';
import { rowsOf, supNorm, tablesOf } from '../support/tables.ts';

const gpuOf = useGpu();
const STATES = 6;
const ACTIONS = 4;
const TEMPERATURES = [1e-3, 0.1, 1, 10, 100];
/** Fewer, where each costs many float64 evaluations or repeats a solution. */
const SOME_TEMPERATURES = [1e-3, 1, 100];
/**
 * What float32 adds to the sup norm of a difference of two backups, relative to the largest entry: each entry is
 * rounded about ten times on its way through exp, log and the sum over next states, half a unit (2^-24) each time.
 */
const ROUNDING = 2 * 10 * 2 ** -24;

/** Two processes: one that goes on for ever, one whose steps may end it. */
const PROCESSES: readonly (readonly [string, Mdp])[] = [0, 0.4].map((terminal) => [
  terminal === 0 ? 'without ends' : 'with ends',
  randomMdp(new Draws(11 + 10 * terminal), { states: STATES, actions: ACTIONS, discount: 0.8, terminal }),
]);

function tabularOf(mdp: Mdp): TabularMdp {
  return new TabularMdp(gpuOf(), tablesOf(mdp));
}

/** A random policy (S, A). */
function randomPolicy(draws: Draws): number[][] {
  return Array.from({ length: STATES }, () => randomDistribution(draws, ACTIONS));
}

/** A float32 policy by its rows, each divided by its sum in float64. */
function policyRows(flat: ArrayLike<number>): number[][] {
  return rowsOf(flat, ACTIONS).map((row) => {
    const sum = row.reduce((total, p) => total + p, 0);
    return row.map((p) => p / sum);
  });
}

describe.each(PROCESSES)('Theorem 3, %s', (_, mdp) => {
  test.each(TEMPERATURES)('the backup contracts by the discount at temperature %d', async (temperature) => {
    const tabular = tabularOf(mdp);
    const draws = new Draws(21);
    for (const spread of [0.1, 1, 30]) {
      const q = draws.normals(STATES * ACTIONS, 5).map(Math.fround);
      const other = q.map((entry) => Math.fround(entry + draws.normal(0, spread)));
      const [one, two] = [await tabular.backup(q, temperature), await tabular.backup(other, temperature)];
      const allowance = ROUNDING * Math.max(supNorm(one), supNorm(two));
      expect(supNorm(one, two)).toBeLessThanOrEqual(mdp.discount * supNorm(q, other) + allowance);
    }
  });

  test.each(TEMPERATURES)(
    'steps shrink by the discount, from two starts to one Q, at temperature %d',
    async (temperature) => {
      const tabular = tabularOf(mdp);
      const initial = new Draws(22).normals(STATES * ACTIONS, 200);
      const [zero, far] = [
        await tabular.solve({ temperature }),
        await tabular.solve({ temperature, initial }),
      ];
      // The largest |Q| on the way is at most that of the start plus that of the end.
      const allowance = ROUNDING * (supNorm(initial) + supNorm(far.q));
      for (const { residuals } of [zero, far]) {
        for (let n = 1; n < residuals.length; n++) {
          expect(residuals[n]).toBeLessThanOrEqual(mdp.discount * residuals[n - 1]! + allowance);
        }
      }
      // Theorem 3 bounds the distance of each from the fixed point by discount / (1 - discount) times its last step.
      const reach = (mdp.discount / (1 - mdp.discount)) * (zero.residuals.at(-1)! + far.residuals.at(-1)!);
      expect(supNorm(zero.q, far.q)).toBeLessThanOrEqual(
        reach + (ROUNDING / (1 - mdp.discount)) * supNorm(far.q),
      );
      expectClose(zero.q, optimalQ(mdp, temperature).flat(), TRANSCENDENTAL);
    },
  );
});

test('Theorem 3 is tight: without ends two Qs that differ by a constant keep exactly the discount of it', async () => {
  const tabular = tabularOf(PROCESSES[0]![1]);
  const q = new Draws(23).normals(STATES * ACTIONS, 5).map(Math.fround);
  const [one, two] = [
    await tabular.backup(q, 1),
    await tabular.backup(
      q.map((entry) => entry + 64),
      1,
    ),
  ];
  expect(supNorm(one, two) / 64).toBeCloseTo(0.8, 5);
});

describe.each(PROCESSES)('Theorem 2, %s', (_, mdp) => {
  test.each(SOME_TEMPERATURES)('Q* is its own backup at temperature %d', async (temperature) => {
    const { q, value, residuals } = await tabularOf(mdp).solve({ temperature });
    const rows = rowsOf(q, ACTIONS);
    const residual = supNorm(softBackup(mdp, rows, temperature).flat(), q);
    expect(residual).toBeLessThanOrEqual(mdp.discount * residuals.at(-1)! + ROUNDING * supNorm(q));
    expectClose(qOf(mdp, [...value]).flat(), q, 1e-6);
  });
});

describe.each(PROCESSES)('Theorem 1, %s', (_, mdp) => {
  // At 1e-3 the difference of two float32 numbers near 10 is known to 1e-6 / 1e-3 in the exponent, so not to 1e-4.
  test.each([0.1, 1, 10])(
    'exp((Q* - V*) / alpha) is a policy, and worth V*, at temperature %d',
    async (temperature) => {
      const { q, value, policy } = await tabularOf(mdp).solve({ temperature });
      const byFormula = rowsOf(q, ACTIONS).map((row, s) =>
        row.map((entry) => Math.exp((entry - value[s]!) / temperature)),
      );
      const sums = byFormula.map((row) => row.reduce((sum, p) => sum + p, 0));
      expectClose(
        sums,
        sums.map(() => 1),
        TRANSCENDENTAL,
      );
      expectClose(policy, byFormula.flat(), TRANSCENDENTAL);
      expectClose(policyValues(mdp, policyRows(policy), temperature), value, TRANSCENDENTAL);
    },
  );

  test.each(SOME_TEMPERATURES)(
    'no other policy is worth more anywhere at temperature %d',
    async (temperature) => {
      const { q, policy } = await tabularOf(mdp).solve({ temperature });
      const best = policyValues(mdp, policyRows(policy), temperature);
      const draws = new Draws(24);
      for (const share of [0.01, 0.1, 1]) {
        for (let n = 0; n < 10; n++) {
          const random = randomPolicy(draws);
          const mixed = policyRows(policy).map((row, s) =>
            row.map((p, a) => (1 - share) * p + share * random[s]![a]!),
          );
          const shifted = rowsOf(q, ACTIONS).map((row) =>
            row.map((entry) => entry + share * draws.normal(0, temperature)),
          );
          for (const other of [mixed, boltzmannPolicy(mdp, shifted, temperature)]) {
            const loss = policyValues(mdp, other, temperature).map((value, s) => best[s]! - value);
            // Near the optimum the loss is of second order; float32's error in the policy costs 1e-12 of it.
            expect(Math.min(...loss)).toBeGreaterThanOrEqual(-1e-10 * supNorm(best));
          }
          if (share === 1) {
            const loss = policyValues(mdp, mixed, temperature).map((value, s) => best[s]! - value);
            expect(Math.min(...loss)).toBeGreaterThan(0.01 * temperature);
          }
        }
      }
    },
  );
});

describe.each(PROCESSES)('Theorem 4, %s', (_, mdp) => {
  test.each([0.1, 1, 10])(
    'policy iteration raises Q everywhere and ends at Q*, at temperature %d',
    async (temperature) => {
      const tabular = tabularOf(mdp);
      const start = randomPolicy(new Draws(25));
      const steps: { q: number[]; policy: number[][] }[] = [];
      for await (const { q, policy } of tabular.improve(start.flat(), { temperature })) {
        steps.push({ q: [...q], policy: policyRows(policy) });
      }
      expect(steps.length).toBeGreaterThan(2);
      // What rounding costs an evaluation: a few units of each backup, 1 / (1 - discount) times over.
      const scale = supNorm(steps.at(-1)!.q);
      const allowance = (ROUNDING / (1 - mdp.discount)) * scale;
      const exact = steps.map(({ policy }) => qOf(mdp, policyValues(mdp, policy, temperature)).flat());
      for (let n = 1; n < steps.length; n++) {
        const gains = steps[n]!.q.map((entry, pair) => entry - steps[n - 1]!.q[pair]!);
        expect(Math.min(...gains)).toBeGreaterThanOrEqual(-allowance);
        // The same policies evaluated by elimination: what is left of float32 is the policy's own error, to second order.
        const exactGains = exact[n]!.map((entry, pair) => entry - exact[n - 1]![pair]!);
        expect(Math.min(...exactGains)).toBeGreaterThanOrEqual(-1e-10 * scale);
        if (n === 1) expect(Math.max(...gains)).toBeGreaterThan(1e3 * allowance);
      }
      expectClose(steps.at(-1)!.q, optimalQ(mdp, temperature).flat(), TRANSCENDENTAL);
    },
  );

  test.each([0.1, 1, 10])('equation 19 holds for any policy and Q at temperature %d', async (temperature) => {
    const draws = new Draws(26);
    const q = draws.normals(STATES * ACTIONS, temperature).map(Math.fround);
    const improved = await tabularOf(mdp).boltzmann(q, temperature);
    randomPolicy(draws).forEach((row, s) => {
      const scaled = row.map((_, a) => q[s * ACTIONS + a]! / temperature);
      const left = entropy(row) + row.reduce((sum, p, a) => sum + p * scaled[a]!, 0);
      const right = (policy: ArrayLike<number>, logSum: number) =>
        logSum - row.reduce((sum, p, a) => sum + p * Math.log(p / policy[a]!), 0);
      const [mine] = boltzmannPolicy(mdp, [scaled], 1);
      expect(right(mine!, logSumExp(scaled))).toBeCloseTo(left, 12);
      // The same from the GPU's policy and value: float32 through exp and log.
      const theirs = improved.policy.subarray(s * ACTIONS, (s + 1) * ACTIONS);
      expectClose([right(theirs, improved.value[s]! / temperature)], [left], TRANSCENDENTAL);
    });
  });
});

test('the discounted objective sums over the later step l: with t, as printed, it has another optimum', async () => {
  // With r_t + alpha H_t inside, the sum over l is 1 / (1 - discount) times the undiscounted return.
  const draws = new Draws(27);
  const ends = Array.from({ length: STATES }, () =>
    Array.from({ length: ACTIONS }, () => draws.uniform(0.2, 0.5)),
  );
  const mdp = { ...PROCESSES[0]![1], terminates: ends, discount: 0.5 };
  const [temperature, undiscounted] = [1, { ...mdp, discount: 0.9999 }];
  const best = policyRows((await tabularOf(mdp).solve({ temperature })).policy);
  const printed = policyRows((await tabularOf(undiscounted).solve({ temperature })).policy);
  const loss = policyValues(mdp, best, temperature).map(
    (value, s) => value - policyValues(mdp, printed, temperature)[s]!,
  );
  expect(Math.min(...loss)).toBeGreaterThan(1e-3);
  const gain = policyValues(undiscounted, printed, temperature).map(
    (value, s) => value - policyValues(undiscounted, best, temperature)[s]!,
  );
  expect(Math.min(...gain)).toBeGreaterThan(1e-3);
});
