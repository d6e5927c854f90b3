import type { Clock } from '../gpu/clock.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';

/** What the noise of a draw is for; each use has a stream of random numbers of its own. */
export type NoiseUse = 'act' | 'particles' | 'proposal-policy' | 'evaluation';

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
  /**
   * `particles` draws for each of the `states` rows of `observation`. The noise of 'act' and 'evaluation' changes with
   * the iteration, that of the others with the update; `source` is the learner's own by default.
   */
  draw(label: string, options: DrawOptions, source?: NoiseSource): Draw;
}
