import type { Gpu } from '../gpu/gpu.ts';
import { program, type Dispatch, type Program } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import type { NoiseSource, Policy } from './policy.ts';

/** How a run explores beyond what its policy does. */
export interface ExplorationOptions {
  /** Share of the environments that always act uniformly at random. */
  readonly randomShare: number;
  /** Ornstein-Uhlenbeck noise on the policy's actions; sigma 0 adds none. */
  readonly noiseTheta: number;
  readonly noiseSigma: number;
}

/** The environments that are acted in. */
export interface ActingContext extends NoiseSource {
  /** E, per member */
  readonly environments: number;
  readonly members: number;
  /** What the policy sees, (R, E, S). */
  readonly observation: Tensor;
  /** Steps so far of each environment's episode: a view of (E) floats, the next member's `episodeStride` further. */
  readonly episodeLength: Tensor;
  readonly episodeStride: number;
}

/** What collects the data: the policy, noise on top of it, and a share of environments that stay uniform at random. */
export class BehaviourPolicy {
  /** (R, E, A): what the environments do next. */
  readonly action: Tensor;
  /** State of the Ornstein-Uhlenbeck noise, (R, E, A); undefined without noise. */
  readonly noise: Tensor | undefined;
  /** Fills `action` by the policy. */
  readonly policy: Program;
  /** Fills `action` uniformly at random: warm-up. */
  readonly random: Program;

  constructor(gpu: Gpu, policy: Policy, context: ActingContext, options: ExplorationOptions) {
    const { environments, members, observation } = context;
    const shape = [members, environments, policy.spec.actionSize];
    this.action = gpu.tensor('action', shape);
    this.noise = options.noiseSigma > 0 ? gpu.tensor('explorationNoise', shape) : undefined;
    const random = randomEnvironmentsOf(environments, options.randomShare);
    const { action } = this;
    const fused = policy.act?.({ observation, action, randomEnvironments: random });
    this.policy = program('act.policy', [
      ...(fused ? [fused] : this.#drawn(gpu, policy, context, random)),
      ...this.#ornsteinUhlenbeck(gpu, context, random, options),
    ]);
    // All of them are random: the particles are not looked at.
    const unused = gpu.tensor('act.unused', [padded(policy.spec.actionSize)]);
    const everywhere = { preTanh: unused, action, randomEnvironments: environments };
    this.random = program('act.random', [act(gpu, everywhere, context)]);
  }

  #drawn(gpu: Gpu, policy: Policy, context: ActingContext, randomEnvironments: number): Program[] {
    const { environments: states, observation } = context;
    const { preTanh, program: draw } = policy.draw('act', { observation, states, particles: 1, use: 'act' });
    return [draw, act(gpu, { preTanh, action: this.action, randomEnvironments }, context)];
  }

  #ornsteinUhlenbeck(
    gpu: Gpu,
    context: ActingContext,
    randomEnvironments: number,
    { noiseTheta: theta, noiseSigma: sigma }: ExplorationOptions,
  ): Dispatch[] {
    if (!this.noise) return [];
    const { environments, members, seeds, clock, episodeLength, episodeStride } = context;
    return [
      gpu.kernel('rl/ornstein_uhlenbeck.wgsl').bind(
        {
          clock: clock.tensor,
          seeds,
          episode_length: episodeLength,
          noise: this.noise,
          action: this.action,
        },
        {
          threads: [environments, members],
          params: {
            environments,
            random_environments: randomEnvironments,
            action_size: this.action.shape[2]!,
            episode_stride: episodeStride,
            theta,
            sigma,
          },
        },
      ),
    ];
  }
}

/**
 * a = tanh u (R, E, A) from one draw per environment; the first `randomEnvironments` get uniform actions instead,
 * without looking at `preTanh` (R, E, padded(A)).
 */
export function act(
  gpu: Gpu,
  options: { preTanh: Tensor; action: Tensor; randomEnvironments: number },
  { clock, seeds }: NoiseSource,
): Program {
  const { preTanh, action, randomEnvironments } = options;
  const [members, environments, actionSize] = action.shape as [number, number, number];
  return program('act', [
    gpu.kernel('rl/act.wgsl').bind(
      { clock: clock.tensor, seeds, pre_tanh: preTanh, action },
      {
        threads: [environments, members],
        params: {
          environments,
          random_environments: randomEnvironments,
          action_size: actionSize,
          stride: padded(actionSize),
        },
      },
    ),
  ]);
}

/** How many of the environments always act at random: the first ones. */
export function randomEnvironmentsOf(environments: number, share: number): number {
  return Math.floor(environments * share);
}
