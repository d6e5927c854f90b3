import type { Clock } from '../gpu/clock.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { constantsOf, shaderSource, type SlotFiller } from '../gpu/shader.ts';
import { view, type Tensor } from '../gpu/tensor.ts';
import { UsageError } from '../gpu/errors.ts';
import {
  envParamsTensor,
  packEnvParams,
  type EnvParams,
  type Environment,
  type EnvSpec,
} from './environment.ts';

/** Where transitions go: the WGSL module of the slot `sink`, and the ring it writes. */
export interface TransitionSink {
  readonly module: SlotFiller;
  readonly ring: Tensor;
  /** Records per member. */
  readonly capacity: number;
}

/** How many environments, for whom, with which randomness. */
export interface VectorEnvOptions {
  /** E, per member. */
  readonly environments: number;
  readonly members: number;
  /** (R) u32 */
  readonly seeds: Tensor;
  readonly clock: Clock;
  readonly params?: EnvParams;
  /** In place of the environment's own limit, an integer of at least 1; `reset` and `step` throw unless the module marks it `// #tunable`. */
  readonly maxEpisodeSteps?: number;
}

/** Invocations that share the records of one member: enough to fill any GPU. */
const MOST_RELABELLING = 2 ** 16;
const EPISODE = constantsOf(shaderSource('vector_env/step.wgsl'));

/**
 * E copies of one environment per member, stepped together on the GPU. An episode that ends is reset in the same step
 * (Gymnasium's SAME_STEP); the recorded transition holds the real next observation.
 */
export class VectorEnv {
  /** The environment's, with the time limit that holds here. */
  readonly spec: EnvSpec;
  readonly environments: number;
  readonly members: number;
  /** (R, E, observationSize): what the policy sees next. */
  readonly observation: Tensor;
  /** (R, stateSize, E) */
  readonly state: Tensor;
  /** (R, EPISODE_FIELDS, E): running and last episode statistics; see `shaders/vector_env/step.wgsl`. */
  readonly episode: Tensor;
  /** Steps so far of member 0's running episodes: a view (E) of `episode`. */
  readonly episodeLength: Tensor;
  /** EnvParams, which the host may write between submits; undefined if the environment has none. */
  readonly params: Tensor | undefined;
  readonly #gpu: Gpu;
  readonly #environment: Environment;
  readonly #options: VectorEnvOptions;
  readonly #tunables: Readonly<Record<string, number>>;

  constructor(gpu: Gpu, environment: Environment, options: VectorEnvOptions) {
    const { environments, members, maxEpisodeSteps } = options;
    const { spec, stateSize } = environment;
    this.#gpu = gpu;
    this.#environment = environment;
    this.#options = options;
    this.#tunables = maxEpisodeSteps === undefined ? {} : { MAX_EPISODE_STEPS: maxEpisodeSteps };
    this.spec = { ...spec, ...(maxEpisodeSteps !== undefined && { maxEpisodeSteps }) };
    this.environments = environments;
    this.members = members;
    this.observation = gpu.tensor('env.observation', [members, environments, spec.observationSize]);
    this.state = gpu.tensor('env.state', [members, stateSize, environments]);
    this.episode = gpu.tensor('env.episode', [members, EPISODE['EPISODE_FIELDS']!, environments]);
    this.episodeLength = view(this.episode, 'env.episodeLength', EPISODE['LENGTH']! * environments, [
      environments,
    ]);
    this.params = envParamsTensor(gpu, environment, { ...environment.defaultParams, ...options.params });
  }

  /** Puts every environment into a first state drawn from the start distribution. */
  reset(): Program {
    const { seeds, clock } = this.#options;
    return program('env.reset', [
      this.#gpu
        .kernel('vector_env/reset.wgsl', {
          slots: { env: this.#environment.module },
          tunables: this.#tunables,
        })
        .bind(
          {
            ...(this.params && { env_params: this.params }),
            clock: clock.tensor,
            seeds,
            state: this.state,
            observation: this.observation,
          },
          { threads: [this.environments, this.members], params: { environments: this.environments } },
        ),
    ]);
  }

  /** One step of every environment under `action` (R, E, actionSize), recorded through `sink`. */
  step(action: Tensor, sink: TransitionSink): Program {
    const { seeds, clock } = this.#options;
    return program('env.step', [
      this.#gpu
        .kernel('vector_env/step.wgsl', {
          slots: { env: this.#environment.module, sink: sink.module },
          tunables: this.#tunables,
        })
        .bind(
          {
            ...(this.params && { env_params: this.params }),
            clock: clock.tensor,
            seeds,
            actions: action,
            state: this.state,
            observation: this.observation,
            episode: this.episode,
            ring: sink.ring,
          },
          {
            threads: [this.environments, this.members],
            params: { environments: this.environments, capacity: sink.capacity },
          },
        ),
    ]);
  }

  /**
   * Changes the world between submits; parameters that are left out go back to what this was made with. Transitions that
   * are stored already stay what they were: see `relabel`.
   * @throws Error for an environment without parameters, or a name that it does not have.
   */
  setParams(params: EnvParams): void {
    if (!this.params) throw new Error(`'${this.spec.name}' has no parameters.`);
    const all = { ...this.#environment.defaultParams, ...this.#options.params, ...params };
    this.#gpu.write(this.params, packEnvParams(this.#environment, all));
  }

  /**
   * Makes every transition stored in `sink` again in the world as it is now: reward, next observation and end follow from
   * its observation and action.
   * @throws UsageError where the observation is not the whole state.
   */
  relabel(sink: Pick<TransitionSink, 'ring' | 'capacity'>): Program {
    const { seeds, clock } = this.#options;
    const { module, observesState, spec } = this.#environment;
    if (!observesState) {
      throw new UsageError(
        `Transitions of '${spec.name}' cannot be relabelled: its observation is not its whole state.`,
      );
    }
    const invocations = Math.min(sink.capacity, MOST_RELABELLING);
    return program('env.relabel', [
      this.#gpu
        .kernel('vector_env/relabel.wgsl', { slots: { env: module }, tunables: this.#tunables })
        .bind(
          { ...(this.params && { env_params: this.params }), clock: clock.tensor, seeds, ring: sink.ring },
          { threads: [invocations, this.members], params: { capacity: sink.capacity, invocations } },
        ),
    ]);
  }
}
