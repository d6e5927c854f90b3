import { shaderSource } from '../gpu/shader.ts';
import { registerEnvironment, type EnvParams } from './environment.ts';
import { goalWithin, MULTIGOAL_BOUND, MULTIGOAL_GOALS, MULTIGOAL_OUTCOMES } from './multigoal.ts';

/**
 * The text gives neither weights nor widths of the mixture, nor termination. The spread is that of the only public
 * Gaussian version (which draws level curves). At its peak, 40 / (2 pi 1.7^2) = 2.2, a goal is worth 0.2 nats a step at
 * temperature 10 and the optimum does not mind it; at 20 the optimum's entropies at the three states of Figure 1 come
 * close to those of the released task, and 96 % of its episodes end within one spread of a goal.
 */
const defaults = {
  goals: MULTIGOAL_GOALS.flatMap(([x, y]) => [x, y, 0, 0]),
  goal_count: MULTIGOAL_GOALS.length,
  bound: MULTIGOAL_BOUND,
  goal_reward: 20,
  goal_spread: 1.7,
  noise: 0,
  start_spread: 0.1, // the released code's; the text says 'the origin'
} satisfies EnvParams;

/**
 * The multi-goal task of the paper's text: a mixture of Gaussians for a reward, no cost of actions, 20 steps; see
 * `shaders/envs/multigoal-paper.wgsl`. It never terminates: every step pays, so that an end at a goal would be a loss and
 * the optimum would circle around the goals. An episode counts for the goal within one spread of which it is cut.
 */
export const multigoalPaper = registerEnvironment({
  name: 'multigoal-paper',
  wgsl: shaderSource('envs/multigoal-paper.wgsl'),
  defaultParams: defaults,
  terminates: false,
  observesState: true,
  outcomes: MULTIGOAL_OUTCOMES,
  outcomeOf: (position) => goalWithin(defaults.goal_spread, position),
  plane: {
    bound: MULTIGOAL_BOUND,
    goals: MULTIGOAL_GOALS,
    goalRadius: defaults.goal_spread,
    rewardAt: mixtureRewardAt,
  },
});

/** The reward of being at a position: the mixture of Gaussians itself. */
function mixtureRewardAt(x: number, y: number): number {
  const { goal_reward, goal_spread } = defaults;
  return MULTIGOAL_GOALS.reduce(
    (sum, [gx, gy]) =>
      sum + goal_reward * Math.exp(-((x - gx) ** 2 + (y - gy) ** 2) / (2 * goal_spread ** 2)),
    0,
  );
}
