import {
  blockUntilReady,
  defaultDevice,
  grad,
  init,
  jit,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
  vjp,
} from '@jax-js/jax';
import type { EnvironmentProblem, StepOutcome } from '../benchmarks/environments.ts';
import {
  ADAM,
  flat,
  type Layer,
  type UpdateInputs,
  type UpdateParameters,
  type UpdateProblem,
  type Updater,
} from '../support/update.ts';

type Net = { weight: np.Array; bias: np.Array }[];
/** A network under Adam. */
type Learned = { params: Net; mean: Net; square: Net };
type State = { q: Learned; policy: Learned; target: Net; count: np.Array };
type Inputs = { [K in keyof UpdateInputs]: np.Array };

/** Backends of jax-js that are compared. */
export type JaxBackend = 'webgpu' | 'wasm';

/** x through dense layers with ReLU between them. Takes its arguments over, as everything in jax-js does. */
function mlp(net: Net, x: np.Array): np.Array {
  return net.reduce((h, { weight, bias }, i) => np.dot(i === 0 ? h : nn.relu(h), weight).add(bias), x);
}

/** The update as a user of jax-js writes it: one function, compiled whole. */
function updateFunction({ constants }: UpdateProblem) {
  const { states: B, actionSize: A, fixedParticles: M, updatedParticles: K } = constants;
  const { valueParticles: Kv, temperature: alpha, rewardScale, discount, latentSize } = constants;

  /** V(s'), eq. 10, and y = r + discount (1 - terminated) V(s'). */
  const tdTarget = (
    target: Net,
    inputs: Pick<Inputs, 'nextObservation' | 'valueActions' | 'reward' | 'terminated'>,
  ) => {
    const rows = np.concatenate(
      [np.repeat(inputs.nextObservation, Kv, 0), inputs.valueActions.reshape([B * Kv, A])],
      1,
    );
    const values = mlp(target, rows).reshape([B, Kv]);
    const value = nn
      .logmeanexp(values.div(alpha), 1)
      .add(A * Math.LN2)
      .mul(alpha);
    const alive = np.subtract(1, inputs.terminated);
    return inputs.reward.mul(rewardScale).add(alive.mul(value).mul(discount));
  };

  const criticLoss = (q: Net, stateAction: np.Array, target: np.Array) =>
    np
      .square(mlp(q, stateAction).reshape([B]).sub(target))
      .mean()
      .mul(0.5);

  /** phi at the updated particles, (K, B, A), from a at the fixed and updated ones and dQ/da at the fixed ones. */
  const steinDirection = (fixed: np.Array, updated: np.Array, slope: np.Array) => {
    const perState = (x: np.Array) => x.transpose([1, 0, 2]); // (B, particles, A)
    const [x, y] = [perState(fixed), perState(updated)];
    const difference = np.repeat(x.ref, K, 1).sub(np.tile(y, [1, M, 1])); // (B, M K, A)
    const squared = np.square(difference.ref).sum(2);
    const h = np
      .maximum(lowerMedian(squared.ref).div(constants.bandwidthDivisor), constants.bandwidthFloor)
      .reshape([B, 1]);
    const kappa = np.exp(squared.neg().div(h.ref)).reshape([B, M, K, 1]);
    const jacobian = np.subtract(1, np.square(x.ref));
    const score = jacobian.ref.mul(perState(slope)).div(alpha).sub(x.mul(2)).reshape([B, M, 1, A]);
    const repulsion = difference
      .reshape([B, M, K, A])
      .mul(jacobian.reshape([B, M, 1, A]))
      .div(h.reshape([B, 1, 1, 1]))
      .mul(-2);
    return kappa.mul(score.add(repulsion)).mean(1).transpose([1, 0, 2]);
  };

  /** The gradient of the sampling network, eq. 14. */
  const policyGradient = (policy: Net, q: Net, observation: np.Array, noise: np.Array) => {
    const [fixedNoise, updatedNoise] = np.split(noise, [M], 0) as [np.Array, np.Array];
    const rows = (xi: np.Array, particles: number) =>
      np.concatenate([np.tile(observation.ref, [particles, 1]), xi.reshape([particles * B, latentSize])], 1);
    const fixed = np.tanh(mlp(tree.ref(policy), rows(fixedNoise, M)));
    const [updated, backward] = vjp(
      (params: Net, input: np.Array) => mlp(params, input),
      [policy, rows(updatedNoise, K)],
    );
    const slope = grad((actions: np.Array, s: np.Array, params: Net) =>
      mlp(params, np.concatenate([s, actions], 1)).sum(),
    )(fixed.ref, np.tile(observation, [M, 1]), q);
    const phi = steinDirection(
      fixed.reshape([M, B, A]),
      np.tanh(updated).reshape([K, B, A]),
      slope.reshape([M, B, A]),
    );
    const [gradient, inputGradient] = backward(phi.reshape([K * B, A]).mul(-1 / (B * K)));
    inputGradient.dispose();
    backward.dispose();
    return gradient as Net;
  };

  const adam = (
    { params, mean, square }: Learned,
    gradient: Net,
    rate: np.Array,
    scale: np.Array,
  ): Learned => {
    const { beta1, beta2, epsilon } = ADAM;
    const m = tree.map<np.Array, np.Array, Net>(
      (old: np.Array, g: np.Array) => old.mul(beta1).add(g.mul(1 - beta1)),
      mean,
      tree.ref(gradient),
    );
    const v = tree.map<np.Array, np.Array, Net>(
      (old: np.Array, g: np.Array) => old.mul(beta2).add(np.square(g).mul(1 - beta2)),
      square,
      gradient,
    );
    const moved = tree.map<np.Array, np.Array, Net>(
      (theta: np.Array, first: np.Array, second: np.Array) =>
        theta.sub(first.mul(rate.ref).div(np.sqrt(second.mul(scale.ref)).add(epsilon))),
      params,
      tree.ref(m),
      tree.ref(v),
    );
    rate.dispose();
    scale.dispose();
    return { params: moved, mean: m, square: v };
  };

  return ({ q, policy, target, count }: State, inputs: Inputs): [State, np.Array] => {
    const { observation, action, noise, ...next } = inputs;
    const y = tdTarget(tree.ref(target), next);
    const stateAction = np.concatenate([observation.ref, action], 1);
    const [loss, criticGradient] = valueAndGrad(criticLoss)(tree.ref(q.params), stateAction, y);
    const gradient = policyGradient(tree.ref(policy.params), tree.ref(q.params), observation, noise);
    // 1 / (1 - beta^t) of both moments; rate m / (1 - beta1^t) / sqrt(v / (1 - beta2^t))
    const t = count.add(1);
    const first = np.reciprocal(np.expm1(t.ref.mul(Math.log(ADAM.beta1)))).neg();
    const second = np.reciprocal(np.expm1(t.ref.mul(Math.log(ADAM.beta2)))).neg();
    const movedQ = adam(q, criticGradient, first.ref.mul(constants.criticLearningRate), second.ref);
    const movedPolicy = adam(policy, gradient, first.mul(constants.policyLearningRate), second);
    const followed = tree.map<np.Array, np.Array, Net>(
      (old: np.Array, online: np.Array) =>
        old.mul(1 - constants.targetTau).add(online.mul(constants.targetTau)),
      target,
      tree.ref(movedQ.params),
    );
    return [{ q: movedQ, policy: movedPolicy, target: followed, count: t }, loss];
  };
}

