import {
  criticError,
  referencePairs,
  type CriticError,
  type EnvironmentModel,
} from '../exact/critic-error.ts';
import { energyDivergence, klToOptimum, samplerError, type Divergence } from '../exact/divergence.ts';
import { nearestNeighbourEntropy } from '../exact/entropy.ts';
import type { Optimum } from '../exact/optimum.ts';
import { actionQuadrature } from '../exact/quadrature.ts';
import { energyDistance, slicedWasserstein1 } from '../exact/sample-distance.ts';
import { gapVisits, softReturnGap, type SoftReturnGap } from '../exact/soft-return-gap.ts';
import { random } from '../gpu/random.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';
import type { Evaluator, Rollout } from './evaluator.ts';

const STREAM_OPTIMUM = constantsOf(shaderSource('common/random.wgsl'))['STREAM_OPTIMUM']!;

/** Steps after which an episode of the gap is cut: a policy that arrives has done so long before. */
export const LONGEST_EPISODE = 300;
/** Rollouts behind the soft-return gap. */
export const GAP_ROLLOUTS = 200;

/** Draws behind each kind of distance. */
const SAMPLES = { divergence: 800, distance: 400, gap: 128, entropy: 128 } as const;
/** States behind the policy's entropy, evenly spread over its rollouts. */
const ENTROPY_STATES = 64;
/** Most visited states behind the gap; of longer rollouts a part is looked at, without bias. */
const MOST_VISITS = 4000;
/** Numbers of the noise of `Evaluator.actionsAt`, so that no two distances share draws. */
const DRAW = { entropy: 1, probes: 2, gap: 3 } as const;

/** What the distances ask of a policy and its critic. */
export type Probe = Pick<Evaluator, 'actionsAt' | 'valuesAt'>;

/** A sample's distance from pi* at every probe state, and their mean. */
export interface ProbeDistance {
  readonly mean: number;
  readonly atProbes: readonly number[];
}

/** How far a learned policy and its critic lie from the exact optimum. Everything in nats unless it says otherwise. */
export interface GroundTruth {
  /** alpha at which the optimum was solved: the policy's own. */
  readonly temperature: number;
  /** Q against Q* at the state-action pairs of pi*. */
  readonly critic: CriticError;
  /** KL(exp((Q - V) / alpha) || pi*) by quadrature, mean over the probes: the policy that the critic asks for. */
  readonly criticPolicy: Divergence;
  /** KL(pi || exp((Q - V) / alpha)), mean over the probes: the sampler's own error, the critic taken for true. */
  readonly sampler: Divergence;
  /** KL(pi || pi*) at each probe, the first being the origin. */
  readonly divergence: readonly Divergence[];
  /** In units of the action. */
  readonly slicedWasserstein: ProbeDistance;
  /** In units of the action. */
  readonly energyDistance: ProbeDistance;
  /** Mean entropy of the policy at states that it visits, and of pi* at the same states. */
  readonly entropy: { readonly policy: number; readonly optimum: number };
  readonly gap: SoftReturnGap;
}

/** What `compareWithOptimum` needs besides the policy. */
export interface GroundTruthOptions {
  readonly optimum: Optimum;
  /** The task's dynamics, in which pi* is rolled out for the critic's error. */
  readonly model: EnvironmentModel;
  /** The states at which densities are compared, the origin first. */
  readonly probes: readonly (readonly number[])[];
  /** Episodes of the policy followed to `LONGEST_EPISODE`. */
  readonly trajectories: readonly Rollout[];
  /** The networks' units: Q is read in raw reward units. */
  readonly rewardScale: number;
  readonly seed: number;
}

/** Every distance of the evaluator's policy and critic from the exact optimum. */
export async function compareWithOptimum(
  evaluator: Probe,
  options: GroundTruthOptions,
): Promise<GroundTruth> {
  const { optimum, model, probes, trajectories, rewardScale, seed } = options;
  const { states, actions } = referencePairs(optimum, model, { seed });
  const learned = await evaluator.valuesAt(rowsOf(states, actions), rewardScale);
  const exact = states.map((state, i) => optimum.qAt(state, actions[i]!));

  const drawn = await evaluator.actionsAt(probes, SAMPLES.divergence, DRAW.probes);
  const densities = await probeDensities(evaluator, options, drawn);
  const distance = (between: (a: number[][], b: number[][]) => number): ProbeDistance => {
    const atProbes = probes.map((state, i) =>
      between(
        drawn[i]!.slice(0, SAMPLES.distance),
        optimum.sampleAt(state, SAMPLES.distance, random(seed, STREAM_OPTIMUM, 0, i)[0]),
      ),
    );
    return { mean: mean(atProbes), atProbes };
  };
  return {
    temperature: optimum.temperature,
    critic: criticError(learned, exact, optimum.temperature),
    ...densities,
    divergence: probes.map((state, i) => klToOptimum(drawn[i]!, optimum, state)),
    slicedWasserstein: distance((a, b) => slicedWasserstein1(a, b)),
    energyDistance: distance(energyDistance),
    entropy: await visitedEntropy(evaluator, optimum, trajectories),
    gap: await gapOf(evaluator, options),
  };
}

