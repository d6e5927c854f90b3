import { describe, expect, test } from 'vitest';
import type { MdpTables } from '../../src/exact/mdp-tables.ts';
import { TabularMdp } from '../../src/exact/tabular.ts';
import { UsageError } from '../../src/gpu/errors.ts';
import { Draws } from '../oracles/random.ts';
import {
  boltzmannPolicy,
  entropy,
  optimalQ,
  pathSum,
  policyValues,
  qOf,
  randomDistribution,
  randomMdp,
  softBackup,
  softValues,
  type Mdp,
} from '../oracles/tabular.ts';
import { expectClose, LINEAR_ALGEBRA, TRANSCENDENTAL } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';
import { supNorm, tablesOf } from '../support/tables.ts';

const gpuOf = useGpu();

/** A random process with steps that may end, and actions that are missing in some states. */
function unevenMdp(seed: number, states: number, actions: number, discount = 0.8): Mdp {
  const draws = new Draws(seed);
  const mdp = randomMdp(draws, { states, actions, discount, terminal: 0.3 });
  return {
    ...mdp,
    available: mdp.available.map((row) => row.map((_, a) => a === 0 || draws.uniform() < 0.7)),
  };
}

/** Numbers of the pairs whose action is available. */
function only(mdp: Mdp, table: ArrayLike<number>): number[] {
  const available = mdp.available.flat();
  return Array.from(table).filter((_, pair) => available[pair]);
}

describe('one sweep', () => {
  test.each([
    { states: 1, actions: 1, temperature: 1 },
    { states: 5, actions: 3, temperature: 1e-3 },
    // More states than a workgroup has invocations, and more pairs than the residual's has.
    { states: 70, actions: 5, temperature: 0.5 },
    { states: 5, actions: 3, temperature: 100 },
  ])('of $states states and $actions actions at temperature $temperature is the oracle’s', async (sizes) => {
    const { states, actions, temperature } = sizes;
    const mdp = unevenMdp(3, states, actions);
    const tabular = new TabularMdp(gpuOf(), tablesOf(mdp));
    const q = new Draws(4).normalRows(states, actions, 3).map((row) => row.map(Math.fround));
    const { value, policy } = await tabular.boltzmann(q.flat(), temperature);
    expectClose(value, softValues(mdp, q, temperature), TRANSCENDENTAL);
    expectClose(policy, boltzmannPolicy(mdp, q, temperature).flat(), TRANSCENDENTAL);
    const backup = await tabular.backup(q.flat(), temperature);
    expectClose(only(mdp, backup), only(mdp, softBackup(mdp, q, temperature).flat()), TRANSCENDENTAL);
    const absent = [...backup].filter((_, pair) => !mdp.available.flat()[pair]);
    expect(absent.every((entry) => entry === -Infinity)).toBe(true);
  });
});

