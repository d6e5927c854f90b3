import { describe, expect, test } from 'vitest';
import { commandLine, hashOf, readHash, START, type Shared } from '../../demo/page/link.ts';

describe('a link', () => {
  test.each<[string, Shared]>([
    ['as the page comes', START],
    ['a preset and a seed', { ...START, settings: { preset: 'sharp', seed: 7 } }],
    [
      'numbers, words, truth values, lists and null',
      {
        ...START,
        settings: {
          seed: 4294967295,
          temperature: 12.5,
          repulsion: false,
          hidden: [32, 48],
          finalTemperature: null,
          stein: 'raw',
        },
      },
    ],
    ['a second learner', { ...START, settings: { algorithm: 'sac' }, compare: 'soft-q' }],
    [
      'goals and the state that is looked at',
      {
        settings: {},
        goals: [
          [5, -0.25],
          [-6.5, 7],
        ],
        look: [0, -2.5],
        compare: null,
      },
    ],
  ])('says %s, and is read back', (_, shared) => {
    expect(readHash(`#${hashOf(shared)}`)).toEqual({ ...shared, problem: null });
  });

  test('is empty for the page as it comes, and readable otherwise', () => {
    expect(hashOf(START)).toBe('');
    expect(
      hashOf({
        settings: { seed: 3, preset: 'tiny' },
        goals: [
          [1, 2],
          [-3, 0.5],
        ],
        look: [0, 0],
        compare: 'sac',
      }),
    ).toBe('preset=tiny&seed=3&goals=1,2;-3,0.5&look=0,0&compare=sac');
  });

  test.each<[string, string, RegExp]>([
    ['a setting that does not exist', 'tempreature=3', /no setting 'tempreature'/],
    ['a number out of range', 'seed=-1', /--seed must be at least 0, not -1/],
    ['a word for a number', 'environments=many', /--environments must be a number, not many/],
    ['an empty number', 'seed=', /--seed must be a number/],
    ['a preset that does not exist', 'preset=best', /no preset 'best'/],
    ['a setting of another algorithm', 'algorithm=ddpg&stein=raw', /--stein does nothing/],
    ['another task', 'environment=multigoal-paper', /the page shows multigoal/],
    ['a goal outside the walls', 'goals=5,0;9,0', /'goals' must hold positions/],
    ['half a position', 'look=1', /'look' must hold positions/],
    ['a position of three numbers', 'look=1,2,3', /'look' must hold positions/],
    [
      'a second learner that there is not',
      'compare=dqn',
      /'compare' must be one of soft-q, sac, ddpg, not 'dqn'/,
    ],
    ['a learner beside itself', 'algorithm=ddpg&compare=ddpg', /compares ddpg with itself/],
    ['no goal at all', 'goals=', /'goals' must hold positions/],
    ['too many goals', `goals=${new Array(9).fill('1,1').join(';')}`, /9 goals; there may be 8/],
  ])('with %s gives the defaults and says why', (_, hash, why) => {
    const { problem, ...shared } = readHash(`#${hash}`);
    expect(shared).toEqual(START);
    expect(problem).toMatch(/^This link does not fit, so the defaults are used instead\. /);
    expect(problem).toMatch(why);
  });
});

test('the command has every setting that was chosen, as the command line writes it', () => {
  expect(commandLine({})).toBe('npx softq train multigoal');
  expect(
    commandLine({ seed: 3, preset: 'sharp', repulsion: false, hidden: [32, 48], finalTemperature: null }),
  ).toBe(
    'npx softq train multigoal --preset sharp --seed 3 --final-temperature null --hidden 32,48 --repulsion false',
  );
});
