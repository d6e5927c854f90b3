import type { Clock } from '../gpu/clock.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Dispatch, Program } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';

const STREAMS = constantsOf(shaderSource('common/random.wgsl'));

/** What random numbers are for; each use has a stream of its own. */
export type NoiseUse = 'act' | 'particles' | 'proposal' | 'proposal-policy' | 'evaluation';

/** States to draw actions for, and how many for each. */
export interface DrawOptions {
  /** (R, states, S) */
  readonly observation: Tensor;
  readonly states: number;
  readonly particles: number;
  readonly use: NoiseUse;
}

/** Where a draw's randomness comes from: an evaluation has a clock and seeds of its own. */
export interface NoiseSource {
  readonly clock: Clock;
  /** (R) u32 */
  readonly seeds: Tensor;
}

/** Actions of a policy before the squash, and the program that draws them. */
export interface Draw {
  /** u, where a = tanh u: (R, particles, states, padded(A)) */
  readonly preTanh: Tensor;
  readonly program: Program;
}

/** Anything that draws actions a = tanh u in [-1, 1]^A given observations: a network with noise, a density, a map. */
export interface Policy {
  readonly spec: {
    readonly observationSize: number;
    readonly actionSize: number;
    /** R */
    readonly members: number;
  };
  /** Where the randomness of a draw comes from unless it is told otherwise: the learner's own. */
  readonly source: NoiseSource;
  /**
   * `particles` draws for each of the `states` rows of `observation`. The noise of 'act' and 'evaluation' changes with
   * the iteration, that of the others with the update.
   */
  draw(label: string, options: DrawOptions, source?: NoiseSource): Draw;
  /** Acting in one dispatch, where the policy has such a kernel on this device: `act` of a draw with one particle. */
  act?(options: ActOptions): Dispatch | null;
}

/** Environments to act in. */
export interface ActOptions {
  /** (R, E, S) */
  readonly observation: Tensor;
  /** Gets a = tanh u, (R, E, A). */
  readonly action: Tensor;
  /** The first so many get uniform actions instead. */
  readonly randomEnvironments: number;
}

/** The Params fields that say which stream of noise a draw takes, and by which counter it changes. */
export function noiseParams(use: NoiseUse): { stream: number; of_iteration: number } {
  const ofIteration = use === 'act' || use === 'evaluation';
  return { stream: constantFor(STREAMS, `stream-${use}`), of_iteration: ofIteration ? 1 : 0 };
}

/**
 * Rows [s, xi] for a network, xi ~ N(0, I) of `latentSize` (0: the states alone): `rows` (R, particles * states,
 * padded(S + latentSize)), particle-major.
 */
export function drawNoise(
  gpu: Gpu,
  label: string,
  rows: Tensor,
  options: DrawOptions & { readonly observationSize: number; readonly latentSize: number },
  { clock, seeds }: NoiseSource,
): Dispatch {
  const { observation, states, particles, use, observationSize, latentSize } = options;
  return gpu.kernel('rl/sampling_input.wgsl').bind(
    { clock: clock.tensor, seeds, observation, rows },
    {
      threads: [states * particles, seeds.size],
      params: {
        states,
        rows: states * particles,
        observation_size: observationSize,
        latent_size: latentSize,
        stride: padded(observationSize + latentSize),
        ...noiseParams(use),
      },
      label,
    },
  );
}

/** The particles of a draw, and where the first `criticParticles` of each state go as rows for the critic. */
export interface SquashOptions {
  /** u, (R, particles, states, padded(A)) */
  readonly preTanh: Tensor;
  /** (R, states, S) */
  readonly observation: Tensor;
  readonly states: number;
  readonly particles: number;
  /** Rows [s, a], (R, criticParticles, states, padded(S + A)). */
  readonly stateAction: Tensor;
  readonly criticParticles: number;
}

/** a = tanh u for every particle, in a tensor like `preTanh`, and the critic's rows [s, a] of the first ones. */
export function squash(
  gpu: Gpu,
  label: string,
  { observationSize, actionSize, members }: Policy['spec'],
  options: SquashOptions,
): { readonly actions: Tensor; readonly dispatch: Dispatch } {
  const { preTanh, observation, states, particles, stateAction, criticParticles } = options;
  const actions = gpu.tensor(`${label}.actions`, preTanh.shape);
  const dispatch = gpu.kernel('rl/squash_particles.wgsl').bind(
    { pre_tanh: preTanh, observation, actions, state_action: stateAction },
    {
      threads: [states * particles, members],
      params: {
        states,
        critic_particles: criticParticles,
        particles,
        observation_size: observationSize,
        action_size: actionSize,
        stride: padded(actionSize),
        row_stride: padded(observationSize + actionSize),
      },
      label: `${label}.squash`,
    },
  );
  return { actions, dispatch };
}
