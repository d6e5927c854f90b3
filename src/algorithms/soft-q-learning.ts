import type { Clock } from '../gpu/clock.ts';
import { Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Dispatch } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import { Adam } from '../nn/adam.ts';
import type { Activation } from '../nn/mlp.ts';
import type { NamedArray } from '../nn/parameters.ts';
import { Proposal, type ProposalKind } from '../rl/proposal.ts';
import type { Batch, ReplayBuffer } from '../rl/replay-buffer.ts';
import { SamplingNetwork } from '../rl/sampling-network.ts';
import { SoftQFunction } from '../rl/soft-q-function.ts';
import { Svgd, type BandwidthRule, type SteinKind } from '../svgd/svgd.ts';
import type { Algorithm, Metric } from './algorithm.ts';

/** Every choice of soft Q-learning. Numbers of the paper and of the released code: `src/train/presets.ts`. */
export interface SoftQLearningOptions {
  /** alpha in units of the reward before scaling; section 2 of the paper. */
  readonly temperature: number;
  /** Where alpha goes, geometrically, over `temperatureUpdates` updates. */
  readonly finalTemperature: number;
  readonly temperatureUpdates: number;
  /** The networks learn in units of reward times this (released code); alpha is scaled along, so the optimum stays. */
  readonly rewardScale: number;
  /** gamma */
  readonly discount: number;
  /** B, Algorithm 1 line 14. */
  readonly batchSize: number;
  /** Widths of the hidden layers of both networks. */
  readonly hidden: readonly number[];
  readonly activation: Activation;
  /** Size of the noise xi. */
  readonly latentSize: number;
  readonly criticLearningRate: number;
  readonly policyLearningRate: number;
  /** Kv, eq. 10. */
  readonly valueParticles: number;
  readonly proposal: ProposalKind;
  /** h of the proposal `mixture`. */
  readonly mixtureSpread: number;
  /** M: particles at which the energy's gradient is taken, eq. 13. */
  readonly fixedParticles: number;
  /** K: particles that are moved, eq. 14. */
  readonly updatedParticles: number;
  readonly stein: Exclude<SteinKind, 'unbounded'>;
  readonly bandwidth: BandwidthRule;
  readonly bandwidthFloor: number;
  readonly repulsion: boolean;
  /** Target network: tau of the way at every `targetInterval`-th update. */
  readonly targetTau: number;
  readonly targetInterval: number;
  /** `simultaneous`: both gradients at the iteration's first parameters; `sequential`: the actor sees the new critic. */
  readonly updateOrder: 'simultaneous' | 'sequential';
  /** Share of the environments that always act uniformly at random. */
  readonly randomShare: number;
  /** Ornstein-Uhlenbeck noise on the policy's actions while training; sigma 0 adds none. */
  readonly noiseTheta: number;
  readonly noiseSigma: number;
}

/** What the learner is given: sizes, randomness, the clock, and where transitions come from. */
export interface LearnerContext {
  readonly observationSize: number;
  readonly actionSize: number;
  /** E, per member */
  readonly environments: number;
  /** R */
  readonly members: number;
  /** (R) u32 */
  readonly seeds: Tensor;
  readonly clock: Clock;
  readonly replay: ReplayBuffer;
  /** What the policy sees, (R, E, S). */
  readonly observation: Tensor;
  /** Steps so far of each environment's episode: a view of (E) floats, the next member's `episodeStride` further. */
  readonly episodeLength: Tensor;
  readonly episodeStride: number;
}

/** Quantities that a run watches for NaN and infinity, by the names in which it reports them. */
const WATCHED = ['critic loss', 'q', 'policy'] as const;

/**
 * Soft Q-learning: Algorithm 1 of Haarnoja et al. (2017), "Reinforcement Learning with Deep Energy-Based Policies".
 * One update regresses Q on the soft Bellman backup (`criticGradient`) and moves the sampling network along the
 * amortised Stein variational gradient (`actorGradient`); the rest of the file names the buffers between the steps.
 */
