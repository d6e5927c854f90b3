// What the temperature and a constant do to soft Q-functions and their policies; docs/theory.md states it.

import { describe, expect, test } from 'vitest';
import { TabularMdp } from '../../src/exact/tabular.ts';
import { Draws } from '../oracles/random.ts';
import { mostEntropicPolicy, randomMdp, type Mdp } from '../oracles/tabular.ts';
import { expectClose, LINEAR_ALGEBRA, TRANSCENDENTAL } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';
import { rowsOf, supNorm, tablesOf } from '../support/tables.ts';

const gpuOf = useGpu();
const STATES = 5;
const ACTIONS = 4;
/** A temperature beside which rewards near 1 vanish. */
const HOT = 1e4;

const ENDLESS = randomMdp(new Draws(31), { states: STATES, actions: ACTIONS, discount: 0.9 });
const ENDING = randomMdp(new Draws(32), { states: STATES, actions: ACTIONS, discount: 0.9, terminal: 0.5 });

function tabularOf(mdp: Mdp): TabularMdp {
  return new TabularMdp(gpuOf(), tablesOf(mdp));
}

describe('for a fixed Q', () => {
  // The last state has two best actions.
  const q = [...new Draws(33).normalRows(STATES - 1, ACTIONS, 2), [1, 3, -2, 3]].map((row) =>
    row.map(Math.fround),
  );
  const best = q.map((row) => Math.max(...row));

  test('the soft value falls to the hard maximum, within alpha log A, and the policy becomes greedy', async () => {
    const tabular = tabularOf(ENDLESS);
    let above = best.map(() => Infinity);
    for (const temperature of [1, 0.1, 0.01, 1e-3, 1e-4]) {
      const { value, policy } = await tabular.boltzmann(q.flat(), temperature);
      const gap = [...value].map((v, s) => v - best[s]!);
      // A value is rounded once more than the maximum, by half a unit (2^-24) of its size.
      const unit = 2 ** -23 * supNorm(best);
      gap.forEach((one, s) => {
        expect(one).toBeGreaterThanOrEqual(-unit);
        expect(one).toBeLessThanOrEqual(temperature * Math.log(ACTIONS) + unit);
        expect(one).toBeLessThanOrEqual(above[s]! + unit);
      });
      above = gap;
      if (temperature === 1e-4) {
        const greedy = q.map((row, s) => {
          const winners = row.filter((entry) => entry === best[s]).length;
          return row.map((entry) => (entry === best[s] ? 1 / winners : 0));
        });
        expectClose(policy, greedy.flat(), LINEAR_ALGEBRA);
        expectClose(gap.slice(-1), [temperature * Math.log(2)], 2e-2); // one unit of 3 is 2.4e-7 of the 7e-5 asked for
      }
    }
  });

  test('a large temperature makes the policy uniform, and the value alpha log A above the mean', async () => {
    const tabular = tabularOf(ENDLESS);
    for (const temperature of [1e2, 1e3, HOT]) {
      const { value, policy } = await tabular.boltzmann(q.flat(), temperature);
      rowsOf(policy, ACTIONS).forEach((row, s) => {
        const range = best[s]! - Math.min(...q[s]!);
        const mean = q[s]!.reduce((sum, entry) => sum + entry, 0) / ACTIONS;
        // Probabilities differ by factors of at most exp(range / alpha); Hoeffding's lemma bounds the value.
        expect(Math.max(...row) - Math.min(...row)).toBeLessThanOrEqual(
          Math.expm1(range / temperature) / ACTIONS + 1e-6,
        );
        const entropic = temperature * Math.log(ACTIONS);
        const unit = 2 ** -22 * entropic;
        expect(value[s]! - entropic - mean).toBeGreaterThanOrEqual(-unit);
        expect(value[s]! - entropic - mean).toBeLessThanOrEqual(range ** 2 / (8 * temperature) + unit);
      });
    }
  });
});

