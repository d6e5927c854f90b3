import * as tf from '@tensorflow/tfjs-core';
// By path, to have it built in: the package has its gradients in modules that Node cannot load. They meet in its global registry.
import '../../node_modules/@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-backend-webgpu';
import {
  ADAM,
  flat,
  type Layer,
  type UpdateInputs,
  type UpdateParameters,
  type UpdateProblem,
  type Updater,
} from '../support/update.ts';

type Net = { readonly weight: tf.Tensor2D; readonly bias: tf.Tensor1D }[];
type Inputs = { readonly [K in keyof UpdateInputs]: tf.Tensor };

/** Backends of TensorFlow.js that are compared. */
export type TfjsBackend = 'webgpu' | 'wasm';

/** x through dense layers with ReLU between them, fused as tf.layers does it. */
function mlp(net: Net, x: tf.Tensor): tf.Tensor2D {
  return net.reduce(
    (h, { weight, bias }, i) =>
      tf.fused.matMul({
        a: h,
        b: weight,
        bias,
        ...(i < net.length - 1 && { activation: 'relu' as const }),
      }) as tf.Tensor2D,
    x as tf.Tensor2D,
  );
}

/** The update in TensorFlow.js: eager, with its own gradients and its own Adam. */
export class TfjsUpdater implements Updater {
  readonly #problem: UpdateProblem;
  readonly #inputs: readonly Inputs[];
  readonly #q: Net;
  readonly #policy: Net;
  readonly #target: Net;
  readonly #optimisers: { readonly q: tf.AdamOptimizer; readonly policy: tf.AdamOptimizer };
  #updates = 0;

  private constructor(problem: UpdateProblem) {
    const { criticLearningRate, policyLearningRate } = problem.constants;
    const adam = (rate: number) => tf.train.adam(rate, ADAM.beta1, ADAM.beta2, ADAM.epsilon);
    this.#problem = problem;
    this.#inputs = problem.inputs.map((inputs) => upload(problem, inputs));
    this.#q = variables(problem.q);
    this.#policy = variables(problem.policy);
    this.#target = variables(problem.q);
    this.#optimisers = { q: adam(criticLearningRate), policy: adam(policyLearningRate) };
  }

