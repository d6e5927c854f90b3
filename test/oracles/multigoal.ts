// The multi-goal point mass, one environment at a time, in float64.

/** Positions of the four goals, (4, 2); `nearest` counts in this order. */
export const GOALS: readonly (readonly [number, number])[] = [
  [5, 0],
  [-5, 0],
  [0, 5],
  [0, -5],
];

/** Half the side of the box that holds the positions. */
export const POSITION_LIMIT = 7;
/** Half the side of the box that holds the actions. */
export const ACTION_LIMIT = 1;
/** Weight of |a|^2 in the reward. */
export const ACTION_COST = 30;
/** Weight of the squared distance to the nearest goal in the reward. */
export const DISTANCE_COST = 1;
/** Added to the reward on arrival. */
export const GOAL_REWARD = 10;
/** A goal is reached when the SQUARED distance falls below this. */
export const GOAL_THRESHOLD = 1;
/** Standard deviation of the first position. */
export const RESET_DEVIATION = 0.1;
/** An episode is cut, not terminated, after this many steps. */
export const MAX_EPISODE_STEPS = 30;

/** `value` within +-`limit`. */
export function clip(value: number, limit: number): number {
  return Math.min(Math.max(value, -limit), limit);
}

/** d2 = min_g |p - g|^2 and the goal g that attains it, the first of several. `position` is (2). */
export function nearestGoal(position: ArrayLike<number>): { index: number; squaredDistance: number } {
  let index = 0;
  let squaredDistance = Infinity;
  GOALS.forEach(([x, y], goal) => {
    const d2 = (position[0]! - x) ** 2 + (position[1]! - y) ** 2;
    if (d2 < squaredDistance) {
      index = goal;
      squaredDistance = d2;
    }
  });
  return { index, squaredDistance };
}

/** s0 = clip(0.1 noise, +-7). `noise` is (2), standard normal; the result is (2). */
export function resetState(noise: ArrayLike<number>): number[] {
  return [
    clip(RESET_DEVIATION * noise[0]!, POSITION_LIMIT),
    clip(RESET_DEVIATION * noise[1]!, POSITION_LIMIT),
  ];
}

/** The reward of coming to rest at a position without an action: -d2 + 10 [d2 < 1]. Its level curves are figure 1, left. */
export function levelReward(position: ArrayLike<number>): number {
  const { squaredDistance } = nearestGoal(position);
  return -DISTANCE_COST * squaredDistance + (squaredDistance < GOAL_THRESHOLD ? GOAL_REWARD : 0);
}

/** What one step gives; `nextState` is (2), `nearest` indexes {@link GOALS}. */
export interface MultiGoalStep {
  nextState: number[];
  reward: number;
  terminated: boolean;
  nearest: number;
}

/**
 * s' = clip(s + clip(a, +-1) + sigma noise, +-7), d2 = min_g |s' - g|^2,
 * r = -30 |clip(a, +-1)|^2 - d2 + 10 [d2 < 1], terminated = [d2 < 1].
 *
 * `state`, `action` and `noise` (standard normal) are (2).
 */
export function stepState(
  state: ArrayLike<number>,
  action: ArrayLike<number>,
  noise: ArrayLike<number> = [0, 0],
  sigma = 0,
): MultiGoalStep {
  const move = [clip(action[0]!, ACTION_LIMIT), clip(action[1]!, ACTION_LIMIT)];
  const nextState = move.map((value, d) => clip(state[d]! + value + sigma * noise[d]!, POSITION_LIMIT));
  const { index, squaredDistance } = nearestGoal(nextState);
  const reward = -ACTION_COST * (move[0]! ** 2 + move[1]! ** 2) + levelReward(nextState);
  return { nextState, reward, terminated: squaredDistance < GOAL_THRESHOLD, nearest: index };
}
