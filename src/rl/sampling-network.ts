import type { Clock } from '../gpu/clock.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import { Mlp, type Activation, type MlpPass } from '../nn/mlp.ts';

const STREAMS = constantsOf(shaderSource('common/random.wgsl'));

/** What the noise of a draw is for; each use has a stream of random numbers of its own. */
export type NoiseUse = 'act' | 'particles' | 'proposal-policy' | 'evaluation';

/** Widths of the sampling network. */
export interface SamplingNetworkSpec {
  readonly observationSize: number;
  readonly actionSize: number;
  /** Numbers of noise xi per action; the paper's equals the action size, any size works here. */
  readonly latentSize: number;
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly members: number;
}

/** Draws of the network: particles before the squash, and the program that makes them. */
export interface Draw {
  /** The network's pass over particles * states rows, particle-major; its output is u. */
  readonly pass: MlpPass;
  /** u = f(xi; s): (R, particles, states, padded(A)) */
  readonly preTanh: Tensor;
  /** Draws xi and runs the network. */
  readonly program: Program;
}

/** The state-conditioned sampling network a = tanh f(xi; s), xi ~ N(0, I) (section 3.2 of the paper). */
export class SamplingNetwork {
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

  /**
   * `particles` draws for each of the `states` rows of `observation` (R, states, S). The noise of 'act' and
   * 'evaluation' changes with the iteration, that of the others with the update. `source` gives an evaluation its own
   * clock and seeds.
   */
  draw(
    label: string,
    options: { observation: Tensor; states: number; particles: number; use: NoiseUse },
    source: { clock: Clock; seeds: Tensor } = { clock: this.#clock, seeds: this.#seeds },
  ): Draw {
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
   * a = tanh u (R, states, A) from one draw per state; the first `randomEnvironments` states get uniform actions
   * instead, without looking at `preTanh`.
   */
  act(
    options: { preTanh: Tensor; action: Tensor; states: number; randomEnvironments: number },
    source: { clock: Clock; seeds: Tensor } = { clock: this.#clock, seeds: this.#seeds },
  ): Program {
    const { preTanh, action, states, randomEnvironments } = options;
    const { actionSize, members } = this.spec;
    return program('act', [
      this.#gpu.kernel('rl/act.wgsl').bind(
        { clock: source.clock.tensor, seeds: source.seeds, pre_tanh: preTanh, action },
        {
          threads: [states, members],
          params: {
            environments: states,
            random_environments: randomEnvironments,
            action_size: actionSize,
            stride: padded(actionSize),
          },
        },
      ),
    ]);
  }

  /**
   * Squashes a draw of particles, fixed ones first: all actions, and the critic's rows [s, a] of the fixed ones.
   * `observation` (R, states, S), `stateAction` (R, M, states, padded(S + A)).
   */
  squash(
    draw: Draw,
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
