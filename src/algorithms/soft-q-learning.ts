import { Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import type { NamedArray } from '../nn/parameters.ts';
import { BehaviourPolicy } from '../rl/behaviour-policy.ts';
import { squash } from '../rl/policy.ts';
import { Proposal } from '../rl/proposal.ts';
import type { Batch } from '../rl/replay-buffer.ts';
import { SamplingNetwork } from '../rl/sampling-network.ts';
import { POLICY_NETWORK, SoftQFunction } from '../rl/soft-q-function.ts';
import { particleEntropy, Temperature } from '../rl/temperature.ts';
import { Svgd } from '../svgd/svgd.ts';
import {
  assemble,
  criticMetrics,
  criticSeries,
  layeredNote,
  LEARNER_FAULTS,
  obstacleToFamily,
  type LearnerState,
  type Algorithm,
  type LearnerContext,
  type Metric,
} from './algorithm.ts';
import { fusedGradients, obstacleToFusing } from './fused-update.ts';
import type { SoftQLearningOptions } from './soft-q-options.ts';

/**
 * Soft Q-learning: Algorithm 1 of Haarnoja et al. (2017), "Reinforcement Learning with Deep Energy-Based Policies".
 * One update regresses Q on the soft Bellman backup (`criticGradient`) and moves the sampling network along the
 * amortised Stein variational gradient (`actorGradient`); the rest of the file names the buffers between the steps.
 */
export class SoftQLearning implements Algorithm {
  readonly softQ: SoftQFunction;
  readonly samplingNetwork: SamplingNetwork;
  readonly faults: Faults;
  readonly temperature: Tensor;
  readonly behaviour: BehaviourPolicy;
  readonly update: Algorithm['update'];
  readonly metrics: readonly Metric[];
  /** Why the update is computed layer by layer, in words for people; null where whole networks go in a dispatch. */
  readonly fusingObstacle: string | null;
  readonly #gpu: Gpu;
  readonly #context: LearnerContext;
  readonly #options: SoftQLearningOptions;
  readonly #state: LearnerState;

  constructor(gpu: Gpu, context: LearnerContext, options: SoftQLearningOptions) {
    const { observationSize, actionSize, members, seeds, clock } = context;
    const { hidden, activation, latentSize, batchSize } = options;
    this.#gpu = gpu;
    this.#context = context;
    this.#options = options;
    const widths = { observationSize, actionSize, hidden, activation, members };
    const targetUpdate = { tau: options.targetTau, interval: options.targetInterval };
    this.faults = new Faults(gpu, LEARNER_FAULTS);
    const { critics, ensemble } = options;
    this.softQ = new SoftQFunction(gpu, { ...widths, critics, ensemble }, targetUpdate, clock, this.faults);
    this.samplingNetwork = new SamplingNetwork(gpu, { ...widths, latentSize }, clock, seeds);
    const temperature = new Temperature(gpu, members, clock, options);
    this.temperature = temperature.tensor;
    this.behaviour = new BehaviourPolicy(gpu, this.samplingNetwork, context, options);
    const networks = [this.softQ.mlp, this.samplingNetwork.mlp];
    this.fusingObstacle = obstacleToFamily(gpu, networks, () => obstacleToFusing(gpu, options, this));
    const fused = gpu.kernelFamily === 'fused' && this.fusingObstacle === null;
    const { critic, actor, together, begin } = fused ? this.#fused() : this.#layered();
    const tuning = options.targetEntropy === null ? undefined : this.#tuning(temperature, actor.preTanh);
    const learner = {
      faults: this.faults,
      critic: { parameters: this.softQ.mlp.parameters, ...critic, target: this.softQ.target },
      actor: { parameters: this.samplingNetwork.mlp.parameters, ...actor },
      ...(together && { gradients: together }),
      begin: [...temperature.schedule, ...begin],
      end: tuning?.steps ?? [],
      temperature: this.temperature,
      note: layeredNote(gpu, this.fusingObstacle),
    };
    const { update, state } = assemble(gpu, context, options, learner);
    this.update = update;
    this.#state = state;
    const perState = { first: 0, count: batchSize, stride: 1, memberStride: batchSize, factor: 1 };
    this.metrics = [
      ...criticMetrics(critic, this.temperature, options),
      { name: 'losses/bandwidth', tensor: actor.bandwidth, ...perState },
      ...(tuning?.metrics ?? []),
    ];
  }

  /** The sampling network: what is learned besides Q. */
  get policy(): SamplingNetwork {
    return this.samplingNetwork;
  }

  /** Both gradients in a dispatch for each level of their dependence. */
  #fused() {
    const parts = fusedGradients(this.#gpu, this.#context, this.#options, this);
    return { ...parts, begin: [] };
  }

  /** Both gradients a network or layer and a term at a time: for every choice of options, and the easier one to read. */
  #layered() {
    const { replay, members, seeds, clock } = this.#context;
    const { batchSize, fixedParticles, updatedParticles } = this.#options;
    const batch = replay.batch(batchSize);
    const perState = (label: string) => this.#gpu.tensor(label, [members, batchSize]);
    const svgd = new Svgd(this.#gpu, {
      members,
      states: batchSize,
      fixedParticles,
      updatedParticles,
      actionSize: this.#context.actionSize,
      kind: this.#options.stein,
      bandwidth: this.#options.bandwidth,
      bandwidthFloor: this.#options.bandwidthFloor,
      repulsion: this.#options.repulsion,
    });
    return {
      critic: this.#criticGradient(batch, perState('softValue'), perState('tdTarget')),
      actor: this.#actorGradient(batch, svgd),
      together: undefined,
      begin: [replay.sample(batch, seeds, clock)],
    };
  }

  /** Eq. 10-11: regress Q(s, a) on r + gamma * soft value of s' under the target network. */
  #criticGradient(batch: Batch, value: Tensor, tdTarget: Tensor) {
    const { softQ, temperature } = this;
    const { discount, rewardScale, batchSize } = this.#options;
    const proposal = this.#proposal(batch); //                                       a_k ~ q(.|s'), (B Kv, S + A) and log q
    const prediction = softQ.prediction(batch); //                              Q(s, a), (B, 1)
    const gradient = prediction.parameterGradient(); //                         dJ_Q / dtheta
    const loss = softQ.lossTensor(batch); //                                    (n B) of n critics
    const steps = program('critic', [
      proposal.program,
      softQ.tdTarget(batch, proposal, { discount, rewardScale, temperature }, { value, tdTarget }), // V, y: (B)
      softQ.regress(prediction, tdTarget, loss, gradient), //                   J_Q = mean 1/2 (Q - y)^2
    ]);
    const series = criticSeries(
      { loss, value, prediction: prediction.output },
      this.#context.members,
      batchSize,
    );
    return { program: steps, gradient, ...series };
  }

  /** Eq. 13-14: particles, dQ/da at the fixed ones, the Stein direction of the others, and back through the network. */
  #actorGradient(batch: Batch, svgd: Svgd) {
    const { softQ, samplingNetwork, temperature } = this;
    const { fixedParticles, updatedParticles, rewardScale, batchSize } = this.#options;
    const { observationSize, actionSize } = this.#context;
    const states = batchSize;
    const draw = samplingNetwork.draw('particles', {
      observation: batch.observation,
      states,
      particles: fixedParticles + updatedParticles,
      use: 'particles',
    }); //                                                                      u = f(xi; s), ((M + K) B, A)
    const q = softQ.actionGradient(fixedParticles * states, { value: false }); // dQ/da, (M B, S + A)
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
    return { program: steps, gradient, preTanh: draw.preTanh, bandwidth: svgd.bandwidth };
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

  #proposal(batch: Batch): Proposal {
    const { observationSize, actionSize, members, seeds, clock } = this.#context;
    const { batchSize, valueParticles, proposal, mixtureSpread } = this.#options;
    return new Proposal(this.#gpu, {
      kind: proposal,
      members,
      states: batchSize,
      particles: valueParticles,
      observationSize,
      actionSize,
      nextObservation: batch.nextObservation,
      clock,
      seeds,
      policy: this.samplingNetwork,
      mixtureSpread,
    });
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