describe('solving', () => {
  test('gives the oracle’s Q, V and policy, and residuals that are the steps taken', async () => {
    const mdp = unevenMdp(5, 70, 5);
    const temperature = 0.7;
    const tabular = new TabularMdp(gpuOf(), tablesOf(mdp));
    const { q, value, policy, residuals } = await tabular.solve({ temperature });
    const optimal = optimalQ(mdp, temperature);
    expectClose(only(mdp, q), only(mdp, optimal.flat()), TRANSCENDENTAL);
    expectClose(value, softValues(mdp, optimal, temperature), TRANSCENDENTAL);
    expectClose(policy, boltzmannPolicy(mdp, optimal, temperature).flat(), TRANSCENDENTAL);

    const first = softBackup(
      mdp,
      mdp.rewards.map((row) => row.map(() => 0)),
      temperature,
    );
    const second = softBackup(mdp, first, temperature);
    const steps = [
      supNorm(only(mdp, first.flat())),
      supNorm(only(mdp, second.flat()), only(mdp, first.flat())),
    ];
    expectClose(residuals.slice(0, 2), steps, TRANSCENDENTAL);
    expect(residuals.at(-1)).toBeLessThanOrEqual(2 ** -21 * supNorm(only(mdp, q)));
    // -Infinity, where there is no action, may be handed back.
    const again = await tabular.solve({ temperature, initial: q, tolerance: 1e-3 });
    expect(again.residuals[0]).toBeLessThanOrEqual(1e-5);
  });

  test('gives the same numbers again, also when calls overlap', async () => {
    const tables = tablesOf(unevenMdp(6, 6, 3));
    const tabular = new TabularMdp(gpuOf(), tables);
    const apart = [await tabular.solve({ temperature: 1 }), await tabular.solve({ temperature: 30 })];
    const together = await Promise.all([
      tabular.solve({ temperature: 1 }),
      expect(tabular.solve({ temperature: -1 })).rejects.toThrow(UsageError),
      tabular.solve({ temperature: 30 }),
    ]);
    expect([together[0], together[2]]).toEqual(apart);
  });

  test('takes the residual over all pairs, more of them than a workgroup has invocations', async () => {
    const rewards = Array.from({ length: 300 }, (_, action) => -action);
    const bandit = { states: 1, actions: 300, transitions: rewards.map(() => 1), rewards, discount: 0 };
    const { residuals } = await new TabularMdp(gpuOf(), bandit).solve({ temperature: 1 });
    expect(residuals[0]).toBe(299);
  });

  test('ends where rounding keeps Q from standing still', async () => {
    // Two states that lead to each other: values 10 -+ a few units of the last place change places for ever,
    // because 0.9 times 4 units rounds to 4 units.
    const swap = { states: 2, actions: 1, transitions: [0, 1, 1, 0], rewards: [1, 1], discount: 0.9 };
    const unit = 2 ** -20;
    const initial = [10 - 4 * unit, 10 + 4 * unit];
    const options = { temperature: 1e-3, initial, tolerance: 1e-7 };
    const { q, residuals } = await new TabularMdp(gpuOf(), swap).solve(options);
    expect(residuals.at(-1)! / 10).toBeGreaterThan(options.tolerance);
    expect(residuals.at(-1)).toBeLessThanOrEqual(8 * unit);
    expectClose(q, [10, 10], 4e-7);
  });

  test('rows that sum to 1 only nearly are divided by their sums', async () => {
    const tables = { states: 1, actions: 1, rewards: [1], discount: 0.75 };
    const q = async (total: number) => {
      const tabular = new TabularMdp(gpuOf(), { ...tables, transitions: [total] });
      return (await tabular.solve({ temperature: 1 })).q[0];
    };
    expect(await q(1 - 9e-6)).toBe(await q(1));
  });

  test('a state that leads only to itself is worth its entropy, an end is worth nothing', async () => {
    const absorbing = { states: 1, actions: 2, transitions: [1, 1], rewards: [0, 0], discount: 0.75 };
    const looping = new TabularMdp(gpuOf(), absorbing);
    const [temperature, last] = [2, { terminates: [1, 1] }];
    const { value } = await looping.solve({ temperature });
    expectClose(value, [(temperature * Math.log(2)) / (1 - 0.75)], TRANSCENDENTAL);
    const ending = await new TabularMdp(gpuOf(), { ...absorbing, ...last }).solve({ temperature });
    expectClose(ending.q, [0, 0], 0);
    expectClose(ending.value, [temperature * Math.log(2)], TRANSCENDENTAL);
  });
});

describe('evaluating a policy (eq. 15 and 16)', () => {
  const temperature = 1.5;
  const mdp = unevenMdp(7, 9, 4);
  const draws = new Draws(8);
  const policy = mdp.available.map((row) => {
    const shares = randomDistribution(draws, row.filter(Boolean).length);
    return row.map((may) => (may ? shares.pop()! : 0));
  });

  test('solves the linear system, and Q is the sum of what follows, without the first entropy', async () => {
    const tabular = new TabularMdp(gpuOf(), tablesOf(mdp));
    const found = await tabular.evaluate(policy.flat(), { temperature });
    const values = policyValues(mdp, policy, temperature);
    expectClose(found.value, values, TRANSCENDENTAL);
    expectClose(only(mdp, found.q), only(mdp, qOf(mdp, values).flat()), TRANSCENDENTAL);
    // 0.8^120 is 2e-12 of what is left out.
    const summed = pathSum(mdp, policy, temperature, 120);
    expectClose(only(mdp, found.q), only(mdp, summed.flat()), TRANSCENDENTAL);
    const objective = policy.map(
      (row, s) => row.reduce((sum, p, a) => sum + p * summed[s]![a]!, 0) + temperature * entropy(row),
    );
    expectClose(found.value, objective, TRANSCENDENTAL);
    expectClose(found.policy, policy.flat(), LINEAR_ALGEBRA);
  });
});

test('policy iteration that never comes to rest ends with a sentence', async () => {
  // V is 0 under the first action and 2 under the second: policies that take turns move Q by 1 for ever.
  const choice = { states: 1, actions: 2, transitions: [1, 1], rewards: [0, 1], discount: 0.5 };
  const tabular = new TabularMdp(gpuOf(), choice);
  let turns = 0;
  tabular.boltzmann = () =>
    Promise.resolve({
      value: Float32Array.of(0),
      policy: turns++ % 2 === 0 ? Float32Array.of(0, 1) : Float32Array.of(1, 0),
    });
  const improved: number[] = [];
  const run = async () => {
    for await (const { q } of tabular.improve([1, 0], { temperature: 1 })) improved.push(Math.round(q[0]!));
  };
  await expect(run()).rejects.toThrow(/still moves Q by 1.00 in step 25, .* a tolerance above 4.7\d+e-7/);
  expect(improved.slice(0, 4)).toEqual([0, 1, 0, 1]);
});

