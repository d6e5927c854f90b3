import { Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { NamedArray } from '../nn/parameters.ts';
import { BehaviourPolicy } from '../rl/behaviour-policy.ts';
import { GaussianPolicy } from '../rl/gaussian-policy.ts';
import { squash } from '../rl/policy.ts';
import type { Batch } from '../rl/replay-buffer.ts';
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

/** Every choice of soft actor-critic. */
export interface SacOptions extends LearnerOptions {
  /** C: squashed Gaussians that the policy mixes. */
  readonly components: number;
  /** Actions per next state in the soft value. */
  readonly valueParticles: number;
  /** Actions per state in the actor's gradient, a multiple of C. */
  readonly policyParticles: number;
}

/**
 * Soft actor-critic (Haarnoja et al. 2018), a baseline that shares every layer with soft Q-learning, its one critic or
 * several too, and differs where the two do: the soft value is that of the policy at hand, E_pi[Q - alpha log pi], and the
 * policy has a density of a fixed form, so that its entropy is known and its reach limited.
 */
export class Sac implements Algorithm {
  readonly softQ: SoftQFunction;
  readonly policy: GaussianPolicy;
  readonly faults: Faults;
  readonly batch: Batch;
  /** alpha of each member, (R). */
  readonly temperature: Tensor;
  readonly behaviour: BehaviourPolicy;
  readonly update: Algorithm['update'];
  readonly metrics: readonly Metric[];
  readonly #gpu: Gpu;
  readonly #context: LearnerContext;
  readonly #options: SacOptions;
  readonly #state: LearnerState;

  constructor(gpu: Gpu, context: LearnerContext, options: SacOptions) {
    const { observationSize, actionSize, members, seeds, clock } = context;
    const { hidden, activation, batchSize, components } = options;
    this.#gpu = gpu;
    this.#context = context;
    this.#options = options;
    const widths = { observationSize, actionSize, hidden, activation, members };
    const targetUpdate = { tau: options.targetTau, interval: options.targetInterval };
    this.faults = new Faults(gpu, LEARNER_FAULTS);
    const { critics, ensemble } = options;
    this.softQ = new SoftQFunction(gpu, { ...widths, critics, ensemble }, targetUpdate, clock, this.faults);
    this.policy = new GaussianPolicy(gpu, { ...widths, components }, clock, seeds);
    const temperature = new Temperature(gpu, members, clock, options);
    this.temperature = temperature.tensor;
    this.behaviour = new BehaviourPolicy(gpu, this.policy, context, options);
    this.batch = context.replay.batch(batchSize);

    const critic = this.#criticGradient();
    const actor = this.#actorGradient();
    const q = { parameters: this.softQ.mlp.parameters, ...critic, target: this.softQ.target };
    const policy = { parameters: this.policy.mlp.parameters, ...actor };
    const { update, state } = assemble(gpu, context, options, {
      faults: this.faults,
      critic: q,
      actor: policy,
      begin: [...temperature.schedule, context.replay.sample(this.batch, seeds, clock)],
      end: temperature.tune(actor.entropy),
      temperature: this.temperature,
      note: layeredNote(gpu, obstacleToFamily(gpu, [this.softQ.mlp, this.policy.mlp])),
    });
    this.update = update;
    this.#state = state;
    const perState = { first: 0, count: batchSize, stride: 1, memberStride: batchSize, factor: 1 };
    this.metrics = [
      ...criticMetrics(critic, this.temperature, options),
      { name: 'losses/policy_entropy', tensor: actor.entropy, ...perState },
    ];
  }

  /** Regress Q(s, a) on r + gamma E_pi[Q(s', a') - alpha log pi(a'|s')] under the target network. */
  #criticGradient() {
    const { softQ, policy, batch, temperature } = this;
    const { valueParticles: particles, batchSize: states } = this.#options;
    const draw = policy.draw('next', {
      observation: batch.nextObservation,
      states,
      particles,
      use: 'proposal-policy',
    }); //                                                                      a' ~ pi(.|s'), (Kv B, A), log pi
    const { logDensity } = draw;
    const evaluated = { softQ, batch, temperature, draw, particles, logDensity };
    return policyBackup(this.#gpu, this.#context, this.#options, evaluated);
  }

  /** Descend E_pi[alpha log pi(a|s) - Q(s, a)] by reparametrised actions. */
  #actorGradient() {
    const { softQ, policy, batch, temperature } = this;
    const { policyParticles: particles, batchSize: states, rewardScale, components } = this.#options;
    const { members, actionSize } = this.#context;
    const draw = policy.draw('particles', {
      observation: batch.observation,
      states,
      particles,
      use: 'particles',
      stratified: true,
    }); //                                                                      a ~ pi(.|s), (n B, A), log pi
    const q = softQ.actionGradient(particles * states); //                      Q, dQ/da
    const { dispatch } = squash(this.#gpu, 'particles', policy.spec, {
      ...draw,
      observation: batch.observation,
      states,
      particles,
      stateAction: q.stateAction,
      criticParticles: particles,
    });
    const outputGrad = draw.pass.gradTensor('outputGrad', components * (1 + 2 * actionSize));
    const entropy = this.#gpu.tensor('policyEntropy', [members, states]);
    const gradient = draw.pass.parameterGradient();
    const steps = program('actor', [
      draw.program,
      dispatch,
      q.program,
      policy.gradient(draw, q, { temperature, rewardScale, outputGrad, entropy }),
      draw.pass.backward({ outputGrad, parameterGrad: gradient }),
    ]);
    return { program: steps, gradient, entropy };
  }

  async initialise(seeds: readonly number[]): Promise<void> {
    this.policy.mlp.parameters.initialise(seeds, POLICY_NETWORK);
    await this.softQ.initialise(seeds);
  }

  state(): Promise<NamedArray[]> {
    return this.#state.read();
  }

  restore(arrays: ReadonlyMap<string, Float32Array>): void {
    this.#state.write(arrays);
  }
}