describe('at a large temperature the optimal policy', () => {
  /** max |r| / (1 - discount), by which rewards move Q* at most; its share of alpha moves log pi* by at most twice that. */
  const rewardsMove = (mdp: Mdp) =>
    (2 * supNorm(mdp.rewards.flat())) / (1 - mdp.discount) / HOT + TRANSCENDENTAL;
  const optimum = async (mdp: Mdp, temperature = HOT) =>
    rowsOf((await tabularOf(mdp).solve({ temperature })).policy, mdp.rewards[0]!.length);

  test('is uniform where nothing ends and all states have the same actions', async () => {
    const uniform = new Array<number>(STATES * ACTIONS).fill(1 / ACTIONS);
    const hot = (await optimum(ENDLESS)).flat();
    expect(supNorm(hot, uniform)).toBeLessThanOrEqual(rewardsMove(ENDLESS));
    const cool = (await optimum(ENDLESS, 1)).flat();
    expect(supNorm(cool, uniform)).toBeGreaterThan(0.1);
  });

  test('is not uniform where steps may end the episode: it puts the end off, for the entropy to come', async () => {
    const mdp: Mdp = {
      transitions: [
        [
          [0.5, 0.5],
          [1, 0],
        ],
        [
          [0.2, 0.8],
          [1, 0],
        ],
      ],
      rewards: [
        [-1, 1],
        [0, 2],
      ],
      terminates: [
        [0, 1],
        [0, 0.5],
      ],
      available: [
        [true, true],
        [true, true],
      ],
      discount: 0.9,
    };
    const found = await optimum(mdp);
    // 0.9^400 is 5e-19 of what the horizon leaves out.
    const longest = mostEntropicPolicy(mdp, 400);
    expect(supNorm(found.flat(), longest.flat())).toBeLessThanOrEqual(rewardsMove(mdp));
    expect(found[0]![1]).toBeLessThan(0.25);
    expect(found[1]![1]).toBeLessThan(0.4);
  });

  test('is not uniform where states differ in their actions: it goes where there are more', async () => {
    // From state 0 action 0 leads to a state with one action, action 1 to a state with two; both lead back.
    const back = [1, 0, 0];
    const mdp: Mdp = {
      transitions: [
        [
          [0, 1, 0],
          [0, 0, 1],
        ],
        [back, back],
        [back, back],
      ],
      rewards: [
        [1, 0],
        [1, 0],
        [0, 0],
      ],
      terminates: [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      available: [
        [true, true],
        [true, false],
        [true, true],
      ],
      discount: 0.9,
    };
    const found = await optimum(mdp);
    expect(supNorm(found.flat(), mostEntropicPolicy(mdp, 400).flat())).toBeLessThanOrEqual(rewardsMove(mdp));
    // The one step of entropy that differs: odds of exp(0.9 log 2).
    expectClose(found[0]!, [1 / (1 + 2 ** 0.9), 2 ** 0.9 / (1 + 2 ** 0.9)], rewardsMove(mdp));
    expectClose(found[1]!, [1, 0], 0);
    expectClose(found[2]!, [0.5, 0.5], rewardsMove(mdp));
  });
});

describe('a constant', () => {
  const c = 8;
  const q = new Draws(34).normals(STATES * ACTIONS, 3).map(Math.fround);

  test.each([
    ['without ends', ENDLESS],
    ['with ends', ENDING],
  ])('added to Q comes out of the backup times discount (1 - terminates), %s', async (_, mdp) => {
    const tabular = tabularOf(mdp);
    const [plain, shifted] = [
      await tabular.backup(q, 1),
      await tabular.backup(
        q.map((entry) => entry + c),
        1,
      ),
    ];
    const gain = [...shifted].map((entry, pair) => entry - plain[pair]!);
    const expected = mdp.terminates.flat().map((end) => c * mdp.discount * (1 - end));
    expectClose(gain, expected, LINEAR_ALGEBRA);
    const ends = mdp.terminates.flat().some((end) => end > 0);
    expect(gain.every((one) => Math.abs(one - c * mdp.discount) < 1e-4)).toBe(!ends);
  });

  test('added to Q in a state leaves its policy, and adds itself to its value', async () => {
    const tabular = tabularOf(ENDING);
    const shift = [16, -4, 0.5, 0, -32];
    const moved = q.map((entry, pair) => Math.fround(entry + shift[Math.floor(pair / ACTIONS)]!));
    const [plain, shifted] = [await tabular.boltzmann(q, 0.5), await tabular.boltzmann(moved, 0.5)];
    expectClose(shifted.policy, plain.policy, TRANSCENDENTAL);
    const gain = [...shifted.value].map((value, s) => value - plain.value[s]!);
    expectClose(gain, shift, LINEAR_ALGEBRA);
  });

  // The uniform weight of the soft value's sum: mean instead of sum, in the paper's integral the volume of the actions.
  test('left out of every soft value does not matter without ends, and shortens episodes with them', async () => {
    const temperature = 2;
    const constant = temperature * Math.log(ACTIONS);
    const without = (mdp: Mdp): Mdp => ({
      ...mdp,
      rewards: mdp.rewards.map((row, s) =>
        row.map((reward, a) => reward - mdp.discount * (1 - mdp.terminates[s]![a]!) * constant),
      ),
    });
    const solve = async (mdp: Mdp) => await tabularOf(mdp).solve({ temperature });
    const [endless, endlessWithout] = [await solve(ENDLESS), await solve(without(ENDLESS))];
    expectClose(endlessWithout.policy, endless.policy, TRANSCENDENTAL);
    const lost = (0.9 * constant) / (1 - 0.9);
    expectClose(
      endlessWithout.q,
      endless.q.map((entry) => entry - lost),
      TRANSCENDENTAL,
    );

    const [ending, endingWithout] = [await solve(ENDING), await solve(without(ENDING))];
    const endChance = (policy: Float32Array) =>
      rowsOf(policy, ACTIONS).map((row, s) =>
        row.reduce((sum, p, a) => sum + p * ENDING.terminates[s]![a]!, 0),
      );
    const [before, after] = [endChance(ending.policy), endChance(endingWithout.policy)];
    const ends = ENDING.terminates.map((row) => new Set(row).size > 1);
    expect(ends.filter(Boolean).length).toBeGreaterThan(2);
    before.forEach((chance, s) => {
      if (ends[s]) expect(after[s]).toBeGreaterThan(chance + 0.05);
    });
  });
});
