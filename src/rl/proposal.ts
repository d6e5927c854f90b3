import type { Clock } from '../gpu/clock.ts';
import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Dispatch, type Program } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import { jacobianDensity } from './jacobian-density.ts';
import type { SamplingNetwork } from './sampling-network.ts';
import { noiseParams } from './policy.ts';
import type { NextActions } from './soft-q-function.ts';

/**
 * Where the actions of the soft value's importance sample come from (eq. 10):
 * `uniform-shared` one uniform set for the whole batch, as the released code does; `uniform` a set for each state;
 * `lattice` a randomly shifted R_A sequence for each state; `mixture` half of that and half perturbed policy particles,
 * weighted by the density of the mixture: the paper's "current policy", sound for any network; `policy-jacobian` policy
 * particles weighted by the network's Jacobian, as appendix C.2 writes it: biased, because no network here is one to one.
 */
export type ProposalKind = 'uniform-shared' | 'uniform' | 'lattice' | 'mixture' | 'policy-jacobian';

/** Shapes and sources of a proposal. */
export interface ProposalOptions {
  readonly kind: ProposalKind;
  readonly members: number;
  /** B */
  readonly states: number;
  /** Kv */
  readonly particles: number;
  readonly observationSize: number;
  readonly actionSize: number;
  /** (R, B, S) */
  readonly nextObservation: Tensor;
  readonly clock: Clock;
  readonly seeds: Tensor;
  /** What `policy-jacobian` and half of `mixture` draw from, and h, the deviation of the latter's perturbation in u. */
  readonly policy: SamplingNetwork;
  readonly mixtureSpread: number;
}

const KINDS = constantsOf(shaderSource('rl/box_proposal.wgsl'));

/** Kv actions per next state with their log densities, written as rows [s', a] for the target network. */
export class Proposal implements NextActions {
  /** (R, B * Kv, padded(S + A)) */
  readonly rows: Tensor;
  /** log q(a_k | s'), (R, B * Kv) */
  readonly logDensity: Tensor;
  readonly order = 'state-major';
  readonly program: Program;

  /**
   * @throws UsageError if `mixture` is asked for with an odd number of particles, or `policy-jacobian` with noise of
   * another size than the action.
   */
  constructor(gpu: Gpu, options: ProposalOptions) {
    const { kind, members, states, particles, observationSize, actionSize } = options;
    const stride = padded(observationSize + actionSize);
    this.rows = gpu.tensor('proposal.rows', [members, states * particles, stride]);
    this.logDensity = gpu.tensor('proposal.logDensity', [members, states * particles]);
    if (kind === 'policy-jacobian') {
      this.program = this.#policy(gpu, options);
      return;
    }
    const sizes = { states, particles, observation_size: observationSize, action_size: actionSize, stride };
    const uniform = this.#uniform(gpu, options, sizes);
    this.program = program(
      'proposal',
      kind === 'mixture' ? [uniform, this.#policyHalf(gpu, options, sizes)] : [uniform],
    );
  }

  #policy(gpu: Gpu, { policy, nextObservation, states, particles }: ProposalOptions): Program {
    const draw = policy.draw('proposal.policy', {
      observation: nextObservation,
      states,
      particles,
      use: 'proposal-policy',
    });
    const { rows, logDensity } = this;
    const determinant = gpu.tensor('proposal.determinant', logDensity.shape);
    const density = jacobianDensity(gpu, policy.spec, {
      draw,
      states,
      particles,
      rows,
      logDensity,
      determinant,
    });
    return program('proposal', [draw.program, density]);
  }

  /** All rows of the kinds that are uniform in the box; for `mixture` its first half, and rows to overwrite. */
  #uniform(gpu: Gpu, options: ProposalOptions, sizes: Record<string, number>): Dispatch {
    const { kind, members, states, particles, actionSize, clock, seeds, nextObservation } = options;
    return gpu.kernel('rl/propose_uniform.wgsl').bind(
      {
        clock: clock.tensor,
        seeds,
        next_observation: nextObservation,
        lattice: gpu.tensorOf('proposal.lattice', latticePoints(particles, actionSize)),
        rows: this.rows,
        log_density: this.logDensity,
      },
      {
        threads: [states * particles, members],
        params: {
          ...sizes,
          sets: states,
          proposal: constantFor(KINDS, kind === 'mixture' ? 'lattice' : kind),
          ...noiseParams('proposal'),
        },
      },
    );
  }

  #policyHalf(gpu: Gpu, options: ProposalOptions, sizes: Record<string, number>): Program {
    const { members, states, particles, actionSize, clock, seeds, policy } = options;
    if (particles % 2 !== 0) {
      throw new UsageError(
        `The proposal 'mixture' needs an even number of value particles, not ${particles}.`,
      );
    }
    const centres = particles / 2;
    const draw = policy.draw('proposal.policy', {
      observation: options.nextObservation,
      states,
      particles: centres,
      use: 'proposal-policy',
    });
    const perturb = gpu.kernel('rl/propose_mixture.wgsl').bind(
      {
        clock: clock.tensor,
        seeds,
        centres: draw.preTanh,
        rows: this.rows,
        pre_tanh: gpu.tensor('proposal.preTanh', [members, states * particles, actionSize]),
        log_density: this.logDensity,
      },
      {
        threads: [states * particles, members],
        params: { ...sizes, centres, centre_stride: padded(actionSize), spread: options.mixtureSpread },
      },
    );
    return program('proposal.policy', [draw.program, perturb]);
  }
}

/**
 * The unshifted R_A sequence (count, actionSize) in [0, 1): frac(k g^-d), k = 1..count, d = 1..A, where g > 1 solves
 * g^(A+1) = g + 1 (the golden ratio for A = 1, the plastic number for A = 2).
 */
export function latticePoints(count: number, actionSize: number): Float32Array {
  let g = 1.5;
  // The map g -> (1 + g)^(1 / (A + 1)) contracts by less than 1/2 near its fixed point.
  for (let i = 0; i < 64; i++) g = (1 + g) ** (1 / (actionSize + 1));
  return Float32Array.from({ length: count * actionSize }, (_, i) => {
    const x = (Math.floor(i / actionSize) + 1) * g ** -((i % actionSize) + 1);
    return x - Math.floor(x);
  });
}
