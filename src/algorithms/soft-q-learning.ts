import { Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import type { NamedArray } from '../nn/parameters.ts';
import { BehaviourPolicy } from '../rl/behaviour-policy.ts';
import { squash } from '../rl/policy.ts';
import { Proposal, type ProposalKind } from '../rl/proposal.ts';
import type { Batch } from '../rl/replay-buffer.ts';
import { SamplingNetwork } from '../rl/sampling-network.ts';
import { POLICY_NETWORK, SoftQFunction } from '../rl/soft-q-function.ts';
import { particleEntropy, Temperature } from '../rl/temperature.ts';
import { Svgd, type BandwidthRule, type SteinKind } from '../svgd/svgd.ts';
import {
  assemble,
  criticMetrics,
  LEARNER_FAULTS,
  type LearnerState,
  type Algorithm,
  type LearnerContext,
  type LearnerOptions,
  type Metric,
} from './algorithm.ts';

/** Every choice of soft Q-learning. Numbers of the paper and of the released code: `src/train/presets.ts`. */
export interface SoftQLearningOptions extends LearnerOptions {
  /** Size of the noise xi. */
  readonly latentSize: number;
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
}

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
  readonly temperature: Tensor;
  readonly behaviour: BehaviourPolicy;
  readonly update: Algorithm['update'];
  readonly metrics: readonly Metric[];
  readonly #gpu: Gpu;
  readonly #context: LearnerContext;
  readonly #options: SoftQLearningOptions;
  readonly #state: LearnerState;

  constructor(gpu: Gpu, context: LearnerContext, options: SoftQLearningOptions) {
    const { observationSize, actionSize, members, seeds, clock } = context;
    const { hidden, activation, latentSize, batchSize, fixedParticles, updatedParticles } = options;
    this.#gpu = gpu;
    this.#context = context;
    this.#options = options;
    const widths = { observationSize, actionSize, hidden, activation, members };
    const targetUpdate = { tau: options.targetTau, interval: options.targetInterval };
    this.faults = new Faults(gpu, LEARNER_FAULTS);
    const { critics, ensemble } = options;
    this.softQ = new SoftQFunction(gpu, { ...widths, critics, ensemble }, targetUpdate, clock, this.faults);
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
    const temperature = new Temperature(gpu, members, clock, options);
    this.temperature = temperature.tensor;
    this.behaviour = new BehaviourPolicy(gpu, this.samplingNetwork, context, options);
    this.batch = context.replay.batch(batchSize);

    const perState = (label: string) => gpu.tensor(label, [members, batchSize]);
    const critic = this.#criticGradient(perState('softValue'), perState('tdTarget'));
    const actor = this.#actorGradient();
    const q = { parameters: this.softQ.mlp.parameters, ...critic, target: this.softQ.target };
    const policy = { parameters: this.samplingNetwork.mlp.parameters, ...actor };
    const begin = [...temperature.schedule, context.replay.sample(this.batch, seeds, clock)];
    const tuning = options.targetEntropy === null ? undefined : this.#tuning(temperature, actor.preTanh);
    const end = tuning?.steps ?? [];
    const learner = {
      faults: this.faults,
      critic: q,
      actor: policy,
      begin,
      end,
      temperature: this.temperature,
    };
    const { update, state } = assemble(gpu, context, options, learner);
    this.update = update;
    this.#state = state;
    this.metrics = [...this.#metrics(critic), ...(tuning?.metrics ?? [])];
  }

  /** The sampling network: what is learned besides Q. */
  get policy(): SamplingNetwork {
    return this.samplingNetwork;
  }

  /** Eq. 10-11: regress Q(s, a) on r + gamma * soft value of s' under the target network. */
  #criticGradient(value: Tensor, tdTarget: Tensor) {
    const { softQ, batch, temperature } = this;
    const { discount, rewardScale } = this.#options;
    const proposal = this.#proposal(); //                                       a_k ~ q(.|s'), (B Kv, S + A) and log q
    const prediction = softQ.prediction(batch); //                              Q(s, a), (B, 1)
    const gradient = prediction.parameterGradient(); //                         dJ_Q / dtheta
    const loss = softQ.lossTensor(batch); //                                    (n B) of n critics
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
    const { actions, dispatch } = squash(this.#gpu, 'particles', samplingNetwork.spec, {
      ...draw,
      observation: batch.observation,
      states,
      particles: fixedParticles + updatedParticles,
      stateAction: q.stateAction,
      criticParticles: fixedParticles,
    }); //                                                                      a = tanh u
    const outputGrad = draw.pass.gradTensor('outputGrad', actionSize); //       -phi / (B K)
    const rows = { firstRow: fixedParticles * states, rows: updatedParticles * states };
    const gradient = draw.pass.parameterGradient(rows.rows);
    const steps = program('actor', [
      draw.program,
      dispatch,
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
    return { program: steps, gradient, preTanh: draw.preTanh };
  }

  /** Automatic temperature: the entropy of the particles that both updates have just seen, and a step of log alpha. */
  #tuning(temperature: Temperature, preTanh: Tensor) {
    const { batchSize: states, fixedParticles: fixed, updatedParticles: updated } = this.#options;
    const { members, actionSize } = this.#context;
    const entropy = this.#gpu.tensor('policyEntropy', [members, states]);
    const particles = { preTanh, states, fixed, updated, actionSize };
    const perState = { first: 0, count: states, stride: 1, memberStride: states, factor: 1 };
    return {
      steps: [particleEntropy(this.#gpu, particles, entropy), ...temperature.tune(entropy)],
      metrics: [{ name: 'losses/policy_entropy', tensor: entropy, ...perState }],
    };
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

  #metrics(critic: { value: Tensor; loss: Tensor; prediction: { output: Tensor } }): Metric[] {
    const { batchSize } = this.#options;
    const prediction = critic.prediction.output;
    const perState = { first: 0, count: batchSize, stride: 1, memberStride: batchSize, factor: 1 };
    return [
      ...criticMetrics({ ...critic, prediction }, this.temperature, this.#options),
      { name: 'losses/bandwidth', tensor: this.svgd.bandwidth, ...perState },
    ];
  }

  async initialise(seeds: readonly number[]): Promise<void> {
    this.samplingNetwork.mlp.parameters.initialise(seeds, POLICY_NETWORK);
    await this.softQ.initialise(seeds);
  }

  state(): Promise<NamedArray[]> {
    return this.#state.read();
  }

  restore(arrays: ReadonlyMap<string, Float32Array>): void {
    this.#state.write(arrays);
  }
}
