import { Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import type { NamedArray } from '../nn/parameters.ts';
import { TargetNetwork } from '../nn/target-network.ts';
import { BehaviourPolicy } from '../rl/behaviour-policy.ts';
import { squash } from '../rl/policy.ts';
import type { Batch } from '../rl/replay-buffer.ts';
import { SamplingNetwork } from '../rl/sampling-network.ts';
import { POLICY_NETWORK, SoftQFunction } from '../rl/soft-q-function.ts';
import { Temperature } from '../rl/temperature.ts';
import {
  assemble,
  criticMetrics,
  layeredNote,
  LEARNER_FAULTS,
  obstacleToFamily,
  type LearnerState,
  type Algorithm,
  type LearnerContext,
  type LearnerOptions,
  type Metric,
} from './algorithm.ts';
import { policyBackup } from './policy-backup.ts';

/**
 * Deep deterministic policy gradient (Lillicrap et al. 2016), the paper's baseline (section 5, appendix D.1): the limit of
 * soft Q-learning without entropy (section 4). The policy is the sampling network without noise; the value of the next
 * state is the target critic at the target policy's action. It explores by Ornstein-Uhlenbeck noise. The temperature
 * plays no part in learning: it follows its schedule so that the policy can be held against the optimum at that alpha.
 */
export class Ddpg implements Algorithm {
  /** Its value is hard: no entropy is in it. */
  readonly softQ: SoftQFunction;
  /** mu(s) = tanh f(s). */
  readonly policy: SamplingNetwork;
  readonly faults: Faults;
  readonly batch: Batch;
  readonly temperature: Tensor;
  readonly behaviour: BehaviourPolicy;
  readonly update: Algorithm['update'];
  readonly metrics: readonly Metric[];
  readonly #gpu: Gpu;
  readonly #context: LearnerContext;
  readonly #options: LearnerOptions;
  readonly #targetPolicy: SamplingNetwork;
  readonly #policyTarget: TargetNetwork;
  readonly #state: LearnerState;

  constructor(gpu: Gpu, context: LearnerContext, options: LearnerOptions) {
    const { observationSize, actionSize, members, seeds, clock } = context;
    const { hidden, activation } = options;
    this.#gpu = gpu;
    this.#context = context;
    this.#options = options;
    const widths = { observationSize, actionSize, hidden, activation, members };
    const targetUpdate = { tau: options.targetTau, interval: options.targetInterval };
    this.faults = new Faults(gpu, LEARNER_FAULTS);
    const { critics, ensemble } = options;
    this.softQ = new SoftQFunction(gpu, { ...widths, critics, ensemble }, targetUpdate, clock, this.faults);
    const map = { ...widths, latentSize: 0 };
    this.policy = new SamplingNetwork(gpu, map, clock, seeds);
    this.#policyTarget = new TargetNetwork(gpu, this.policy.mlp, targetUpdate);
    this.#targetPolicy = new SamplingNetwork(gpu, map, clock, seeds, this.#policyTarget.mlp);
    const temperature = new Temperature(gpu, members, clock, options);
    this.temperature = temperature.tensor;
    this.behaviour = new BehaviourPolicy(gpu, this.policy, context, options);
    this.batch = context.replay.batch(options.batchSize);

    const critic = this.#criticGradient();
    const actor = this.#actorGradient();
    const { update, state } = assemble(gpu, context, options, {
      faults: this.faults,
      critic: { parameters: this.softQ.mlp.parameters, ...critic, target: this.softQ.target },
      actor: { parameters: this.policy.mlp.parameters, ...actor, target: this.#policyTarget },
      begin: [...temperature.schedule, context.replay.sample(this.batch, seeds, clock)],
      temperature: this.temperature,
      note: layeredNote(gpu, obstacleToFamily(gpu, [this.softQ.mlp, this.policy.mlp])),
    });
    this.update = update;
    this.#state = state;
    this.metrics = criticMetrics(critic, this.temperature, options);
  }

  /** Regress Q(s, a) on r + gamma Q(s', mu(s')), both under the target networks. */
  #criticGradient() {
    const { softQ, batch, temperature } = this;
    const { batchSize: states } = this.#options;
    const draw = this.#targetPolicy.draw('next', {
      observation: batch.nextObservation,
      states,
      particles: 1,
      use: 'proposal-policy',
    }); //                                                                      mu(s'), (B, A)
    // Zeros: a point mass has no density, and no entropy is wanted.
    const logDensity = this.#gpu.tensor('next.logDensity', [this.#context.members, states]);
    const evaluated = { softQ, batch, temperature, draw, particles: 1, logDensity };
    return policyBackup(this.#gpu, this.#context, this.#options, evaluated);
  }

  /** Ascend Q(s, mu(s)): the deterministic policy gradient, without repulsion between actions and without entropy. */
  #actorGradient() {
    const { softQ, policy, batch } = this;
    const { batchSize: states } = this.#options;
    const { observationSize, actionSize, members } = this.#context;
    const draw = policy.draw('particles', {
      observation: batch.observation,
      states,
      particles: 1,
      use: 'particles',
    }); //                                                                      u = f(s), (B, A)
    const q = softQ.actionGradient(states, { value: false }); //                dQ/da at a = tanh u
    const { actions, dispatch } = squash(this.#gpu, 'particles', policy.spec, {
      ...draw,
      observation: batch.observation,
      states,
      particles: 1,
      stateAction: q.stateAction,
      criticParticles: 1,
    });
    const outputGrad = draw.pass.gradTensor('outputGrad', actionSize);
    const gradient = draw.pass.parameterGradient();
    const steps = program('actor', [
      draw.program,
      dispatch,
      q.program,
      this.#gpu.kernel('rl/deterministic_gradient.wgsl').bind(
        { actions, action_gradient: q.gradient, dU: outputGrad },
        {
          threads: [states * actionSize, members],
          params: {
            states,
            action_size: actionSize,
            stride: padded(actionSize),
            gradient_stride: padded(observationSize + actionSize),
            gradient_first: observationSize,
          },
        },
      ),
      draw.pass.backward({ outputGrad, parameterGrad: gradient }),
    ]);
    return { program: steps, gradient };
  }

  async initialise(seeds: readonly number[]): Promise<void> {
    this.policy.mlp.parameters.initialise(seeds, POLICY_NETWORK);
    await Promise.all([this.softQ.initialise(seeds), this.#policyTarget.copy()]);
  }

  state(): Promise<NamedArray[]> {
    return this.#state.read();
  }

  restore(arrays: ReadonlyMap<string, Float32Array>): void {
    this.#state.write(arrays);
  }
}