  /**
   * Starts the backend; for `webgpu` there must be a `navigator.gpu`.
   * @param wasmFiles Addresses of the package's WebAssembly files; Node finds them itself.
   */
  static async create(
    backend: TfjsBackend,
    problem: UpdateProblem,
    wasmFiles?: Parameters<typeof setWasmPaths>[0],
  ): Promise<TfjsUpdater> {
    if (wasmFiles !== undefined) setWasmPaths(wasmFiles);
    if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no ${backend} here`);
    return new TfjsUpdater(problem);
  }

  async run(updates: number): Promise<void> {
    for (let i = 0; i < updates; i++) this.#update().dispose();
    await this.#done();
  }

  async step(): Promise<number> {
    const loss = this.#update();
    const [value] = await loss.data();
    loss.dispose();
    await this.#done();
    return value!;
  }

  async parameters(): Promise<UpdateParameters> {
    const read = async (net: Net) =>
      flat(
        await Promise.all(
          net.map(async ({ weight, bias }) => ({
            weight: Float32Array.from(await weight.data()),
            bias: Float32Array.from(await bias.data()),
          })),
        ),
      );
    return { q: await read(this.#q), policy: await read(this.#policy) };
  }

  dispose(): void {
    const { q, policy } = this.#optimisers;
    tf.dispose([...this.#inputs, this.#q, this.#policy, this.#target]);
    q.dispose();
    policy.dispose();
  }

  /** Resolves when the target network, which is written last, can be read. */
  async #done(): Promise<void> {
    await this.#target.at(-1)!.bias.data();
  }

  /** One update; its critic loss. */
  #update(): tf.Scalar {
    return tf.tidy(() => {
      const inputs = this.#inputs[this.#updates++ % this.#inputs.length]!;
      const y = this.#tdTarget(inputs);
      const stateAction = tf.concat([inputs.observation, inputs.action], 1);
      const criticLoss = (): tf.Scalar => {
        const prediction = tf.reshape(mlp(this.#q, stateAction), [y.size]);
        return tf.mul(tf.mean(tf.square(tf.sub(prediction, y))), 0.5);
      };
      const critic = tf.variableGrads(criticLoss, variablesOf(this.#q));
      const policy = this.#policyGradient(inputs);
      this.#optimisers.q.applyGradients(critic.grads as Parameters<tf.AdamOptimizer['applyGradients']>[0]);
      this.#optimisers.policy.applyGradients(policy as Parameters<tf.AdamOptimizer['applyGradients']>[0]);
      const { targetTau } = this.#problem.constants;
      const online = variablesOf(this.#q);
      variablesOf(this.#target).forEach((old, i) =>
        old.assign(tf.add(tf.mul(old, 1 - targetTau), tf.mul(online[i]!, targetTau))),
      );
      return critic.value;
    });
  }

  /** y = r + discount (1 - terminated) V(s') with V of eq. 10, (B). */
  #tdTarget({ nextObservation, valueActions, reward, terminated }: Inputs): tf.Tensor {
    const { constants } = this.#problem;
    const { states: B, valueParticles: Kv, observationSize: S, actionSize: A } = constants;
    const next = tf.reshape(tf.tile(tf.reshape(nextObservation, [B, 1, S]), [1, Kv, 1]), [B * Kv, S]);
    const values = tf.reshape(mlp(this.#target, tf.concat([next, valueActions], 1)), [B, Kv]);
    const sum = tf.logSumExp(tf.div(values, constants.temperature), 1);
    const value = tf.mul(tf.add(sum, A * Math.LN2 - Math.log(Kv)), constants.temperature);
    const alive = tf.sub(1, terminated);
    return tf.add(tf.mul(reward, constants.rewardScale), tf.mul(tf.mul(alive, value), constants.discount));
  }

  /** The gradient of the sampling network, eq. 14, by variable. */
  #policyGradient({ observation, noise }: Inputs): tf.NamedTensorMap {
    const { states: B, fixedParticles: M, updatedParticles: K, latentSize } = this.#problem.constants;
    const rows = (first: number, particles: number) => {
      const xi = tf.slice(noise, [first * B, 0], [particles * B, latentSize]);
      return tf.concat([tf.tile(observation, [particles, 1]), xi], 1);
    };
    const fixed = tf.tanh(mlp(this.#policy, rows(0, M)));
    const states = tf.tile(observation, [M, 1]);
    const slope = tf.grad((actions) => tf.sum(mlp(this.#q, tf.concat([states, actions], 1))))(fixed);
    const updatedRows = rows(M, K);
    // A loss whose gradient with respect to u is -phi / (B K): nothing goes back through the direction itself.
    const descend = tf.customGrad((u, save) => {
      const direction = this.#steinDirection(fixed, tf.tanh(u as tf.Tensor), slope);
      (save as tf.GradSaveFunc)([tf.mul(direction, -1 / (B * K))]);
      return { value: tf.sum(u as tf.Tensor), gradFunc: (_, [gradient]) => gradient! };
    });
    return tf.variableGrads(
      () => descend(mlp(this.#policy, updatedRows)) as tf.Scalar,
      variablesOf(this.#policy),
    ).grads;
  }

  /** phi at the updated particles, (K B, A), from a at the fixed and updated ones and dQ/da at the fixed ones. */
  #steinDirection(fixed: tf.Tensor, updated: tf.Tensor, slope: tf.Tensor): tf.Tensor {
    const { constants } = this.#problem;
    const { states: B, fixedParticles: M, updatedParticles: K, actionSize: A } = constants;
    const difference = tf.sub(tf.reshape(fixed, [M, 1, B, A]), tf.reshape(updated, [1, K, B, A]));
    const squared = tf.sum(tf.square(difference), 3); // (M, K, B)
    const median = lowerMedian(tf.transpose(tf.reshape(squared, [M * K, B])));
    const h = tf.maximum(tf.div(median, constants.bandwidthDivisor), constants.bandwidthFloor);
    const kappa = tf.reshape(tf.exp(tf.neg(tf.div(squared, h))), [M, K, B, 1]);
    const jacobian = tf.sub(1, tf.square(fixed));
    const score = tf.sub(tf.div(tf.mul(jacobian, slope), constants.temperature), tf.mul(fixed, 2));
    const spread = tf.div(-2, tf.reshape(h, [B, 1]));
    const repulsion = tf.mul(tf.mul(difference, tf.reshape(jacobian, [M, 1, B, A])), spread);
    const phi = tf.mul(kappa, tf.add(tf.reshape(score, [M, 1, B, A]), repulsion));
    return tf.reshape(tf.mean(phi, 0), [K * B, A]);
  }
}

/** The lower median of each row of x, (rows). */
function lowerMedian(x: tf.Tensor): tf.Tensor {
  const [rows, length] = x.shape as [number, number];
  const below = length - (length >> 1);
  const { values } = tf.topk(tf.neg(x), below);
  return tf.reshape(tf.neg(tf.slice(values, [0, below - 1], [rows, 1])), [rows]);
}

function variablesOf(net: Net): tf.Variable[] {
  return net.flatMap(({ weight, bias }) => [weight, bias] as unknown as tf.Variable[]);
}

function variables(layers: readonly Layer[]): Net {
  return layers.map(({ inputs, outputs, weight, bias }) => ({
    weight: tf.variable(tf.tensor2d(weight, [inputs, outputs])),
    bias: tf.variable(tf.tensor1d(bias)),
  }));
}

function upload({ constants }: UpdateProblem, inputs: UpdateInputs): Inputs {
  const { observationSize: S, actionSize: A, latentSize } = constants;
  const rows = (data: Float32Array, width: number) => tf.tensor2d(data, [data.length / width, width]);
  return {
    observation: rows(inputs.observation, S),
    action: rows(inputs.action, A),
    reward: tf.tensor1d(inputs.reward),
    nextObservation: rows(inputs.nextObservation, S),
    terminated: tf.tensor1d(inputs.terminated),
    valueActions: rows(inputs.valueActions, A),
    noise: rows(inputs.noise, latentSize),
  };
}
