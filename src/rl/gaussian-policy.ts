import type { Clock } from '../gpu/clock.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import type { MlpPass } from '../nn/mlp-pass.ts';
import type { Activation } from '../nn/mlp-spec.ts';
import { Mlp } from '../nn/mlp.ts';
import {
  drawNoise,
  noiseParams,
  type Draw,
  type DrawOptions,
  type NoiseSource,
  type Policy,
} from './policy.ts';
import type { ActionGradient } from './soft-q-function.ts';

/** Widths of the network, and how many Gaussians it mixes. */
export interface GaussianPolicySpec {
  readonly observationSize: number;
  readonly actionSize: number;
  /** C: 1 is a squashed Gaussian, more a mixture of them. */
  readonly components: number;
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly members: number;
}

/** A draw that knows its density, and can be gone back through. */
export interface GaussianDraw extends Draw {
  /** log pi(a|s), (R, particles, states). */
  readonly logDensity: Tensor;
  /** The network's pass over the states; its output holds logits, means and logs of deviations. */
  readonly pass: MlpPass;
}

/**
 * A policy with a density: a = tanh u, u from a mixture of C Gaussians with diagonal covariance whose weights, means and
 * deviations a network makes of the observation (Haarnoja et al. 2018, "Soft Actor-Critic"; the mixture is its first
 * version's).
 */
export class GaussianPolicy implements Policy {
  readonly spec: GaussianPolicySpec;
  readonly source: NoiseSource;
  readonly mlp: Mlp;
  readonly #gpu: Gpu;

  constructor(gpu: Gpu, spec: GaussianPolicySpec, clock: Clock, seeds: Tensor) {
    this.#gpu = gpu;
    this.source = { clock, seeds };
    this.spec = spec;
    const { observationSize, actionSize, components, hidden, activation, members } = spec;
    const outputSize = components * (1 + 2 * actionSize);
    this.mlp = new Mlp(
      gpu,
      'policy',
      { inputSize: observationSize, hidden, outputSize, activation },
      members,
    );
  }

  /**
   * Independent draws; or, `stratified`, particle i from component i mod C, for sums that weight each component by its
   * share: then `particles` must be a multiple of C.
   */
  draw(
    label: string,
    options: DrawOptions & { readonly stratified?: boolean },
    source = this.source,
  ): GaussianDraw {
    const { states, particles, use, stratified = false } = options;
    const { observationSize, actionSize, components, members } = this.spec;
    const pass = this.mlp.pass(label, states);
    const rows = states * particles;
    const preTanh = this.#gpu.tensor(`${label}.preTanh`, [members, particles, states, padded(actionSize)]);
    const logDensity = this.#gpu.tensor(`${label}.logDensity`, [members, particles, states]);
    const input = drawNoise(
      this.#gpu,
      `${label}.input`,
      pass.input,
      { ...options, particles: 1, observationSize, latentSize: 0 },
      source,
    );
    const draw = this.#gpu.kernel('rl/mixture_draw.wgsl').bind(
      {
        clock: source.clock.tensor,
        seeds: source.seeds,
        distribution: pass.output,
        pre_tanh: preTanh,
        log_density: logDensity,
      },
      {
        threads: [rows, members],
        params: {
          states,
          rows,
          components,
          action_size: actionSize,
          stride: padded(actionSize),
          row_stride: padded(components * (1 + 2 * actionSize)),
          stratified: stratified ? 1 : 0,
          ...noiseParams(use),
        },
        label: `${label}.draw`,
      },
    );
    return { pass, preTanh, logDensity, program: program(label, [input, pass.forward(), draw]) };
  }

  /**
   * Gradient of mean_s E_pi[alpha log pi(a|s) - Q(s, a)] with respect to the network's outputs at a stratified draw, by
   * reparametrisation; `q` is Q and dQ/da at all its particles. Fills `outputGrad` (R, states, padded(C (1 + 2A))) and
   * `entropy` (R, states), the policy's at each state.
   */
  gradient(
    draw: GaussianDraw,
    q: ActionGradient,
    options: { temperature: Tensor; rewardScale: number; outputGrad: Tensor; entropy: Tensor },
  ): Program {
    const { temperature, rewardScale, outputGrad, entropy } = options;
    const { observationSize, actionSize, components, members } = this.spec;
    const { preTanh, logDensity } = draw;
    const distribution = draw.pass.output;
    const states = draw.pass.rows;
    const particles = logDensity.size / (states * members);
    const terms = this.#gpu.tensor('mixtureTerms', [members, particles, states, 1 + components + actionSize]);
    const widths = {
      states,
      components,
      action_size: actionSize,
      stride: padded(actionSize),
      row_stride: padded(components * (1 + 2 * actionSize)),
      reward_scale: rewardScale,
    };
    return program('mixtureGradient', [
      this.#gpu.kernel('rl/mixture_terms.wgsl').bind(
        {
          distribution,
          pre_tanh: preTanh,
          log_density: logDensity,
          q_values: q.value,
          action_gradient: q.gradient,
          temperature,
          terms,
        },
        {
          threads: [particles * states, members],
          params: {
            ...widths,
            rows: particles * states,
            gradient_stride: padded(observationSize + actionSize),
            gradient_first: observationSize,
          },
        },
      ),
      this.#gpu.kernel('rl/mixture_gradient.wgsl').bind(
        {
          distribution,
          pre_tanh: preTanh,
          log_density: logDensity,
          terms,
          temperature,
          dDistribution: outputGrad,
          entropy,
        },
        {
          threads: [states * components * (1 + 2 * actionSize), members],
          params: { ...widths, particles },
        },
      ),
    ]);
  }
}
