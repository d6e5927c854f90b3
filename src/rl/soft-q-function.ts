import type { Clock } from '../gpu/clock.ts';
import type { Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import type { MlpPass, ParameterGradient } from '../nn/mlp-pass.ts';
import type { Activation } from '../nn/mlp-spec.ts';
import { Mlp } from '../nn/mlp.ts';
import { repeatMembers } from '../nn/repeat-members.ts';
import { TargetNetwork, type TargetUpdate } from '../nn/target-network.ts';
import type { Batch } from './replay-buffer.ts';

/** Widths of the critic. */
export interface SoftQFunctionSpec {
  readonly observationSize: number;
  readonly actionSize: number;
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly members: number;
  /** n: networks that each member regresses on one target; 1 if left out. */
  readonly critics?: number;
  /** What Q is made of them wherever it is looked at; `mean` if left out. */
  readonly ensemble?: Ensemble;
}

/**
 * How several critics make one: `mean` averages their errors out, `min` takes the least at each state and action, against
 * overestimation (clipped double Q-learning, Fujimoto et al. 2018).
 */
export type Ensemble = 'mean' | 'min';

/** Units and discount of the soft Bellman backup. */
export interface BackupOptions {
  /** gamma */
  readonly discount: number;
  /** Q is in units of reward times this. */
  readonly rewardScale: number;
  /** alpha of each member in units of the reward before scaling, (R). */
  readonly temperature: Tensor;
  /**
   * `log-mean-exp`, the default: eq. 10, importance-sampled over the proposal's actions. `mean`: of Q - alpha log q, the
   * soft value of the policy that the actions were drawn from.
   */
  readonly estimator?: 'log-mean-exp' | 'mean';
}

/** Actions at a minibatch's next states, for the target network to look at. */
export interface NextActions {
  /** Rows [s', a'], (R, B * particles, padded(S + A)). */
  readonly rows: Tensor;
  /** log q(a'|s') of the density that each was drawn from, (R, B * particles). */
  readonly logDensity: Tensor;
  /** Whether the rows of one state lie together, or those of one particle. */
  readonly order: 'state-major' | 'particle-major';
}

const ESTIMATORS = constantsOf(shaderSource('rl/td_target.wgsl'));
const ENSEMBLES = constantsOf(shaderSource('rl/combine_critics.wgsl'));

/** The number that tells the policy's initial weights from those of the first critic, 0, and of the others, above it. */
export const POLICY_NETWORK = 1;

/** Q at some rows, and the program that computes it. */
export interface ActionValue {
  /** Critic rows [s, a] to fill, (R, rows, padded(S + A)). */
  readonly stateAction: Tensor;
  /** Q of those rows, (R, rows, 4), the value in the first of four. */
  readonly value: Tensor;
  readonly program: Program;
}

/** Q and dQ/da at some rows; the program computes both. */
export interface ActionGradient extends ActionValue {
  /** dQ/d[s, a], (R, rows, padded(S + A)); the action's part begins at observationSize. */
  readonly gradient: Tensor;
}

/**
 * The soft Q-function Q_theta(s, a) with its target network, and the pieces of both updates that it takes part in. It may
 * be an ensemble of n critics: they are n consecutive members of `mlp`, and everything outside sees one Q.
 */
export class SoftQFunction {
  readonly spec: SoftQFunctionSpec;
  /** Of R n members. */
  readonly mlp: Mlp;
  readonly target: TargetNetwork;
  readonly #gpu: Gpu;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #critics: number;

  constructor(gpu: Gpu, spec: SoftQFunctionSpec, targetUpdate: TargetUpdate, clock: Clock, faults: Faults) {
    this.#gpu = gpu;
    this.#clock = clock;
    this.#faults = faults;
    this.spec = spec;
    const { observationSize, actionSize, hidden, activation, members, critics = 1 } = spec;
    this.#critics = critics;
    const sizes = { inputSize: observationSize + actionSize, hidden, outputSize: 1, activation };
    this.mlp = new Mlp(gpu, 'q', sizes, members * critics);
    this.target = new TargetNetwork(gpu, this.mlp, targetUpdate);
  }

  /** Draws each member's critics, all different, from its seed; the target network begins equal. */
  async initialise(seeds: readonly number[]): Promise<void> {
    const critics = Array.from({ length: this.#critics }, (_, c) => c);
    this.mlp.parameters.initialise(
      seeds.flatMap((seed) => critics.map(() => seed)),
      seeds.flatMap(() => critics.map((c) => (c === 0 ? 0 : POLICY_NETWORK + c))),
    );
    await this.target.copy();
  }

  /** Q at `rows` state-action rows with the online parameters. */
  values(label: string, rows: number): ActionValue {
    return this.#valuesOf(this.mlp, label, rows);
  }

  /** y = reward + discount * soft value of s' under the target network. Fills `value` and `tdTarget` (R, B). */
  tdTarget(
    batch: Batch,
    next: NextActions,
    backup: BackupOptions,
    out: { value: Tensor; tdTarget: Tensor },
  ): Program {
    const rows = next.logDensity.size / this.spec.members;
    const particles = rows / batch.size;
    const stateMajor = next.order === 'state-major';
    const nextQ = this.#valuesOf(this.target.mlp, 'q-target', rows, next.rows);
    const constants = { ESTIMATOR: constantFor(ESTIMATORS, backup.estimator ?? 'log-mean-exp') };
    const softValue = this.#gpu.kernel('rl/td_target.wgsl', { constants }).bind(
      {
        q_values: nextQ.value,
        log_density: next.logDensity,
        temperature: backup.temperature,
        reward: batch.reward,
        terminated: batch.terminated,
        value: out.value,
        td_target: out.tdTarget,
      },
      {
        threads: [batch.size, this.spec.members],
        params: {
          states: batch.size,
          particles,
          state_stride: stateMajor ? particles : 1,
          particle_stride: stateMajor ? 1 : batch.size,
          discount: backup.discount,
          reward_scale: backup.rewardScale,
        },
      },
    );
    return program('tdTarget', [nextQ.program, softValue]);
  }

  /** The critics at work on the minibatch's own actions, (R n, B, 4). */
  prediction(batch: Batch): MlpPass {
    return this.mlp.pass('q', batch.size, batch.stateAction);
  }

  /** Room for the loss of every critic at every transition, (R n, B). */
  lossTensor(batch: Batch): Tensor {
    return this.#gpu.tensor('criticLoss', [this.mlp.parameters.members, batch.size]);
  }

  /** Eq. 11: forward, mean of 1/2 (Q - y)^2, and back to the parameters, every critic for itself. Fills `loss` (R n, B). */
  regress(prediction: MlpPass, tdTarget: Tensor, loss: Tensor, parameterGrad: ParameterGradient): Program {
    const outputGrad = prediction.gradTensor('outputGrad', 1);
    const networks = this.mlp.parameters.members;
    const repeated =
      this.#critics === 1
        ? undefined
        : repeatMembers(this.#gpu, 'tdTarget.copies', tdTarget, [networks, prediction.rows]);
    const tdLoss = this.#gpu.kernel('rl/td_loss.wgsl').bind(
      {
        clock: this.#clock.tensor,
        prediction: prediction.output,
        td_target: repeated?.copies ?? tdTarget,
        dPrediction: outputGrad,
        loss,
        fault: this.#faults.tensor,
      },
      {
        threads: [prediction.rows, networks],
        params: { rows: prediction.rows, fault_index: this.#faults.indexOf('critic loss') },
      },
    );
    return program('regress', [
      ...(repeated ? [repeated.dispatch] : []),
      prediction.forward(),
      tdLoss,
      prediction.backward({ outputGrad, parameterGrad }),
    ]);
  }

  /**
   * dQ/da at `rows` state-action rows, with the online parameters; parameters get no gradient. Where `value` is false Q
   * itself is not asked for: the kernels of some devices need not compute it, and leave `value` as it was.
   */
  actionGradient(rows: number, { value: wanted = true } = {}): ActionGradient {
    const { members, observationSize, actionSize } = this.spec;
    const width = observationSize + actionSize;
    const { pass, slopes, ...q } = this.#valuesOf(this.mlp, 'q-actions', rows);
    const gradients = pass.gradTensor('inputGrad', width);
    const back = pass.backward({ outputGrad: slopes ?? this.#ones(members * rows), inputGrad: gradients });
    if (this.#critics === 1) {
      const forward = wanted || pass.keepsActivations ? [q.program] : [];
      return { ...q, gradient: gradients, program: program('actionGradient', [...forward, back]) };
    }
    const gradient = this.#gpu.tensor('q-actions.gradient', [members, rows, padded(width)]);
    const length = gradient.size / members;
    const sum = this.#gpu
      .kernel('rl/sum_critics.wgsl')
      .bind(
        { parts: gradients, total: gradient },
        { threads: [length, members], params: { length, critics: this.#critics } },
      );
    return { ...q, gradient, program: program('actionGradient', [q.program, back, sum]) };
  }

  /** Q of the critics of `mlp`, with the pass that it is made from and, of an ensemble, dQ/dQ_c (R n, rows, 4). */
  #valuesOf(mlp: Mlp, label: string, rows: number, given?: Tensor) {
    if (this.#critics === 1) {
      const pass = mlp.pass(label, rows, given);
      return { pass, stateAction: pass.input, value: pass.output, program: pass.forward() };
    }
    const { members, observationSize, actionSize, ensemble = 'mean' } = this.spec;
    const width = padded(observationSize + actionSize);
    const stateAction = given ?? this.#gpu.tensor(`${label}.input`, [members, rows, width]);
    const pass = mlp.pass(label, rows, stateAction);
    const value = this.#gpu.tensor(`${label}.value`, [members, rows, padded(1)]);
    const slopes = pass.gradTensor('slopes', 1);
    const constants = { ENSEMBLE: constantFor(ENSEMBLES, ensemble) };
    const combine = this.#gpu
      .kernel('rl/combine_critics.wgsl', { constants })
      .bind(
        { q_values: pass.output, value, dQ: slopes },
        { threads: [rows, members], params: { rows, critics: this.#critics } },
      );
    return { pass, slopes, stateAction, value, program: program(label, [pass.forward(), combine]) };
  }

  /** dQ/dQ of `rows` rows, (rows, 4). */
  #ones(rows: number): Tensor {
    const ones = new Float32Array(rows * padded(1));
    for (let row = 0; row < rows; row++) ones[row * padded(1)] = 1;
    return this.#gpu.tensorOf('q-actions.ones', ones);
  }
}
