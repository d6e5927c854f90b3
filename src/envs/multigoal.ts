import { UsageError } from '../gpu/errors.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';
import { registerEnvironment, type EnvParams, type Environment, type TaskPlane } from './environment.ts';

/** Where the four goals lie: right, left, up, down. */
export const MULTIGOAL_GOALS: readonly (readonly [number, number])[] = [
  [5, 0],
  [-5, 0],
  [0, 5],
  [0, -5],
];

/** What the goals are called, in their order. */
export const MULTIGOAL_OUTCOMES: readonly string[] = ['right', 'left', 'up', 'down'];

/** Half the side of the square in which the point moves. */
export const MULTIGOAL_BOUND = 7;

/**
 * The nine states at which policies are compared with the optimum: the origin, half-way to each goal, and between each
 * pair of neighbouring goals. At the origin alone the uniform policy would nearly pass for the optimum.
 */
export const MULTIGOAL_PROBES: readonly (readonly [number, number])[] = [
  [0, 0],
  [2.5, 0],
  [-2.5, 0],
  [0, 2.5],
  [0, -2.5],
  [2.5, 2.5],
  [-2.5, 2.5],
  [-2.5, -2.5],
  [2.5, -2.5],
];

/** Index of (2.5, 2.5) in `MULTIGOAL_PROBES`: where the optimum has two modes. */
export const DIAGONAL = MULTIGOAL_PROBES.findIndex(([x, y]) => x === 2.5 && y === 2.5);

/**
 * The states whose action plane Figure 1 of the paper shows (the released plotter's; the text says (-2, 0)): near one
 * goal, in the middle, and between two.
 */
export const FIGURE1_STATES: readonly (readonly [number, number])[] = [
  [-2.5, 0],
  [0, 0],
  [2.5, 2.5],
];

/** Distance from a goal at which an episode ends. */
export const MULTIGOAL_RADIUS = 1;

const WGSL = shaderSource('envs/multigoal.wgsl');

/** Goals that one world may have at most. */
export const MOST_GOALS = constantsOf(WGSL)['MOST_GOALS']!;

const defaults = {
  ...goalParams(MULTIGOAL_GOALS),
  bound: MULTIGOAL_BOUND,
  action_cost: 30,
  distance_cost: 1,
  goal_reward: 10,
  goal_radius: MULTIGOAL_RADIUS,
  noise: 0,
  start_spread: 0.1,
} satisfies EnvParams;

/** The 2-D multi-goal task with the constants of the released code; see `shaders/envs/multigoal.wgsl`. */
export const multigoal = registerEnvironment({
  name: 'multigoal',
  wgsl: WGSL,
  defaultParams: defaults,
  observesState: true,
  outcomes: MULTIGOAL_OUTCOMES,
  outcomeOf: goalReached,
  plane: planeOf(MULTIGOAL_GOALS),
});

/**
 * The same task with its goals elsewhere; they are called by their numbers, from 1 on.
 * @throws UsageError unless there are 1 to `MOST_GOALS` goals, all within the walls.
 */
export function multigoalWith(goals: readonly (readonly [number, number])[]): Environment {
  const within = goals.every((goal) => goal.every((at) => Math.abs(at) <= MULTIGOAL_BOUND));
  if (goals.length < 1 || goals.length > MOST_GOALS || !within) {
    throw new UsageError(
      `There must be 1 to ${MOST_GOALS} goals, each within ${MULTIGOAL_BOUND} of the middle in both directions.`,
    );
  }
  return {
    ...multigoal,
    defaultParams: { ...defaults, ...goalParams(goals) },
    outcomes: goals.map((_, i) => String(i + 1)),
    outcomeOf: (position) => goalWithin(MULTIGOAL_RADIUS, position, goals),
    plane: planeOf(goals),
  };
}

function goalParams(goals: readonly (readonly [number, number])[]) {
  return { goals: goals.flatMap(([x, y]) => [x, y, 0, 0]), goal_count: goals.length };
}

function planeOf(goals: readonly (readonly [number, number])[]): TaskPlane {
  return {
    bound: MULTIGOAL_BOUND,
    goals,
    goalRadius: MULTIGOAL_RADIUS,
    rewardAt: (x, y) => rewardAt(x, y, goals),
  };
}

/** The goal at which an episode has arrived at `position`, as an index of `MULTIGOAL_GOALS`, or null. */
export function goalReached(position: ArrayLike<number>): number | null {
  return goalWithin(MULTIGOAL_RADIUS, position);
}

/** The first goal less than `radius` from `position`, as an index of `goals`, or null. */
export function goalWithin(
  radius: number,
  position: ArrayLike<number>,
  goals = MULTIGOAL_GOALS,
): number | null {
  const index = goals.findIndex(([x, y]) => (position[0]! - x) ** 2 + (position[1]! - y) ** 2 < radius ** 2);
  return index < 0 ? null : index;
}

/** The reward of standing still at `position`: what the level curves of the world show. */
export function rewardAt(x: number, y: number, goals = MULTIGOAL_GOALS): number {
  const squared = Math.min(...goals.map(([gx, gy]) => (x - gx) ** 2 + (y - gy) ** 2));
  return -defaults.distance_cost * squared + (squared < MULTIGOAL_RADIUS ** 2 ? defaults.goal_reward : 0);
}
