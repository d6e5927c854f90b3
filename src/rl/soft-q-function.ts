import type { Clock } from '../gpu/clock.ts';
import type { Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import { Mlp, type Activation, type MlpPass, type ParameterGradient } from '../nn/mlp.ts';
import { TargetNetwork, type TargetUpdate } from '../nn/target-network.ts';
import type { Batch } from './replay-buffer.ts';

/** Widths of the critic. */
export interface SoftQFunctionSpec {
  readonly observationSize: number;
  readonly actionSize: number;
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly members: number;
}

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

/** dQ/da at some actions, and the program that computes it. */
export interface ActionGradient {
  /** Critic rows [s, a] to fill, (R, rows, padded(S + A)). */
  readonly stateAction: Tensor;
  /** Q of those rows, (R, rows, 4), the value in the first of four. */
  readonly value: Tensor;
  /** dQ/d[s, a], (R, rows, padded(S + A)); the action's part begins at observationSize. */
  readonly gradient: Tensor;
  readonly program: Program;
}

/** The soft Q-function Q_theta(s, a) with its target network, and the pieces of both updates that it takes part in. */
export class SoftQFunction {
  readonly spec: SoftQFunctionSpec;
  readonly mlp: Mlp;
  readonly target: TargetNetwork;
  readonly #gpu: Gpu;
  readonly #clock: Clock;
  readonly #faults: Faults;

  constructor(gpu: Gpu, spec: SoftQFunctionSpec, targetUpdate: TargetUpdate, clock: Clock, faults: Faults) {
    this.#gpu = gpu;
    this.#clock = clock;
    this.#faults = faults;
    this.spec = spec;
    const { observationSize, actionSize, hidden, activation, members } = spec;
    const sizes = { inputSize: observationSize + actionSize, hidden, outputSize: 1, activation };
    this.mlp = new Mlp(gpu, 'q', sizes, members);
    this.target = new TargetNetwork(gpu, this.mlp, clock, targetUpdate);
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
    const pass = this.target.mlp.pass('q-target', rows, next.rows);
    const constants = { ESTIMATOR: constantFor(ESTIMATORS, backup.estimator ?? 'log-mean-exp') };
    const softValue = this.#gpu.kernel('rl/td_target.wgsl', { constants }).bind(
      {
        q_values: pass.output,
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
    return program('tdTarget', [pass.forward(), softValue]);
  }

  /** The critic at work on the minibatch's own actions. */
  prediction(batch: Batch): MlpPass {
    return this.mlp.pass('q', batch.size, batch.stateAction);
  }

  /** Eq. 11: forward, mean of 1/2 (Q - y)^2, and back to the parameters. Fills `loss` (R, B). */
  regress(prediction: MlpPass, tdTarget: Tensor, loss: Tensor, parameterGrad: ParameterGradient): Program {
    const outputGrad = prediction.gradTensor('outputGrad', 1);
    const tdLoss = this.#gpu.kernel('rl/td_loss.wgsl').bind(
      {
        clock: this.#clock.tensor,
        prediction: prediction.output,
        td_target: tdTarget,
        dPrediction: outputGrad,
        loss,
        fault: this.#faults.tensor,
      },
      {
        threads: [prediction.rows, this.spec.members],
        params: { rows: prediction.rows, fault_index: this.#faults.indexOf('critic loss') },
      },
    );
    return program('regress', [
      prediction.forward(),
      tdLoss,
      prediction.backward({ outputGrad, parameterGrad }),
    ]);
  }

  /** dQ/da at `rows` state-action rows, with the online parameters; parameters get no gradient. */
  actionGradient(rows: number): ActionGradient {
    const { members, observationSize, actionSize } = this.spec;
    const pass = this.mlp.pass('q-actions', rows);
    const ones = new Float32Array(members * rows * padded(1));
    for (let row = 0; row < members * rows; row++) ones[row * padded(1)] = 1;
    const outputGrad = this.#gpu.tensorOf('q-actions.ones', ones);
    const gradient = pass.gradTensor('inputGrad', observationSize + actionSize);
    return {
      stateAction: pass.input,
      value: pass.output,
      gradient,
      program: program('actionGradient', [
        pass.forward(),
        pass.backward({ outputGrad, inputGrad: gradient }),
      ]),
    };
  }
}