/** Mean entropy of the policy at states spread over its rollouts, and of pi* there. */
async function visitedEntropy(
  evaluator: Probe,
  optimum: Optimum,
  rollouts: readonly Rollout[],
): Promise<GroundTruth['entropy']> {
  const states = visitedStates(rollouts, ENTROPY_STATES);
  return {
    policy: await policyEntropy(evaluator, states),
    optimum: mean(states.map((state) => optimum.entropyAt(state))),
  };
}

/** Mean entropy in nats of the evaluator's policy over `states`, by nearest neighbours among 128 actions at each. */
export async function policyEntropy(
  evaluator: Probe,
  states: readonly (readonly number[])[],
): Promise<number> {
  const actions = await evaluator.actionsAt(states, SAMPLES.entropy, DRAW.entropy);
  return mean(actions.map((points) => nearestNeighbourEntropy(points).nats));
}

/** `count` states evenly spread over all that the rollouts' policy acted in. */
export function visitedStates(rollouts: readonly Rollout[], count: number): readonly (readonly number[])[] {
  // The last observation of an episode is not one that the policy acts in.
  const visited = rollouts.flatMap(({ observations }) => observations.slice(0, -1));
  return Array.from({ length: count }, (_, i) => visited[Math.floor((i * visited.length) / count)]!);
}

/** The two halves of the policy's error at the probes: what the critic asks for, and what the sampler makes of it. */
async function probeDensities(
  evaluator: Probe,
  { optimum, probes, rewardScale }: GroundTruthOptions,
  drawn: readonly (readonly (readonly number[])[])[],
): Promise<Pick<GroundTruth, 'criticPolicy' | 'sampler'>> {
  const { actions: grid, weights } = actionQuadrature(drawn[0]![0]!.length);
  const { temperature } = optimum;
  const sampler: Divergence[] = [];
  const critic: number[] = [];
  for (const [i, state] of probes.entries()) {
    const actions = drawn[i]!;
    const all = await evaluator.valuesAt(rowsOf([state], [...grid, ...actions]), rewardScale);
    const gridValues = all.slice(0, grid.length);
    sampler.push(samplerError({ actions, values: all.slice(grid.length), gridValues }, weights, temperature));
    const logDensities = grid.map((action) => optimum.logDensityAt(state, action));
    critic.push(energyDivergence(gridValues, logDensities, weights, temperature));
  }
  return {
    criticPolicy: { nats: mean(critic), lowerBound: false },
    sampler: meanDivergence(sampler),
  };
}

/** The soft-return gap along the policy's own trajectories. */
async function gapOf(
  evaluator: Probe,
  { optimum, trajectories, seed }: GroundTruthOptions,
): Promise<SoftReturnGap> {
  const steps = trajectories.reduce((sum, { length }) => sum + length, 0);
  const every = Math.max(1, Math.ceil(steps / MOST_VISITS));
  const visits = gapVisits(trajectories, { discount: optimum.discount, every, seed });
  const actions = await evaluator.actionsAt(
    visits.map(({ state }) => state),
    SAMPLES.gap,
    DRAW.gap,
  );
  const divergences = visits.map(({ state }, i) => klToOptimum(actions[i]!, optimum, state));
  return softReturnGap(trajectories, visits, divergences);
}

/** Rows [s, a], one for each action; a single state goes with all of them. */
function rowsOf(states: readonly (readonly number[])[], actions: readonly (readonly number[])[]): number[][] {
  return actions.map((action, i) => [...(states[i] ?? states[0]!), ...action]);
}

function meanDivergence(divergences: readonly Divergence[]): Divergence {
  return {
    nats: mean(divergences.map(({ nats }) => nats)),
    lowerBound: divergences.some(({ lowerBound }) => lowerBound),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
