import type { Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Dispatch, type Program } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import { Adam } from '../nn/adam.ts';
import { obstacleToLanes } from '../nn/lanes-pass.ts';
import type { Network, ParameterGradient } from '../nn/mlp-pass.ts';
import type { Activation } from '../nn/mlp-spec.ts';
import type { NamedArray, Parameters } from '../nn/parameters.ts';
import type { TargetNetwork } from '../nn/target-network.ts';
import type { ActingContext, BehaviourPolicy, ExplorationOptions } from '../rl/behaviour-policy.ts';
import type { Policy } from '../rl/policy.ts';
import type { ReplayBuffer } from '../rl/replay-buffer.ts';
import type { Ensemble, SoftQFunction } from '../rl/soft-q-function.ts';
import type { TemperatureOptions } from '../rl/temperature.ts';

/** Numbers of each member: `count` of `tensor`, `stride` apart, from `first` on. */
export interface Series {
  readonly tensor: Tensor;
  readonly first: number;
  readonly count: number;
  readonly stride: number;
  /** Floats between one member's numbers and the next's. */
  readonly memberStride: number;
}

/** A scalar to report: the mean of a series per member. */
export interface Metric extends Series {
  /** CleanRL-style, e.g. `losses/critic_loss`. */
  readonly name: string;
  /** The reported number is the mean times this, e.g. to undo reward scaling. */
  readonly factor: number;
  /** Another metric of the same read-out to divide by: the share of numbers that count. */
  readonly per?: string;
}

/** Which kind of gradient step: the critic alone in the critic-first phase, the policy alone, or both networks. */
export type UpdatePhase = 'critic' | 'policy' | 'both';

/** Choices that every learner here has. */
export interface LearnerOptions extends TemperatureOptions, ExplorationOptions {
  /** The networks learn in units of reward times this (released code); alpha is scaled along, so the optimum stays. */
  readonly rewardScale: number;
  /** gamma */
  readonly discount: number;
  /** B, Algorithm 1 line 14. */
  readonly batchSize: number;
  /** Widths of the hidden layers of all networks. */
  readonly hidden: readonly number[];
  readonly activation: Activation;
  /** n: critics of each member, and what Q is made of them. */
  readonly critics: number;
  readonly ensemble: Ensemble;
  readonly criticLearningRate: number;
  readonly policyLearningRate: number;
  /** Share of both learning rates that is left after `updates` updates, falling linearly; 1 keeps them. */
  readonly finalLearningRateShare: number;
  /** Gradient steps of the whole run. */
  readonly updates: number;
  /** Target network: tau of the way at every `targetInterval`-th update. */
  readonly targetTau: number;
  readonly targetInterval: number;
  /** `simultaneous`: both gradients at the iteration's first parameters; `sequential`: the actor sees the new critic. */
  readonly updateOrder: 'simultaneous' | 'sequential';
}

/** What a learner is given: sizes, randomness, the clock, and where transitions come from. */
export interface LearnerContext extends ActingContext {
  readonly observationSize: number;
  readonly actionSize: number;
  readonly replay: ReplayBuffer;
}

/** A learner: programs to act and to update, over tensors that it owns. It knows an EnvSpec, never an environment. */
export interface Algorithm {
  /** What has been learned: draws actions at any observation. */
  readonly policy: Policy;
  /** Q_theta(s, a), in units of the scaled reward. */
  readonly softQ: SoftQFunction;
  /** alpha of each member, (R), in units of the reward before scaling. */
  readonly temperature: Tensor;
  /** What acts while collecting: `policy`, random actions and noise. */
  readonly behaviour: BehaviourPolicy;
  /** Where losses and weights that are not finite are noticed. */
  readonly faults: Faults;
  /** One gradient step. */
  readonly update: Readonly<Record<UpdatePhase, Program>>;
  readonly metrics: readonly Metric[];
  /** Draws the initial parameters from each member's seed. */
  initialise(seeds: readonly number[]): Promise<void>;
  /** Networks, their moments and the temperature: what an update changes, by name, in logical shapes. */
  state(): Promise<NamedArray[]>;
  /**
   * Puts back what `state` gave.
   * @throws Error if an array is missing or has another size.
   */
  restore(arrays: ReadonlyMap<string, Float32Array>): void;
}

