import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Dispatch, type Program } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import type { Tensor } from '../gpu/tensor.ts';

/**
 * In which coordinates the Stein kernel acts; formulas in `shaders/svgd/stein_direction.wgsl`. In the box, `tanh-kernel`
 * and `raw` follow exp(Q/alpha); `released` is the published, biased direction, and `uncorrected` the paper's eq. 13 with
 * the squash left to the chain rule alone, which piles particles up at the walls. `unbounded` has no squash: particles
 * anywhere in R^A.
 */
export type SteinKind = 'tanh-kernel' | 'raw' | 'released' | 'uncorrected' | 'unbounded';

/**
 * What the median of the squared distances is divided by to give the bandwidth h: `code` log M (the released code),
 * `paper` 2 log(M + 1) (appendix D.1), `plus-one` log(M + 1) (Liu and Wang's rule with the common +1).
 * With one fixed particle log M is zero, and log(M + 1) stands in for it.
 */
export type BandwidthRule = 'code' | 'paper' | 'plus-one';

/** The fixed set and the updated set of every state, and how they act on each other. */
export interface SvgdOptions {
  readonly members: number;
  readonly states: number;
  /** M, at which the score is taken; they do not move. */
  readonly fixedParticles: number;
  /** K, which get a direction. */
  readonly updatedParticles: number;
  readonly actionSize: number;
  readonly kind: SteinKind;
  readonly bandwidth: BandwidthRule;
  /** Smallest h; 1e-3 in the released code. */
  readonly bandwidthFloor: number;
  /** False leaves out the repulsive term: the particles then climb to the modes and collapse (section 4 of the paper). */
  readonly repulsion: boolean;
  /** True gives one set both roles, as in Liu and Wang (2016): M = K particles act on all, themselves too. */
  readonly shared?: boolean;
}

/**
 * What the direction is computed from. Particles lie particle-major, the M fixed ones first; `stride` floats each. With a
 * shared set, M + K below is M. The energy is given by its gradient alone, so it may come from a network, a formula or
 * the host.
 */
export interface SvgdInputs {
  /** u, (R, M + K, states, stride): particles before the squash. */
  readonly preTanh: Tensor;
  /** a = tanh u, of the same shape; not looked at for `unbounded`. */
  readonly actions: Tensor;
  readonly stride: number;
  /** dQ/da at the fixed particles: (R, M, states, gradientStride), the action's part from gradientFirst on. */
  readonly actionGradient: Tensor;
  readonly gradientStride: number;
  readonly gradientFirst: number;
  /** alpha of each member, (R), in units of the reward before scaling. */
  readonly temperature: Tensor;
  /** Q is in units of reward times this. */
  readonly rewardScale: number;
  /** Gets scale * phi for the updated particles, (R, M + K, states, stride). */
  readonly direction: Tensor;
  readonly scale: number;
}

const DIRECTIONS = constantsOf(shaderSource('svgd/stein_terms.wgsl'));

/** Pairs of a state that one invocation holds to compute their direction: more take long to compile. */
const MOST_PAIRS_OF_A_DIRECTION = 128;
const LANES_OF_MANY = constantsOf(shaderSource('svgd/median_of_many.wgsl'))['LANES']!;

/** The number that divides the median, for M fixed particles. */
export function bandwidthDivisor(rule: BandwidthRule, fixedParticles: number): number {
  if (rule === 'paper') return 2 * Math.log(fixedParticles + 1);
  if (rule === 'plus-one' || fixedParticles === 1) return Math.log(fixedParticles + 1);
  return Math.log(fixedParticles);
}

/** Stein variational gradient descent on particles in the box [-1, 1]^A or in R^A, a set of its own for every state. */
export class Svgd {
  /** h of each state, (R, states). */
  readonly bandwidth: Tensor;
  readonly #gpu: Gpu;
  readonly #options: SvgdOptions;

  /** @throws UsageError if a shared set is said to have different numbers of fixed and updated particles. */
  constructor(gpu: Gpu, options: SvgdOptions) {
    const { members, states, fixedParticles, updatedParticles, shared = false } = options;
    if (shared && fixedParticles !== updatedParticles) {
      throw new UsageError(
        `A shared set has as many fixed as updated particles, not ${fixedParticles} and ${updatedParticles}.`,
      );
    }
    this.#gpu = gpu;
    this.#options = options;
    this.bandwidth = gpu.tensor('svgd.bandwidth', [members, states]);
  }

