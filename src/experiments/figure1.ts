import { MULTIGOAL_BOUND, MULTIGOAL_GOALS, MULTIGOAL_RADIUS, rewardAt } from '../envs/multigoal.ts';
import { figure1, type Figure1Data } from '../report/figure1.ts';
import type { Config } from '../train/config.ts';
import type { Evaluation, Evaluator, Rollout } from '../train/evaluator.ts';

/** The states whose action plane Figure 1 of the paper shows (the released plotter's; the text says (-2, 0)). */
export const FIGURE1_STATES: readonly (readonly [number, number])[] = [
  [-2.5, 0],
  [0, 0],
  [2.5, 2.5],
];

const REWARD_GRID = 141;
const ACTION_GRID = 51;
const ACTIONS_PER_STATE = 100;
const TRAJECTORIES = 60;

/**
 * The paper's Figure 1 for a trained policy, as an SVG text: trajectories over the reward's level curves, and the
 * soft Q-function over the actions of three states with actions sampled there.
 */
export async function drawFigure1(
  evaluator: Evaluator,
  run: {
    readonly name: string;
    readonly config: Config;
    /** How many the policy has had, which an interrupted run's configuration does not tell. */
    readonly updates: number;
    readonly temperature: number;
    readonly rollouts: readonly Rollout[];
    readonly evaluation: Evaluation;
  },
  document: Document,
): Promise<string> {
  const { name, config, updates, temperature, rollouts, evaluation } = run;
  const actions = await evaluator.actionsAt(FIGURE1_STATES, ACTIONS_PER_STATE);
  const grid = range(ACTION_GRID, 1).flatMap((y) => range(ACTION_GRID, 1).map((x) => [x, y]));
  const panels: Figure1Data['panels'] = [];
  for (const [i, state] of FIGURE1_STATES.entries()) {
    const rows = grid.map((action) => [...state, ...action]);
    const values = await evaluator.valuesAt(rows, config.rewardScale);
    panels.push({
      state: [...state],
      q: { size: ACTION_GRID, values },
      actions: distinct(actions[i]! as [number, number][]),
    });
  }
  const axis = range(REWARD_GRID, MULTIGOAL_BOUND);
  const shares = evaluation.outcomeShares.map((share) => `${(100 * share).toFixed(0)} %`).join(', ');
  return figure1(
    {
      title: `${learnerOf(config)} on the multi-goal task`,
      caption:
        `${name}: ${updates} updates, seed ${config.seed}. Success ${(100 * evaluation.success).toFixed(1)} % of ` +
        `${evaluation.rollouts} rollouts (${TRAJECTORIES} drawn); goals right, left, up, down: ${shares}; mean return ` +
        `${evaluation.meanReturn.toFixed(0)}.`,
      temperature,
      world: {
        low: -MULTIGOAL_BOUND,
        high: MULTIGOAL_BOUND,
        goals: MULTIGOAL_GOALS.map(([x, y]) => [x, y]),
        goalRadius: MULTIGOAL_RADIUS,
        reward: { size: REWARD_GRID, values: axis.flatMap((y) => axis.map((x) => rewardAt(x, y))) },
      },
      trajectories: rollouts.slice(0, TRAJECTORIES).map(({ observations, outcome }) => ({
        positions: observations as [number, number][],
        goal: outcome,
      })),
      panels,
    },
    document,
  );
}

function learnerOf({ algorithm, mixtureComponents }: Config): string {
  switch (algorithm) {
    case 'soft-q':
      return 'Soft Q-learning';
    case 'sac':
      return mixtureComponents === 1
        ? 'Soft actor-critic'
        : `Soft actor-critic with a mixture of ${mixtureComponents} Gaussians`;
    case 'ddpg':
      return 'Deep deterministic policy gradient';
  }
}

/** A deterministic policy draws one action however often it is asked. */
function distinct(actions: readonly [number, number][]): [number, number][] {
  return [...new Map(actions.map((action) => [action.join(), action])).values()];
}

/** `size` evenly spaced numbers from -bound to bound. */
function range(size: number, bound: number): number[] {
  return Array.from({ length: size }, (_, i) => -bound + (2 * bound * i) / (size - 1));
}