/** Quantities that a run watches for NaN and infinity, by the names in which it reports them. */
export const LEARNER_FAULTS = ['critic loss', 'q', 'policy'] as const;

/** A network under gradient descent: its parameters, what computes their gradient, and what follows it. */
export interface TrainedNetwork {
  readonly parameters: Parameters;
  /** Fills `gradient`. */
  readonly program: Program;
  readonly gradient: ParameterGradient;
  readonly target?: TargetNetwork;
}

/** The parts of which every learner's update is made. */
export interface LearnerParts {
  readonly faults: Faults;
  readonly critic: TrainedNetwork;
  readonly actor: TrainedNetwork;
  /** Both gradients in the order in which they depend on each other; left out, the critic's before the actor's. */
  readonly gradients?: Program;
  /** Before the gradients: temperature, minibatch. */
  readonly begin: readonly (Dispatch | Program)[];
  /** After both networks have moved, where both do. */
  readonly end?: readonly Dispatch[];
  readonly temperature: Tensor;
  /** What a reader of the update's tree should know. */
  readonly note: string | undefined;
}

/**
 * Why an update is computed layer by layer, in words for people; null where the kernels of the device's family take all its
 * `networks`. `toFused` says what keeps fused kernels from it.
 */
export function obstacleToFamily(
  gpu: Gpu,
  networks: readonly Pick<Network, 'spec'>[],
  toFused: () => string | null = () => 'fused kernels are those of soft Q-learning',
): string | null {
  switch (gpu.kernelFamily) {
    case 'layered':
      return gpu.suitableFamily === 'layered' ? 'that is faster on a processor' : 'that was asked for';
    case 'lanes':
      return networks.map((network) => obstacleToLanes(gpu, network)).find((words) => words !== null) ?? null;
    case 'fused':
      return toFused();
  }
}

/** What a reader of an update's tree is told of such an obstacle. */
export function layeredNote({ kernelFamily }: Gpu, obstacle: string | null): string | undefined {
  const part = kernelFamily === 'lanes' ? 'at least in part ' : '';
  return obstacle === null ? undefined : `${part}layer by layer, because ${obstacle}`;
}

/** One update in the order of Algorithm 1, with Adam on both networks, and the state that it changes. */
export function assemble(
  gpu: Gpu,
  { clock }: Pick<LearnerContext, 'clock'>,
  options: LearnerOptions,
  parts: LearnerParts,
): { readonly update: Algorithm['update']; readonly state: LearnerState } {
  const { faults, critic, actor, begin, end = [], temperature, note } = parts;
  const rates = ({ parameters }: TrainedNetwork, rate: number) =>
    new Array<number>(parameters.members).fill(rate);
  const decay = { finalShare: options.finalLearningRateShare, updates: options.updates };
  const criticAdam = new Adam(gpu, critic.parameters, critic.gradient, clock, faults, {
    learningRate: rates(critic, options.criticLearningRate),
    counts: 'updates',
    decay,
    ...(critic.target && { target: critic.target }),
  });
  const actorAdam = new Adam(gpu, actor.parameters, actor.gradient, clock, faults, {
    learningRate: rates(actor, options.policyLearningRate),
    counts: 'policyUpdates',
    decay,
    ...(actor.target && { target: actor.target }),
  });
  const middle =
    options.updateOrder === 'simultaneous'
      ? [...(parts.gradients?.steps ?? [critic.program, actor.program]), criticAdam.step, actorAdam.step]
      : [critic.program, criticAdam.step, actor.program, actorAdam.step];
  const kept = ({ parameters, target }: TrainedNetwork, adam: Adam) => ({
    parameters,
    tensors: [parameters.tensor, ...(target ? [target.mlp.parameters.tensor] : []), adam.mean, adam.square],
  });
  return {
    update: {
      critic: program('update.critic', [...begin, critic.program, criticAdam.step], note),
      policy: program('update.policy', [...begin, actor.program, actorAdam.step, ...end], note),
      both: program('update.both', [...begin, ...middle, ...end], note),
    },
    state: new LearnerState(gpu, [kept(critic, criticAdam), kept(actor, actorAdam)], [temperature]),
  };
}

