// The multi-goal task of the paper's text, one environment at a time, in float64.
import { ACTION_LIMIT, clip, GOALS, POSITION_LIMIT } from './multigoal.ts';

/** Height of each Gaussian of the reward. */
export const GOAL_REWARD = 20;
/** Standard deviation of each Gaussian of the reward. */
export const GOAL_SPREAD = 1.7;
/** An episode is cut after this many steps; nothing else ends it. */
export const MAX_EPISODE_STEPS = 20;

/** The mixture at a position (2): the sum over goals g of 20 exp(-|p - g|^2 / (2 1.7^2)). */
export function mixtureReward(
  position: ArrayLike<number>,
  height = GOAL_REWARD,
  spread = GOAL_SPREAD,
): number {
  const terms = GOALS.map(([x, y]) => Math.hypot(position[0]! - x, position[1]! - y) / spread);
  return terms.reduce((sum, z) => sum + height * Math.exp(-0.5 * z ** 2), 0);
}

/** s' = clip(s + clip(a, +-1), +-7) and the mixture there. `state` and `action` are (2). */
export function stepState(
  state: ArrayLike<number>,
  action: ArrayLike<number>,
): { nextState: number[]; reward: number } {
  const nextState = [0, 1].map((d) => clip(state[d]! + clip(action[d]!, ACTION_LIMIT), POSITION_LIMIT));
  return { nextState, reward: mixtureReward(nextState) };
}