describe('what is not a process is refused by', () => {
  const tables: MdpTables = {
    states: 2,
    actions: 2,
    transitions: [1, 0, 0, 1, 0.5, 0.5, 0.25, 0.75],
    rewards: [0, 1, 2, 3],
    discount: 0.9,
  };
  const transitions = (...row: number[]) => ({ transitions: [1, 0, 0, 1, 0.5, 0.5, ...row] });
  const at = 'in state 1 for action 1';

  test.each<[string, Partial<MdpTables>, string]>([
    ['a row that sums to more', transitions(0.3, 0.75), `The transition probabilities ${at} sum to 1.05`],
    [
      'a row that sums to 1.00002',
      transitions(0.25, 0.75002),
      `The transition probabilities ${at} sum to 1.0`,
    ],
    ['a negative probability', transitions(-0.25, 1.25), `${at} hold -0.25 at place 0`],
    ['a NaN', transitions(0.25, NaN), `${at} hold NaN at place 1`],
    [
      'too few transitions',
      { transitions: [1, 0] },
      '2 numbers were given, but (states, actions, states) needs 8',
    ],
    ['too many rewards', { rewards: [1, 2, 3, 4, 5] }, 'rewards: 5 numbers were given'],
    ['an infinite reward', { rewards: [0, 1, 2, -Infinity] }, `The reward ${at} is -Infinity`],
    ['a reward beyond float32', { rewards: [0, 1, 2, 1e39] }, `The reward ${at} is 1e+39`],
    ['an end above 1', { terminates: [0, 0, 0, 2] }, `'terminates' ${at} is 2`],
    ['a half available action', { available: [1, 1, 1, 0.5] }, `'available' ${at} is 0.5`],
    ['a state without actions', { available: [1, 1, 0, 0] }, 'No action is available in state 1'],
    ['a discount of 1', { discount: 1 }, 'The discount is 1;'],
    ['a discount that rounds to 1', { discount: 1 - 1e-9 }, 'The discount is 0.999999999;'],
    ['a negative discount', { discount: -0.1 }, 'The discount is -0.1;'],
    ['a NaN discount', { discount: NaN }, 'The discount is NaN;'],
    ['no states', { states: 0 }, 'The number of states is 0'],
    ['half an action', { actions: 1.5 }, 'The number of actions is 1.5'],
  ])('%s', (_, change, sentence) => {
    const make = () => new TabularMdp(gpuOf(), { ...tables, ...change });
    expect(make).toThrow(UsageError);
    expect(make).toThrow(sentence);
  });

  test('nothing, where a row is not read', async () => {
    const open = { ...tables, ...transitions(NaN, NaN) };
    const ends = new TabularMdp(gpuOf(), { ...open, terminates: [0, 0, 0, 1] });
    expect((await ends.solve({ temperature: 1 })).q[3]).toBe(3);
    const absent = new TabularMdp(gpuOf(), { ...open, rewards: [0, 1, 2, NaN], available: [1, 1, 1, 0] });
    expect((await absent.solve({ temperature: 1 })).policy.slice(2)).toEqual(Float32Array.of(1, 0));
  });

  test.each<[string, (mdp: TabularMdp) => Promise<unknown>, string]>([
    ['a temperature of 0', (mdp) => mdp.solve({ temperature: 0 }), 'The temperature is 0;'],
    ['a NaN temperature', (mdp) => mdp.solve({ temperature: NaN }), 'The temperature is NaN;'],
    ['a negative temperature', (mdp) => mdp.boltzmann([0, 0, 0, 0], -1), 'The temperature is -1;'],
    ['a tolerance of 0', (mdp) => mdp.solve({ temperature: 1, tolerance: 0 }), 'The tolerance is 0;'],
    ['a short Q', (mdp) => mdp.backup([0, 0], 1), 'Q: 2 numbers were given, but (states, actions) needs 4'],
    ['a NaN in Q', (mdp) => mdp.backup([0, 0, 0, NaN], 1), `Q ${at} is NaN`],
    [
      'a policy that is not a distribution',
      (mdp) => mdp.evaluate([0.5, 0.5, 0.5, 0.6], { temperature: 1 }),
      'The policy’s probabilities in state 1 sum to 1.1'.replace('’', "'"),
    ],
  ])('%s', async (_, call, sentence) => {
    const called = call(new TabularMdp(gpuOf(), tables));
    await expect(called).rejects.toThrow(UsageError);
    await expect(called).rejects.toThrow(sentence);
  });

  test('a policy that takes what is not there', async () => {
    const tabular = new TabularMdp(gpuOf(), { ...tables, available: [1, 1, 1, 0] });
    const evaluated = tabular.evaluate([0.5, 0.5, 0.5, 0.5], { temperature: 1 });
    await expect(evaluated).rejects.toThrow(`The policy ${at} is 0.5; it must be 0`);
  });

  test('values that leave float32', async () => {
    const huge = new TabularMdp(gpuOf(), { ...tables, rewards: [3e38, 3e38, 3e38, 3e38] });
    await expect(huge.solve({ temperature: 1 })).rejects.toThrow('leaves the range of float32');
  });
});