  /**
   * Pairwise RBF kernel with the median bandwidth of each state, and the Stein direction of its updated particles: in one
   * dispatch where a subgroup of a known size holds a state's pairs in registers, else in three.
   */
  direction(inputs: SvgdInputs): Program {
    const { fixedParticles, updatedParticles } = this.#options;
    const lanes = this.#gpu.fixedLanes;
    const pairsOfLane = fixedParticles * Math.ceil(updatedParticles / lanes);
    const inRegisters = lanes > 1 && pairsOfLane <= MOST_PAIRS_OF_A_DIRECTION;
    return program('svgd', inRegisters ? [this.#inRegisters(inputs, lanes)] : this.#inMemory(inputs));
  }

  #inRegisters(inputs: SvgdInputs, lanes: number): Dispatch {
    const { members, states, fixedParticles, updatedParticles } = this.#options;
    const kernel = this.#gpu.kernel('svgd/direction.wgsl', {
      constants: { DIRECTION: constantFor(DIRECTIONS, this.#options.kind) },
      tunables: {
        LANES: lanes,
        FIXED: fixedParticles,
        OWN_FIXED: Math.ceil(fixedParticles / lanes),
        OWN_UPDATED: Math.ceil(updatedParticles / lanes),
      },
      subgroups: true,
    });
    return kernel.bind(
      {
        pre_tanh: inputs.preTanh,
        actions: inputs.actions,
        action_gradient: inputs.actionGradient,
        temperature: inputs.temperature,
        bandwidth: this.bandwidth,
        direction: inputs.direction,
      },
      {
        threads: [states * lanes, members],
        params: { ...this.#particles(inputs), ...this.#rule(), ...this.#factors(inputs) },
      },
    );
  }

  #inMemory(inputs: SvgdInputs): Dispatch[] {
    const { members, states, fixedParticles, updatedParticles, actionSize, kind } = this.#options;
    const { preTanh, actions } = inputs;
    const positions = kind === 'raw' || kind === 'unbounded' ? preTanh : actions;
    const pairs = fixedParticles * updatedParticles;
    const shape = { ...this.#particles(inputs), fixed_particles: fixedParticles };
    const squaredDistances = this.#gpu.tensor('svgd.squaredDistances', [members, states, pairs]);
    const code = constantFor(DIRECTIONS, kind);
    return [
      this.#gpu
        .kernel('svgd/squared_distances.wgsl')
        .bind(
          { positions, squared_distances: squaredDistances },
          { threads: [states * pairs, members], params: shape },
        ),
      this.#gpu
        .kernel('svgd/median_of_many.wgsl')
        .bind(
          { squared_distances: squaredDistances, bandwidth: this.bandwidth },
          { threads: [states * LANES_OF_MANY, members], params: { states, pairs, ...this.#rule() } },
        ),
      this.#gpu.kernel('svgd/stein_direction.wgsl', { constants: { DIRECTION: code } }).bind(
        {
          pre_tanh: preTanh,
          actions,
          squared_distances: squaredDistances,
          bandwidth: this.bandwidth,
          action_gradient: inputs.actionGradient,
          temperature: inputs.temperature,
          direction: inputs.direction,
        },
        {
          threads: [states * updatedParticles * actionSize, members],
          params: { ...shape, ...this.#factors(inputs) },
        },
      ),
    ];
  }

  /** Where particles lie. */
  #particles({ stride }: SvgdInputs) {
    const { states, fixedParticles, updatedParticles, actionSize, shared } = this.#options;
    const firstUpdated = shared ? 0 : fixedParticles;
    return {
      states,
      updated_particles: updatedParticles,
      first_updated: firstUpdated,
      particles: firstUpdated + updatedParticles,
      action_size: actionSize,
      stride,
    };
  }

  /** How h follows from the median. */
  #rule() {
    const { bandwidth, bandwidthFloor, fixedParticles } = this.#options;
    return { divisor: bandwidthDivisor(bandwidth, fixedParticles), smallest: bandwidthFloor };
  }

  /** Where dQ/da lies, and what the terms of the direction are multiplied by. */
  #factors({ gradientStride, gradientFirst, rewardScale, scale }: SvgdInputs) {
    return {
      gradient_stride: gradientStride,
      gradient_first: gradientFirst,
      repulsion: this.#options.repulsion ? 1 : 0,
      reward_scale: rewardScale,
      scale,
    };
  }
}
