import type { Clock } from '../gpu/clock.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Dispatch } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { fusedFits, FusedPass } from '../nn/fused-pass.ts';
import type { MlpPass } from '../nn/mlp-pass.ts';
import type { Activation } from '../nn/mlp-spec.ts';
import { Mlp } from '../nn/mlp.ts';
import {
  drawNoise,
  type ActOptions,
  type Draw,
  type DrawOptions,
  type NoiseSource,
  type Policy,
} from './policy.ts';

/** Widths of the sampling network. */
export interface SamplingNetworkSpec {
  readonly observationSize: number;
  readonly actionSize: number;
  /** Numbers of noise xi per action; the paper's equals the action size, any size works here. 0 is a map of the state. */
  readonly latentSize: number;
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly members: number;
}

/** A draw of the network, which can be gone back through. */
export interface NetworkDraw extends Draw {
  /** The network's pass over particles * states rows, particle-major; its output is u = f(xi; s). */
  readonly pass: MlpPass;
}

/** The state-conditioned sampling network a = tanh f(xi; s), xi ~ N(0, I) (section 3.2 of the paper). */
export class SamplingNetwork implements Policy {
  readonly spec: SamplingNetworkSpec;
  readonly source: NoiseSource;
  readonly mlp: Mlp;
  readonly #gpu: Gpu;

  /** @param network An existing network to draw with, a target network's say, instead of a new one. */
  constructor(gpu: Gpu, spec: SamplingNetworkSpec, clock: Clock, seeds: Tensor, network?: Mlp) {
    this.#gpu = gpu;
    this.source = { clock, seeds };
    this.spec = spec;
    const { observationSize, actionSize, latentSize, hidden, activation, members } = spec;
    const sizes = { inputSize: observationSize + latentSize, hidden, outputSize: actionSize, activation };
    this.mlp = network ?? new Mlp(gpu, 'policy', sizes, members);
  }

  draw(label: string, options: DrawOptions, source = this.source): NetworkDraw {
    const { observationSize, latentSize } = this.spec;
    const pass = this.mlp.pass(label, options.states * options.particles);
    const input = drawNoise(
      this.#gpu,
      `${label}.noise`,
      pass.input,
      { ...options, observationSize, latentSize },
      source,
    );
    return { pass, preTanh: pass.output, program: program(label, [input, pass.forward()]) };
  }

  act({ observation, action, randomEnvironments }: ActOptions): Dispatch | null {
    const environments = action.shape[1]!;
    const fits = fusedFits(this.#gpu, this.mlp, environments, 'activations');
    if (this.#gpu.kernelFamily !== 'fused' || !fits) return null;
    const { observationSize, actionSize, latentSize } = this.spec;
    const { clock, seeds } = this.source;
    return new FusedPass(this.#gpu, 'act', this.mlp, environments, 'activations').forward({
      module: { file: 'rl/fused/act.wgsl' },
      tensors: { clock: clock.tensor, seeds, observation, action },
      params: {
        random_environments: randomEnvironments,
        observation_size: observationSize,
        action_size: actionSize,
        latent_size: latentSize,
      },
    });
  }
}