export class SoftQLearning implements Algorithm {
  readonly softQ: SoftQFunction;
  readonly samplingNetwork: SamplingNetwork;
  readonly svgd: Svgd;
  readonly faults: Faults;
  readonly batch: Batch;
  /** alpha of each member, (R). */
  readonly temperature: Tensor;
  readonly action: Tensor;
  /** State of the Ornstein-Uhlenbeck noise, (R, E, A); undefined without noise. */
  readonly explorationNoise: Tensor | undefined;
  readonly act: Algorithm['act'];
  readonly update: Algorithm['update'];
  readonly metrics: readonly Metric[];
  readonly #gpu: Gpu;
  readonly #context: LearnerContext;
  readonly #options: SoftQLearningOptions;
  readonly #critic: Adam;
  readonly #actor: Adam;

  constructor(gpu: Gpu, context: LearnerContext, options: SoftQLearningOptions) {
    const { observationSize, actionSize, environments, members, seeds, clock } = context;
    const { hidden, activation, latentSize, batchSize, fixedParticles, updatedParticles } = options;
    this.#gpu = gpu;
    this.#context = context;
    this.#options = options;
    const widths = { observationSize, actionSize, hidden, activation, members };
    const targetUpdate = { tau: options.targetTau, interval: options.targetInterval };
    this.faults = new Faults(gpu, WATCHED);
    this.softQ = new SoftQFunction(gpu, widths, targetUpdate, clock, this.faults);
    this.samplingNetwork = new SamplingNetwork(gpu, { ...widths, latentSize }, clock, seeds);
    this.svgd = new Svgd(gpu, {
      members,
      states: batchSize,
      fixedParticles,
      updatedParticles,
      actionSize,
      kind: options.stein,
      bandwidth: options.bandwidth,
      bandwidthFloor: options.bandwidthFloor,
      repulsion: options.repulsion,
    });
    this.temperature = gpu.tensorOf('temperature', new Float32Array(members).fill(options.temperature));
    this.action = gpu.tensor('action', [members, environments, actionSize]);
    this.explorationNoise =
      options.noiseSigma > 0
        ? gpu.tensor('explorationNoise', [members, environments, actionSize])
        : undefined;
    this.batch = context.replay.batch(batchSize);

    const perState = (label: string) => gpu.tensor(label, [members, batchSize]);
    const critic = this.#criticGradient(perState('softValue'), perState('tdTarget'), perState('criticLoss'));
    const actor = this.#actorGradient();
    const rates = (rate: number) => new Array<number>(members).fill(rate);
    this.#critic = new Adam(gpu, this.softQ.mlp.parameters, critic.gradient, clock, this.faults, {
      learningRate: rates(options.criticLearningRate),
      counts: 'updates',
    });
    this.#actor = new Adam(gpu, this.samplingNetwork.mlp.parameters, actor.gradient, clock, this.faults, {
      learningRate: rates(options.policyLearningRate),
      counts: 'policyUpdates',
    });

    const sample = context.replay.sample(this.batch, seeds, clock);
    const anneal = this.#anneal();
    const { update: target } = this.softQ.target;
    this.update = {
      critic: program('update.critic', [...anneal, sample, critic.program, this.#critic.step, target]),
      both: program(
        'update.both',
        options.updateOrder === 'simultaneous'
          ? [...anneal, sample, critic.program, actor.program, this.#critic.step, this.#actor.step, target]
          : [...anneal, sample, critic.program, this.#critic.step, actor.program, this.#actor.step, target],
      ),
    };
    this.act = this.#acting();
    this.metrics = this.#metrics(critic);
  }

  /** Eq. 10-11: regress Q(s, a) on r + gamma * soft value of s' under the target network. */
  #criticGradient(value: Tensor, tdTarget: Tensor, loss: Tensor) {
    const { softQ, batch, temperature } = this;
    const { discount, rewardScale } = this.#options;
    const proposal = this.#proposal(); //                                       a_k ~ q(.|s'), (B Kv, S + A) and log q
    const prediction = softQ.prediction(batch); //                              Q(s, a), (B, 1)
    const gradient = prediction.parameterGradient(); //                         dJ_Q / dtheta
    const steps = program('critic', [
      proposal.program,
      softQ.tdTarget(batch, proposal, { discount, rewardScale, temperature }, { value, tdTarget }), // V, y: (B)
      softQ.regress(prediction, tdTarget, loss, gradient), //                   J_Q = mean 1/2 (Q - y)^2
    ]);
    return { program: steps, gradient, value, tdTarget, loss, prediction };
  }

  /** Eq. 13-14: particles, dQ/da at the fixed ones, the Stein direction of the others, and back through the network. */
  #actorGradient() {
    const { softQ, samplingNetwork, svgd, batch, temperature } = this;
    const { fixedParticles, updatedParticles, rewardScale, batchSize } = this.#options;
    const { observationSize, actionSize } = this.#context;
    const states = batchSize;
    const draw = samplingNetwork.draw('particles', {
      observation: batch.observation,
      states,
      particles: fixedParticles + updatedParticles,
      use: 'particles',
    }); //                                                                      u = f(xi; s), ((M + K) B, A)
    const q = softQ.actionGradient(fixedParticles * states); //                 dQ/da, (M B, S + A)
    const actions = draw.pass.gradTensor('actions', actionSize); //             a = tanh u
    const outputGrad = draw.pass.gradTensor('outputGrad', actionSize); //       -phi / (B K)
    const rows = { firstRow: fixedParticles * states, rows: updatedParticles * states };
    const gradient = draw.pass.parameterGradient(rows.rows);
    const squash = {
      observation: batch.observation,
      actions,
      stateAction: q.stateAction,
      states,
      fixedParticles,
    };
    const steps = program('actor', [
      draw.program,
      samplingNetwork.squash(draw, squash),
      q.program,
      svgd.direction({
        preTanh: draw.preTanh,
        actions,
        stride: padded(actionSize),
        actionGradient: q.gradient,
        gradientStride: padded(observationSize + actionSize),
        gradientFirst: observationSize,
        temperature,
        rewardScale,
        direction: outputGrad,
        scale: -1 / (states * updatedParticles), // Adam descends, the direction ascends
      }),
      draw.pass.backward({ outputGrad, parameterGrad: gradient, ...rows }),
    ]);
    return { program: steps, gradient };
  }

  #proposal(): Proposal {
    const { observationSize, actionSize, members, seeds, clock } = this.#context;
    const { batchSize, valueParticles, proposal, mixtureSpread } = this.#options;
    return new Proposal(this.#gpu, {
      kind: proposal,
      members,
      states: batchSize,
      particles: valueParticles,
      observationSize,
      actionSize,
      nextObservation: this.batch.nextObservation,
      clock,
      seeds,
      policy: this.samplingNetwork,
      mixtureSpread,
    });
  }

  /** Algorithm 1, lines 7-8: a = f(xi; s); a share of the environments stays uniform, and all are in warm-up. */
  #acting(): Algorithm['act'] {
    const { environments, observation } = this.#context;
    const { samplingNetwork, action } = this;
    const draw = samplingNetwork.draw('act', { observation, states: environments, particles: 1, use: 'act' });
    const act = (randomEnvironments: number) =>
      samplingNetwork.act({ preTanh: draw.preTanh, action, states: environments, randomEnvironments });
    const random = randomEnvironmentsOf(environments, this.#options.randomShare);
    return {
      policy: program('act.policy', [draw.program, act(random), ...this.#exploration(random)]),
      random: program('act.random', [act(environments)]),
    };
  }

  #exploration(randomEnvironments: number): Dispatch[] {
    if (!this.explorationNoise) return [];
    const { environments, actionSize, members, seeds, clock, episodeLength, episodeStride } = this.#context;
    const { noiseTheta, noiseSigma } = this.#options;
    return [
      this.#gpu.kernel('rl/ornstein_uhlenbeck.wgsl').bind(
        {
          clock: clock.tensor,
          seeds,
          episode_length: episodeLength,
          noise: this.explorationNoise,
          action: this.action,
        },
        {
          threads: [environments, members],
          params: {
            environments,
            random_environments: randomEnvironments,
            action_size: actionSize,
            episode_stride: episodeStride,
            theta: noiseTheta,
            sigma: noiseSigma,
          },
        },
      ),
    ];
  }

  /** The temperature schedule, if it moves. */
  #anneal(): Dispatch[] {
    const { temperature, finalTemperature, temperatureUpdates } = this.#options;
    if (temperature === finalTemperature) return [];
    const { members, clock } = this.#context;
    const start = this.#gpu.tensorOf('temperature.start', new Float32Array(members).fill(temperature));
    const params = {
      members,
      octaves: Math.log2(finalTemperature / temperature),
      duration: temperatureUpdates,
    };
    return [
      this.#gpu
        .kernel('rl/anneal_temperature.wgsl')
        .bind({ clock: clock.tensor, start, temperature: this.temperature }, { threads: [members], params }),
    ];
  }

  #metrics(critic: { value: Tensor; loss: Tensor; prediction: { output: Tensor } }): Metric[] {
    const { batchSize, rewardScale } = this.#options;
    const perState = { first: 0, count: batchSize, stride: 1, memberStride: batchSize };
    const q = { ...perState, stride: padded(1), memberStride: padded(1) * batchSize };
    const raw = 1 / rewardScale;
    return [
      // The loss is of scaled rewards, as it is minimised; values are in raw reward units, as people read them.
      { name: 'losses/critic_loss', tensor: critic.loss, ...perState, factor: 1 },
      { name: 'losses/q_values', tensor: critic.prediction.output, ...q, factor: raw },
      { name: 'losses/soft_value', tensor: critic.value, ...perState, factor: raw },
      { name: 'losses/bandwidth', tensor: this.svgd.bandwidth, ...perState, factor: 1 },
      {
        name: 'charts/temperature',
        tensor: this.temperature,
        first: 0,
        count: 1,
        stride: 1,
        memberStride: 1,
        factor: 1,
      },
    ];
  }

  async initialise(seeds: readonly number[]): Promise<void> {
    this.softQ.mlp.parameters.initialise(seeds, 0);
    this.samplingNetwork.mlp.parameters.initialise(seeds, 1);
    await this.softQ.target.copy();
  }

  async state(): Promise<NamedArray[]> {
    const parts = await Promise.all(
      this.#stored().map(async ({ parameters, tensor }) =>
        parameters.unpack(await this.#gpu.read(tensor), tensor.label),
      ),
    );
    const { label: name, shape } = this.temperature;
    return [...parts.flat(), { name, shape, data: await this.#gpu.read(this.temperature) }];
  }

  restore(arrays: ReadonlyMap<string, Float32Array>): void {
    // All arrays are checked before the first is written: a damaged file changes nothing.
    const packed = this.#stored().map(({ parameters, tensor }) => ({
      tensor,
      data: parameters.pack(arrays, tensor.label),
    }));
    const temperature = arrays.get(this.temperature.label);
    if (temperature?.length !== this.temperature.size)
      throw new Error(`'${this.temperature.label}' should have ${this.temperature.size} numbers`);
    for (const { tensor, data } of packed) this.#gpu.write(tensor, data);
    this.#gpu.write(this.temperature, temperature);
  }

  #stored() {
    const q = this.softQ.mlp.parameters;
    const policy = this.samplingNetwork.mlp.parameters;
    return [
      { parameters: q, tensor: q.tensor },
      { parameters: q, tensor: this.softQ.target.mlp.parameters.tensor },
      { parameters: q, tensor: this.#critic.mean },
      { parameters: q, tensor: this.#critic.square },
      { parameters: policy, tensor: policy.tensor },
      { parameters: policy, tensor: this.#actor.mean },
      { parameters: policy, tensor: this.#actor.square },
    ];
  }
}

/** How many of the environments always act at random: the first ones. */
export function randomEnvironmentsOf(environments: number, share: number): number {
  return Math.floor(environments * share);
}
