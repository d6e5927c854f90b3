import type { Clock } from '../gpu/clock.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import { Mlp, type Activation, type MlpPass } from '../nn/mlp.ts';
import type { Draw, DrawOptions, NoiseSource, Policy } from './policy.ts';

const STREAMS = constantsOf(shaderSource('common/random.wgsl'));

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
  readonly mlp: Mlp;
  readonly #gpu: Gpu;
  readonly #clock: Clock;
  readonly #seeds: Tensor;

  constructor(gpu: Gpu, spec: SamplingNetworkSpec, clock: Clock, seeds: Tensor) {
    this.#gpu = gpu;
    this.#clock = clock;
    this.#seeds = seeds;
    this.spec = spec;
    const { observationSize, actionSize, latentSize, hidden, activation, members } = spec;
    const sizes = { inputSize: observationSize + latentSize, hidden, outputSize: actionSize, activation };
    this.mlp = new Mlp(gpu, 'policy', sizes, members);
  }

  draw(
    label: string,
    options: DrawOptions,
    source: NoiseSource = { clock: this.#clock, seeds: this.#seeds },
  ): NetworkDraw {
    const { observation, states, particles, use } = options;
    const { observationSize, latentSize, members } = this.spec;
    const rows = states * particles;
    const pass = this.mlp.pass(label, rows);
    const input = this.#gpu.kernel('rl/sampling_input.wgsl').bind(
      { clock: source.clock.tensor, seeds: source.seeds, observation, rows: pass.input },
      {
        threads: [rows, members],
        params: {
          states,
          rows,
          observation_size: observationSize,
          latent_size: latentSize,
          stride: padded(observationSize + latentSize),
          stream: constantFor(STREAMS, `stream-${use}`),
          of_iteration: use === 'act' || use === 'evaluation' ? 1 : 0,
        },
        label: `${label}.noise`,
      },
    );
    return { pass, preTanh: pass.output, program: program(label, [input, pass.forward()]) };
  }

  /**
   * Squashes a draw of particles, fixed ones first: all actions, and the critic's rows [s, a] of the fixed ones.
   * `observation` (R, states, S), `stateAction` (R, M, states, padded(S + A)).
   */
  squash(
    draw: NetworkDraw,
    options: {
      observation: Tensor;
      actions: Tensor;
      stateAction: Tensor;
      states: number;
      fixedParticles: number;
    },
  ): Program {
    const { observation, actions, stateAction, states, fixedParticles } = options;
    const { observationSize, actionSize, members } = this.spec;
    return program('squash', [
      this.#gpu.kernel('rl/squash_particles.wgsl').bind(
        { pre_tanh: draw.preTanh, observation, actions, state_action: stateAction },
        {
          threads: [draw.pass.rows, members],
          params: {
            states,
            fixed_particles: fixedParticles,
            particles: draw.pass.rows / states,
            observation_size: observationSize,
            action_size: actionSize,
            stride: padded(actionSize),
            row_stride: padded(observationSize + actionSize),
          },
        },
      ),
    ]);
  }
}
