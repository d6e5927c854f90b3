import type { Gpu } from '../gpu/gpu.ts';
import type { Dispatch } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { Clock } from '../gpu/clock.ts';
import type { Faults } from '../gpu/faults.ts';
import type { ParameterGradient } from './mlp-pass.ts';
import type { Parameters } from './parameters.ts';
import type { TargetNetwork } from './target-network.ts';

/** A learning rate that falls linearly from its initial value to `finalShare` of it, and stays there. */
export interface LearningRateDecay {
  /** In (0, 1]; 1 leaves the rate constant. */
  readonly finalShare: number;
  /** Updates of the critic, counted by the clock whatever `counts` says, until the final rate is reached: 1 or more. */
  readonly updates: number;
}

/** Settings of Adam; the defaults are those of Kingma and Ba (2015) and of the paper's code. */
export interface AdamOptions {
  /** Step size of each member. */
  readonly learningRate: readonly number[];
  /** Which counter is Adam's t: a sampling network may start later than its critic. */
  readonly counts: 'updates' | 'policyUpdates';
  /** A step size that falls; constant if left out. */
  readonly decay?: LearningRateDecay;
  /** A network that follows this one: moved in the same dispatch, by the parameters as they are after the step. */
  readonly target?: TargetNetwork;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

/** Adam over one network's flat parameters. Its moments are state: a checkpoint keeps them. */
export class Adam {
  readonly mean: Tensor;
  readonly square: Tensor;
  /** Adds up the partial gradients and moves the parameters: one dispatch. */
  readonly step: Dispatch;

  constructor(
    gpu: Gpu,
    parameters: Parameters,
    gradient: ParameterGradient,
    clock: Clock,
    faults: Faults,
    options: AdamOptions,
  ) {
    const { learningRate, counts, target, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
    const { finalShare, updates } = options.decay ?? { finalShare: 1, updates: 1 };
    const { name, size, members } = parameters;
    this.mean = parameters.sibling(`${name}.mean`);
    this.square = parameters.sibling(`${name}.square`);
    const { tau, interval } = target?.follows ?? { tau: 0, interval: 1 };
    const follow = { file: target ? 'nn/polyak.wgsl' : 'nn/no_target.wgsl' };
    this.step = gpu.kernel('nn/adam.wgsl', { slots: { follow } }).bind(
      {
        clock: clock.tensor,
        gradient: gradient.tensor,
        learning_rate: gpu.tensorOf(`${name}.learningRate`, Float32Array.from(learningRate)),
        parameters: parameters.tensor,
        mean: this.mean,
        square: this.square,
        fault: faults.tensor,
        ...(target && { averaged: target.mlp.parameters.tensor }),
      },
      {
        threads: [size, members],
        params: {
          size,
          splits: gradient.splits,
          of_policy: counts === 'policyUpdates' ? 1 : 0,
          one_minus_beta1: 1 - beta1,
          one_minus_beta2: 1 - beta2,
          log_beta1: Math.log(beta1),
          log_beta2: Math.log(beta2),
          epsilon,
          decay: 1 - finalShare,
          duration: updates,
          fault_index: faults.indexOf(name),
          interval,
          tau,
        },
        label: `${name}.adam`,
      },
    );
  }
}
