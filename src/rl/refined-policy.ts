import type { Gpu } from '../gpu/gpu.ts';
import { program } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import { noiseParams, squash, type Draw, type DrawOptions, type NoiseSource, type Policy } from './policy.ts';
import { latticePoints } from './proposal.ts';
import type { SoftQFunction } from './soft-q-function.ts';

/** The density exp(Q(s, a) / alpha) over the box of actions, up to a constant: what a learned critic asks of a policy. */
export interface CriticDensity {
  readonly softQ: SoftQFunction;
  /** alpha of each member, (R), in units of the reward before scaling. */
  readonly temperature: Tensor;
  /** Q is in units of reward times this. */
  readonly rewardScale: number;
}

/** Langevin steps behind a policy's draws. */
export interface LangevinOptions {
  /** Steps behind each draw, 0 or more. */
  readonly steps: number;
  /**
   * eps, in squared units of u = atanh a. Where log exp(Q / alpha) has the curvature -c in u, the stationary variance is
   * 1 / (1 - eps c / 2) times too large: nothing is rejected.
   */
  readonly stepSize: number;
}

/** Importance resampling in place of a policy. */
export interface ResamplingOptions {
  /** C, uniform candidates for each draw; 1 is the uniform policy. */
  readonly candidates: number;
}

/** A way to bring a policy's draws nearer to the critic's density when it acts; no parameter of it is learned. */
export type Refinement =
  ({ readonly kind: 'langevin' } & LangevinOptions) | ({ readonly kind: 'resample' } & ResamplingOptions);

/** `policy` with its draws refined towards the critic's density. */
export function refinedPolicy(
  gpu: Gpu,
  policy: Policy,
  density: CriticDensity,
  refinement: Refinement,
): Policy {
  return refinement.kind === 'langevin'
    ? new LangevinPolicy(gpu, policy, density, refinement)
    : new ResampledPolicy(gpu, density, refinement, policy.source);
}

/**
 * A policy whose draws take Langevin steps towards exp(Q / alpha) before they are used (unadjusted: Roberts and Tweedie
 * 1996): u += eps score + sqrt(2 eps) xi in the coordinates u = atanh a, where the density is smooth on the whole space and
 * no step leaves the box. Started at the draws of a learned sampler, few steps are enough.
 */
export class LangevinPolicy implements Policy {
  readonly spec: Policy['spec'];
  readonly source: NoiseSource;
  readonly #gpu: Gpu;
  readonly #base: Policy;
  readonly #density: CriticDensity;
  readonly #options: LangevinOptions;

  /** @param base Where the steps begin; a `ResampledPolicy` of one candidate begins anywhere in the box. */
  constructor(gpu: Gpu, base: Policy, density: CriticDensity, options: LangevinOptions) {
    this.spec = base.spec;
    this.source = base.source;
    this.#gpu = gpu;
    this.#base = base;
    this.#density = density;
    this.#options = options;
  }

  draw(label: string, options: DrawOptions, source = this.source): Draw {
    const { observation, states, particles, use } = options;
    const { observationSize, actionSize, members } = this.spec;
    const { softQ, temperature, rewardScale } = this.#density;
    const { steps, stepSize } = this.#options;
    const draw = this.#base.draw(label, options, source);
    if (steps === 0) return draw;
    const { preTanh } = draw;
    const rows = states * particles;
    const q = softQ.actionGradient(rows, { value: false });
    const { actions, dispatch } = squash(this.#gpu, label, this.spec, {
      preTanh,
      observation,
      states,
      particles,
      stateAction: q.stateAction,
      criticParticles: particles,
    });
    const kernel = this.#gpu.kernel('rl/langevin_step.wgsl');
    const moved = Array.from({ length: steps }, (_, step) => [
      dispatch,
      q.program,
      kernel.bind(
        {
          clock: source.clock.tensor,
          seeds: source.seeds,
          actions,
          action_gradient: q.gradient,
          temperature,
          pre_tanh: preTanh,
        },
        {
          threads: [rows, members],
          params: {
            rows,
            action_size: actionSize,
            stride: padded(actionSize),
            gradient_stride: padded(observationSize + actionSize),
            gradient_first: observationSize,
            step,
            step_size: stepSize,
            reward_scale: rewardScale,
            ...noiseParams(use),
          },
          label: `${label}.langevin`,
        },
      ),
    ]);
    return { preTanh, program: program(label, [draw.program, ...moved.flat()]) };
  }
}

const PROPOSALS = constantsOf(shaderSource('rl/box_proposal.wgsl'));

/**
 * Draws from exp(Q / alpha) by importance resampling (Rubin 1987), without any learned sampler: for each draw C candidates on
 * a randomly shifted lattice over the box, one of which is taken with probability proportional to exp(Q / alpha). Draws are
 * independent of each other; their law tends to exp(Q / alpha) as C grows.
 */
export class ResampledPolicy implements Policy {
  readonly spec: Policy['spec'];
  readonly source: NoiseSource;
  readonly #gpu: Gpu;
  readonly #density: CriticDensity;
  readonly #candidates: number;

  constructor(gpu: Gpu, density: CriticDensity, { candidates }: ResamplingOptions, source: NoiseSource) {
    this.spec = density.softQ.spec;
    this.source = source;
    this.#gpu = gpu;
    this.#density = density;
    this.#candidates = candidates;
  }

  draw(label: string, options: DrawOptions, source = this.source): Draw {
    const { observation, states, particles, use } = options;
    const { observationSize, actionSize, members } = this.spec;
    const { softQ, temperature, rewardScale } = this.#density;
    const gpu = this.#gpu;
    const candidates = this.#candidates;
    const draws = states * particles;
    const q = softQ.values(`${label}.candidates`, draws * candidates);
    const preTanh = gpu.tensor(`${label}.preTanh`, [members, particles, states, padded(actionSize)]);
    const { clock, seeds } = { clock: source.clock.tensor, seeds: source.seeds };
    const rowStride = padded(observationSize + actionSize);
    const propose = gpu.kernel('rl/propose_uniform.wgsl').bind(
      {
        clock,
        seeds,
        next_observation: observation,
        lattice: gpu.tensorOf(`${label}.lattice`, latticePoints(candidates, actionSize)),
        rows: q.stateAction,
        log_density: gpu.tensor(`${label}.logDensity`, [members, draws * candidates]),
      },
      {
        threads: [draws * candidates, members],
        params: {
          states,
          sets: draws,
          particles: candidates,
          proposal: constantFor(PROPOSALS, 'lattice'),
          observation_size: observationSize,
          action_size: actionSize,
          stride: rowStride,
          ...noiseParams(use),
        },
        label: `${label}.propose`,
      },
    );
    const resample = gpu.kernel('rl/resample.wgsl').bind(
      { clock, seeds, candidates: q.stateAction, q_values: q.value, temperature, pre_tanh: preTanh },
      {
        threads: [draws, members],
        params: {
          draws,
          candidates,
          action_size: actionSize,
          action_first: observationSize,
          row_stride: rowStride,
          stride: padded(actionSize),
          reward_scale: rewardScale,
          ...noiseParams(use),
        },
        label: `${label}.resample`,
      },
    );
    return { preTanh, program: program(label, [propose, q.program, resample]) };
  }
}
