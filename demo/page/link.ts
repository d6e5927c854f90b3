import {
  DEFAULTS,
  FIGURE1_STATES,
  flagOf,
  MOST_GOALS,
  MULTIGOAL_BOUND,
  MULTIGOAL_GOALS,
  parseSetting,
  resolveConfig,
  type Config,
} from '../../src/index.ts';
import type { Point, Settings } from '../protocol.ts';
import { ALGORITHM_NAMES } from '../words.ts';
import { areDefaultGoals } from './goals.ts';

/** What a link to the page says: the run's settings, where its goals are, what is looked at, and beside whom it learns. */
export interface Shared {
  /** What was chosen; the preset fills up the rest. */
  readonly settings: Settings;
  readonly goals: readonly Point[];
  readonly look: Point;
  /** The algorithm of a second learner; null without one. */
  readonly compare: Config['algorithm'] | null;
}

/** Figure 1's diagonal state is where a page starts: two modes say more than one or four. */
export const START: Shared = {
  settings: {},
  goals: MULTIGOAL_GOALS,
  look: FIGURE1_STATES[2]!,
  compare: null,
};

const TASK = 'multigoal';
const GOALS = 'goals';
const LOOK = 'look';
const COMPARE = 'compare';

/** The settings as names and texts, preset and algorithm first, the way flags and links write them. */
function written(settings: Settings): [string, string][] {
  const order = Object.keys(DEFAULTS);
  return Object.entries(settings)
    .filter(([key]) => key !== 'environment')
    .sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))
    .map(([key, value]) => [flagOf(key), Array.isArray(value) ? value.join(',') : String(value)]);
}

/** The part of the address after `#`; empty for a page as it comes. */
export function hashOf({ settings, goals, look, compare }: Shared): string {
  const parts = written(settings);
  if (!areDefaultGoals(goals)) parts.push([GOALS, goals.map((goal) => goal.join(',')).join(';')]);
  if (look.join() !== START.look.join()) parts.push([LOOK, look.join(',')]);
  if (compare) parts.push([COMPARE, compare]);
  // Commas, semicolons and minus signs may stand in a fragment as they are: a link stays readable.
  return parts
    .map(([name, text]) => `${name}=${encodeURIComponent(text).replace(/%2C/g, ',').replace(/%3B/g, ';')}`)
    .join('&');
}

/**
 * What a link's hash says. One that does not fit gives the page as it comes, and `problem`: one sentence that says what
 * is wrong with it.
 */
export function readHash(hash: string): Shared & { readonly problem: string | null } {
  try {
    return { ...parse(hash.replace(/^#/, '')), problem: null };
  } catch (error) {
    return {
      ...START,
      problem: `This link does not fit, so the defaults are used instead. ${(error as Error).message}`,
    };
  }
}

function parse(hash: string): Shared {
  const settings: Record<string, unknown> = {};
  let { goals, look, compare } = START;
  for (const [name, text] of new URLSearchParams(hash)) {
    if (name === GOALS) goals = text.split(';').map((pair) => point(pair, GOALS));
    else if (name === LOOK) look = point(text, LOOK);
    else if (name === COMPARE) compare = algorithmOf(text);
    else settings[keyOf(name)] = parseSetting(keyOf(name), text);
  }
  if (goals.length > MOST_GOALS)
    throw new Error(`It names ${goals.length} goals; there may be ${MOST_GOALS}.`);
  const { environment, algorithm } = resolveConfig(settings);
  if (environment !== TASK) throw new Error(`It names the task '${environment}'; the page shows ${TASK}.`);
  if (compare === algorithm) throw new Error(`It compares ${compare} with itself.`);
  return { settings: settings, goals, look, compare };
}

function keyOf(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function numberOf(text: string): number | string {
  const value = Number(text);
  return text.trim() === '' || Number.isNaN(value) ? text : value;
}

function algorithmOf(text: string): Config['algorithm'] {
  if (!Object.hasOwn(ALGORITHM_NAMES, text)) {
    throw new Error(`'${COMPARE}' must be one of ${Object.keys(ALGORITHM_NAMES).join(', ')}, not '${text}'.`);
  }
  return text as Config['algorithm'];
}

function point(text: string, name: string): Point {
  const [x, y, ...rest] = text.split(',').map(numberOf);
  const inside = (value: unknown) => typeof value === 'number' && Math.abs(value) <= MULTIGOAL_BOUND;
  if (rest.length > 0 || !inside(x) || !inside(y)) {
    throw new Error(
      `'${name}' must hold positions such as 2.5,-1 between -${MULTIGOAL_BOUND} and ${MULTIGOAL_BOUND}, not '${text}'.`,
    );
  }
  return [x as number, y as number];
}

/** The command that repeats a run without a browser. */
export function commandLine(settings: Settings): string {
  return ['npx softq train', TASK, ...written(settings).flatMap(([name, text]) => [`--${name}`, text])].join(
    ' ',
  );
}