/**
 * The lower median of each row of x, (rows). Under `jit`, `np.sort` takes what an operation such as `sum` has written out, and
 * no view of it.
 */
function lowerMedian(x: np.Array): np.Array {
  const length = x.shape[1]!;
  const rank = length - 1 - (length >> 1);
  return np.sort(x, 1).slice([], rank);
}

/** The update in jax-js. */
export class JaxUpdater implements Updater {
  readonly #step: (state: State, inputs: Inputs) => [State, np.Array];
  readonly #inputs: readonly Inputs[];
  #state: State;
  #updates = 0;

  private constructor(problem: UpdateProblem) {
    this.#step = jit(updateFunction(problem));
    this.#inputs = problem.inputs.map((inputs) => upload(problem, inputs));
    const learned = (layers: readonly Layer[]): Learned => ({
      params: uploadNet(layers),
      mean: zerosLike(layers),
      square: zerosLike(layers),
    });
    this.#state = {
      q: learned(problem.q),
      policy: learned(problem.policy),
      target: uploadNet(problem.q),
      count: np.array(0),
    };
  }

  /** Starts the backend; for `webgpu` there must be a `navigator.gpu`. */
  static async create(backend: JaxBackend, problem: UpdateProblem): Promise<JaxUpdater> {
    await start(backend);
    return new JaxUpdater(problem);
  }

  async run(updates: number): Promise<void> {
    for (let i = 0; i < updates; i++) this.#update().dispose();
    await blockUntilReady(this.#state);
  }

  async step(): Promise<number> {
    const [loss] = await this.#update().data();
    await blockUntilReady(this.#state);
    return loss!;
  }

  async parameters(): Promise<UpdateParameters> {
    const read = async (net: Net) =>
      flat(
        await Promise.all(
          net.map(async ({ weight, bias }) => ({
            weight: (await weight.ref.data()) as Float32Array<ArrayBuffer>,
            bias: (await bias.ref.data()) as Float32Array<ArrayBuffer>,
          })),
        ),
      );
    return { q: await read(this.#state.q.params), policy: await read(this.#state.policy.params) };
  }

  dispose(): void {
    tree.dispose(this.#state);
    for (const inputs of this.#inputs) tree.dispose(inputs);
  }

  #update(): np.Array {
    const inputs = this.#inputs[this.#updates++ % this.#inputs.length]!;
    const [state, loss] = this.#step(this.#state, tree.ref(inputs));
    this.#state = state;
    return loss;
  }
}

type EnvironmentStep = (state: Environments, start: np.Array, given: Given) => [Environments, np.Array[]];
type Environments = { position: np.Array; length: np.Array; total: np.Array };
type Given = { action: np.Array; noise: np.Array; policy: Net };

/** One step of every environment, an ended episode reset in the same step, and the transitions to store. */
function environmentFunction({
  position,
  policy,
  goals,
  bound,
  radius,
  maxEpisodeSteps,
}: EnvironmentProblem) {
  const E = position.length / 2;
  return ((state, start, given) => {
    const from = state.position;
    const { action, noise, policy: net } = given;
    const drawn = policy ? np.tanh(mlp(net, np.concatenate([from.ref, noise], 1))) : action;
    if (policy) action.dispose();
    else tree.dispose({ net, noise });
    const velocity = np.clip(drawn.ref, -1, 1);
    const to = np.clip(from.ref.add(velocity.ref), -bound, bound);
    const offset = to.ref.reshape([E, 1, 2]).sub(np.array(goals.map((goal) => [...goal])));
    const nearest = np.square(offset).sum(2).min(1);
    const arrived = nearest.ref.less(radius ** 2);
    const cost = np.square(velocity).sum(1).mul(30).add(nearest);
    const reward = np.where(arrived.ref, 10, 0).sub(cost);
    const length = state.length.add(1);
    const late = length.ref.greaterEqual(maxEpisodeSteps);
    const truncated = np.where(arrived.ref, 0, np.where(late.ref, 1, 0));
    const over = np.where(late, 1, np.where(arrived.ref, 1, 0)).greater(0);
    const terminated = np.where(arrived, 1, 0);
    const total = state.total.add(reward.ref);
    const next = {
      position: np.where(over.ref.reshape([E, 1]), start, to.ref),
      length: np.where(over.ref, 0, length),
      total: np.where(over, 0, total),
    };
    return [next, [from, drawn, reward, to, terminated, truncated]];
  }) satisfies EnvironmentStep;
}

/** Multi-goal environments in jax-js on WebGPU. */
export class JaxEnvironments {
  readonly #step: EnvironmentStep;
  readonly #given: Given;
  readonly #start: np.Array;
  #state: Environments;

  private constructor(problem: EnvironmentProblem) {
    const { position, action, policy } = problem;
    const E = position.length / 2;
    this.#step = jit(environmentFunction(problem));
    this.#start = np.array(position).reshape([E, 2]);
    this.#state = { position: this.#start.ref, length: np.zeros([E]), total: np.zeros([E]) };
    this.#given = {
      action: np.array(action).reshape([E, 2]),
      noise: policy ? np.array(policy.noise).reshape([E, policy.noise.length / E]) : np.zeros([1]),
      policy: policy ? uploadNet(policy.layers) : [],
    };
  }

  static async create(problem: EnvironmentProblem): Promise<JaxEnvironments> {
    await start('webgpu');
    return new JaxEnvironments(problem);
  }

  /** Does `times` steps; each writes out its transitions, as ours does. */
  async run(times: number): Promise<void> {
    for (let i = 0; i < times; i++) tree.dispose(this.#next());
    await blockUntilReady(this.#state);
  }

  /** One step and where it went. */
  async step(): Promise<StepOutcome> {
    const transition = this.#next();
    const [, , reward, to] = transition;
    const outcome = {
      position: (await to!.ref.data()) as Float32Array,
      reward: (await reward!.ref.data()) as Float32Array,
    };
    tree.dispose(transition);
    return outcome;
  }

  dispose(): void {
    tree.dispose({ state: this.#state, given: this.#given, start: this.#start });
  }

  #next(): np.Array[] {
    const [state, transition] = this.#step(this.#state, this.#start.ref, tree.ref(this.#given));
    this.#state = state;
    return transition;
  }
}

/** Starts a backend and makes it the one that arrays go to; for `webgpu` there must be a `navigator.gpu`. */
async function start(backend: JaxBackend): Promise<void> {
  const started = await init(backend);
  if (!started.includes(backend)) throw new Error(`jax-js has no ${backend} here`);
  defaultDevice(backend);
}

function upload({ constants }: UpdateProblem, inputs: UpdateInputs): Inputs {
  const { states: B, observationSize: S, actionSize: A, fixedParticles: M, updatedParticles: K } = constants;
  const shaped = (data: Float32Array<ArrayBuffer>, shape: number[]) => np.array(data).reshape(shape);
  return {
    observation: shaped(inputs.observation, [B, S]),
    action: shaped(inputs.action, [B, A]),
    reward: shaped(inputs.reward, [B]),
    nextObservation: shaped(inputs.nextObservation, [B, S]),
    terminated: shaped(inputs.terminated, [B]),
    valueActions: shaped(inputs.valueActions, [B, constants.valueParticles, A]),
    noise: shaped(inputs.noise, [M + K, B, constants.latentSize]),
  };
}

function uploadNet(layers: readonly Layer[]): Net {
  return layers.map(({ inputs, outputs, weight, bias }) => ({
    weight: np.array(weight).reshape([inputs, outputs]),
    bias: np.array(bias),
  }));
}

function zerosLike(layers: readonly Layer[]): Net {
  return layers.map(({ inputs, outputs }) => ({
    weight: np.zeros([inputs, outputs]),
    bias: np.zeros([outputs]),
  }));
}
