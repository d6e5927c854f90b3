import { environmentOf } from '../envs/environment.ts';
import { FIGURE1_STATES } from '../envs/multigoal.ts';
import { klToOptimum } from '../exact/divergence.ts';
import type { Optimum } from '../exact/optimum.ts';
import { actionQuadrature, logPartition } from '../exact/quadrature.ts';
import { UsageError } from '../gpu/errors.ts';
import { formatNumber } from '../report/sheet.ts';
import { figure1, type Figure1Data } from '../report/figure1.ts';
import type { Config } from '../train/config.ts';
import type { Evaluation, Evaluator, Rollout } from '../train/evaluator.ts';

const REWARD_GRID = 141;
const ACTION_GRID = 51;
const ACTIONS_PER_STATE = 100;
/** Actions behind a divergence, whose standard error is then about 0.04 nats; the first of them are drawn. */
const ACTIONS_PER_DIVERGENCE = 800;
const TRAJECTORIES = 60;

/**
 * The paper's Figure 1 for a trained policy, as an SVG text: trajectories over the reward's level curves, and the
 * soft Q-function over the actions of three states with actions sampled there; below it the same of the exact optimum,
 * and how far the policy is from it, where `optimum` is given.
 * @throws UsageError for an environment that is not a task in the plane.
 */
export async function drawFigure1(
  evaluator: Pick<Evaluator, 'actionsAt' | 'valuesAt'>,
  run: {
    readonly name: string;
    readonly config: Config;
    /** How many the policy has had, which an interrupted run's configuration does not tell. */
    readonly updates: number;
    readonly temperature: number;
    readonly rollouts: readonly Rollout[];
    readonly evaluation: Evaluation;
    readonly optimum: Optimum | undefined;
  },
  document: Document,
): Promise<string> {
  const { name, config, updates, temperature, rollouts, evaluation, optimum } = run;
  const { plane, outcomes = [] } = environmentOf(config.environment);
  if (!plane) throw new UsageError(`Figure 1 shows tasks in the plane, and '${config.environment}' is none.`);
  const actions = await evaluator.actionsAt(FIGURE1_STATES, ACTIONS_PER_DIVERGENCE);
  const grid = range(ACTION_GRID, 1).flatMap((y) => range(ACTION_GRID, 1).map((x) => [x, y]));
  const quadrature = actionQuadrature(2);
  const panels: Figure1Data['panels'] = [];
  for (const [i, state] of FIGURE1_STATES.entries()) {
    const rows = [...grid, ...quadrature.actions].map((action) => [...state, ...action]);
    const nats = (await evaluator.valuesAt(rows, config.rewardScale)).map((q) => q / temperature);
    const value = logPartition(nats.slice(grid.length), quadrature.weights);
    const plane = (logDensity: number[], drawn: number[][]) => ({
      logDensity: { size: ACTION_GRID, values: logDensity },
      actions: distinct(drawn.slice(0, ACTIONS_PER_STATE) as [number, number][]),
    });
    panels.push({
      state: [...state],
      learned: plane(
        nats.slice(0, grid.length).map((q) => q - value),
        actions[i]!,
      ),
      ...(optimum && {
        exact: {
          ...plane(
            grid.map((action) => optimum.logDensityAt(state, action)),
            optimum.sampleAt(state, ACTIONS_PER_STATE, config.seed),
          ),
          divergence: klToOptimum(actions[i]!, optimum, state),
        },
      }),
    });
  }
  const axis = range(REWARD_GRID, plane.bound);
  const shares = evaluation.outcomeShares.map((share) => `${(100 * share).toFixed(0)} %`).join(', ');
  return figure1(
    {
      title: `${learnerOf(config)} on the multi-goal task`,
      caption:
        `${name}: ${updates} updates, seed ${config.seed}. Success ${(100 * evaluation.success).toFixed(1)} % of ` +
        `${evaluation.rollouts} rollouts (${TRAJECTORIES} drawn); goals ${outcomes.join(', ')}: ${shares}; mean return ` +
        `${formatNumber(evaluation.meanReturn, 0)}. \u03b1 = ${formatNumber(temperature, 4)}.`,
      world: {
        low: -plane.bound,
        high: plane.bound,
        goals: plane.goals.map(([x, y]) => [x, y]),
        goalRadius: plane.goalRadius,
        reward: { size: REWARD_GRID, values: axis.flatMap((y) => axis.map((x) => plane.rewardAt(x, y))) },
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
