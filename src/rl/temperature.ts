import type { Clock } from '../gpu/clock.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Dispatch } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';

/** Where alpha begins and goes, in units of the reward before scaling. */
export interface TemperatureOptions {
  /** alpha of section 2 of the paper, at the start. */
  readonly temperature: number;
  /** Where alpha goes, geometrically, over `temperatureUpdates` updates; `temperature` itself if there is a `targetEntropy`. */
  readonly finalTemperature: number;
  readonly temperatureUpdates: number;
  /** Entropy of the policy in nats that alpha is tuned to; null leaves alpha to its schedule. */
  readonly targetEntropy: number | null;
  /** Step of log alpha per nat, and per update. */
  readonly temperatureLearningRate: number;
}

/**
 * Deviation, in u, of the kernels that estimate the particles' entropy, as in `mixtureSpread`: small against the distance
 * of about 2 between the multi-goal task's modes at the origin, so that the estimate does not merge them. A narrower
 * kernel overstates the entropy more: most of M centres are then too far away to count.
 */
const ENTROPY_BANDWIDTH = 0.25;

/** The temperature alpha of every member: constant, on a schedule, or tuned. It is state: a checkpoint keeps it. */
export class Temperature {
  /** (R), in units of the reward before scaling. */
  readonly tensor: Tensor;
  /** Moves alpha to where it belongs in the update about to run; nothing if it stays where it is. */
  readonly schedule: readonly Dispatch[];
  readonly #gpu: Gpu;
  readonly #options: TemperatureOptions;

  constructor(gpu: Gpu, members: number, clock: Clock, options: TemperatureOptions) {
    const { temperature, finalTemperature, temperatureUpdates } = options;
    const initial = new Float32Array(members).fill(temperature);
    this.#gpu = gpu;
    this.#options = options;
    this.tensor = gpu.tensorOf('temperature', initial);
    if (temperature === finalTemperature) {
      this.schedule = [];
      return;
    }
    const start = gpu.tensorOf('temperature.start', initial);
    const params = {
      members,
      octaves: Math.log2(finalTemperature / temperature),
      duration: temperatureUpdates,
    };
    this.schedule = [
      gpu
        .kernel('rl/anneal_temperature.wgsl')
        .bind({ clock: clock.tensor, start, temperature: this.tensor }, { threads: [members], params }),
    ];
  }

  /** log alpha descends H - target, H the mean of `entropy` (R, states); nothing if there is no target. */
  tune(entropy: Tensor): readonly Dispatch[] {
    const { targetEntropy, temperatureLearningRate } = this.#options;
    if (targetEntropy === null) return [];
    const members = this.tensor.size;
    const params = {
      members,
      states: entropy.size / members,
      target_entropy: targetEntropy,
      rate: temperatureLearningRate,
    };
    return [
      this.#gpu
        .kernel('rl/tune_temperature.wgsl')
        .bind({ entropy, temperature: this.tensor }, { threads: [members], params }),
    ];
  }
}

/** A policy's particles at each of `states` states, in two sets. */
export interface ParticleSets {
  /** u, where a = tanh u: (R, fixed + updated, states, padded(A)), the fixed ones first. */
  readonly preTanh: Tensor;
  readonly states: number;
  readonly fixed: number;
  readonly updated: number;
  readonly actionSize: number;
}

/**
 * The entropy, in nats over the action box, of a policy known by its particles: minus the mean log density of the updated
 * ones under a kernel estimate around the fixed ones, which are independent of them. Overstates the entropy by the
 * divergence of the estimate from the policy. Fills `entropy` (R, states).
 */
export function particleEntropy(gpu: Gpu, particles: ParticleSets, entropy: Tensor): Dispatch {
  const { preTanh, states, fixed, updated, actionSize } = particles;
  return gpu.kernel('rl/particle_entropy.wgsl').bind(
    { pre_tanh: preTanh, entropy },
    {
      threads: [states, entropy.size / states],
      params: {
        states,
        fixed_particles: fixed,
        updated_particles: updated,
        action_size: actionSize,
        stride: padded(actionSize),
        bandwidth: ENTROPY_BANDWIDTH,
      },
    },
  );
}