/** The tensors of a learner that a checkpoint keeps: those laid out like a network's parameters, and plain ones. */
export class LearnerState {
  readonly #gpu: Gpu;
  readonly #networks: readonly { parameters: Parameters; tensors: readonly Tensor[] }[];
  readonly #plain: readonly Tensor[];

  /** `networks`: parameters with all tensors of their layout (themselves, target, moments). */
  constructor(
    gpu: Gpu,
    networks: readonly { parameters: Parameters; tensors: readonly Tensor[] }[],
    plain: readonly Tensor[],
  ) {
    this.#gpu = gpu;
    this.#networks = networks;
    this.#plain = plain;
  }

  /** All of it, by name, in logical shapes. */
  async read(): Promise<NamedArray[]> {
    const parts = await Promise.all([
      ...this.#laidOut().map(async ({ parameters, tensor }) =>
        parameters.unpack(await this.#gpu.read(tensor), tensor.label),
      ),
      ...this.#plain.map(async (tensor) => [
        { name: tensor.label, shape: tensor.shape, data: await this.#gpu.read(tensor) },
      ]),
    ]);
    return parts.flat();
  }

  /**
   * Puts back what `read` gave.
   * @throws Error if an array is missing or has another size; nothing is written then.
   */
  write(arrays: ReadonlyMap<string, Float32Array>): void {
    // All arrays are checked before the first is written: a damaged file changes nothing.
    const packed = this.#laidOut().map(({ parameters, tensor }) => ({
      tensor,
      data: parameters.pack(arrays, tensor.label),
    }));
    const plain = this.#plain.map((tensor) => {
      const data = arrays.get(tensor.label);
      if (data?.length !== tensor.size)
        throw new Error(`'${tensor.label}' should have ${tensor.size} numbers`);
      return { tensor, data: new Float32Array(data) };
    });
    for (const { tensor, data } of [...packed, ...plain]) this.#gpu.write(tensor, data);
  }

  #laidOut() {
    return this.#networks.flatMap(({ parameters, tensors }) =>
      tensors.map((tensor) => ({ parameters, tensor })),
    );
  }
}

/** What a critic's losses and values are, for each transition of the minibatch. */
export interface CriticSeries {
  readonly loss: Series;
  readonly value: Series;
  readonly prediction: Series;
}

/** The series of a critic whose parts are tensors of their own: loss (R n, B), V (R, B) and Q (R n, B, 4). */
export function criticSeries(
  critic: { readonly loss: Tensor; readonly value: Tensor; readonly prediction: Tensor },
  members: number,
  batchSize: number,
): CriticSeries {
  const perState = { first: 0, count: batchSize, stride: 1, memberStride: batchSize };
  // Every critic of a member has a loss and a prediction of its own.
  const count = critic.loss.size / members;
  const each = { ...perState, count, memberStride: count };
  return {
    loss: { ...each, tensor: critic.loss },
    value: { ...perState, tensor: critic.value },
    prediction: { ...each, tensor: critic.prediction, stride: padded(1), memberStride: padded(1) * count },
  };
}

/** What a learner with a critic reports. Values are in raw reward units, as people read them; the loss is of scaled ones. */
export function criticMetrics(
  { loss, value, prediction }: CriticSeries,
  temperature: Tensor,
  { rewardScale }: { readonly rewardScale: number },
): Metric[] {
  const raw = 1 / rewardScale;
  const one = { first: 0, count: 1, stride: 1, memberStride: 1, factor: 1 };
  return [
    { name: 'losses/critic_loss', ...loss, factor: 1 },
    { name: 'losses/q_values', ...prediction, factor: raw },
    { name: 'losses/soft_value', ...value, factor: raw },
    { name: 'charts/temperature', tensor: temperature, ...one },
  ];
}
