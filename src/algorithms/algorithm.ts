import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { NamedArray } from '../nn/parameters.ts';

/** A scalar to report: the mean of `count` numbers of `tensor` per member, `stride` apart, from `first` on. */
export interface Metric {
  /** CleanRL-style, e.g. `losses/critic_loss`. */
  readonly name: string;
  readonly tensor: Tensor;
  readonly first: number;
  readonly count: number;
  readonly stride: number;
  /** Floats between one member's numbers and the next's. */
  readonly memberStride: number;
  /** The reported number is the mean times this, e.g. to undo reward scaling. */
  readonly factor: number;
  /** Another metric of the same read-out to divide by: the share of numbers that count. */
  readonly per?: string;
}

/** Which kind of gradient step: the critic alone in the critic-first phase, or both networks. */
export type UpdatePhase = 'critic' | 'both';

/** A learner: programs to act and to update, over tensors that it owns. It knows an EnvSpec, never an environment. */
export interface Algorithm {
  /** (R, E, actionSize): what the environments do next. */
  readonly action: Tensor;
  /** Fills `action` by the policy, or uniformly at random in warm-up. */
  readonly act: { readonly policy: Program; readonly random: Program };
  /** One gradient step. */
  readonly update: Readonly<Record<UpdatePhase, Program>>;
  readonly metrics: readonly Metric[];
  /** Draws the initial parameters from each member's seed. */
  initialise(seeds: readonly number[]): Promise<void>;
  /** Networks, their moments and the temperature: what an update changes, by name, in logical shapes. */
  state(): Promise<NamedArray[]>;
  /**
   * Puts back what `state` gave.
   * @throws Error if an array is missing or has another size.
   */
  restore(arrays: ReadonlyMap<string, Float32Array>): void;
}
