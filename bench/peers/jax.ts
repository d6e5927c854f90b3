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
import type { EnvironmentProblem, StepOutcome, World } from '../benchmarks/environments.ts';
import {
  ADAM,
  flat,
  type Layer,
  type UpdateConstants,
  type UpdateInputs,
  type UpdateParameters,
  type UpdateProblem,
  type Updater,
} from '../support/update.ts';

/** The layers of a network. */
export type Net = { weight: np.Array; bias: np.Array }[];
/** A network under Adam, and the steps that it has made. */
export type Learned = { params: Net; mean: Net; square: Net; count: np.Array };
/** What an update changes. */
export type Learner = { q: Learned; policy: Learned; target: Net };
/** What an update draws. */
export type Inputs = { [K in keyof UpdateInputs]: np.Array };

/** Backends of jax-js that are compared. */
export type JaxBackend = 'webgpu' | 'wasm';

/** x through dense layers with ReLU between them. Takes its arguments over, as everything in jax-js does. */
export function mlp(net: Net, x: np.Array): np.Array {
  return net.reduce((h, { weight, bias }, i) => np.dot(i === 0 ? h : nn.relu(h), weight).add(bias), x);
}

/** The update of each network as a user of jax-js writes it: to be compiled whole, together with what is around it. */
export function updatesOf(constants: UpdateConstants) {
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

  const adam = ({ params, mean, square, count }: Learned, gradient: Net, learningRate: number): Learned => {
    const { beta1, beta2, epsilon } = ADAM;
    // 1 / (1 - beta^t) of both moments; rate m / (1 - beta1^t) / sqrt(v / (1 - beta2^t))
    const t = count.add(1);
    const rate = np.reciprocal(np.expm1(t.ref.mul(Math.log(beta1)))).mul(-learningRate);
    const scale = np.reciprocal(np.expm1(t.ref.mul(Math.log(beta2)))).neg();
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
    return { params: moved, mean: m, square: v, count: t };
  };

  return {
    /** The critic and the target network that follows it; the loss before. */
    critic: (q: Learned, target: Net, { observation, action, ...next }: Omit<Inputs, 'noise'>) => {
      const y = tdTarget(tree.ref(target), next);
      const stateAction = np.concatenate([observation, action], 1);
      const [loss, gradient] = valueAndGrad(criticLoss)(tree.ref(q.params), stateAction, y);
      const moved = adam(q, gradient, constants.criticLearningRate);
      const followed = tree.map<np.Array, np.Array, Net>(
        (old: np.Array, online: np.Array) =>
          old.mul(1 - constants.targetTau).add(online.mul(constants.targetTau)),
        target,
        tree.ref(moved.params),
      );
      return { q: moved, target: followed, loss };
    },
    /** The sampling network, by the critic `q`. */
    policy: (policy: Learned, q: Net, observation: np.Array, noise: np.Array): Learned => {
      const gradient = policyGradient(tree.ref(policy.params), q, observation, noise);
      return adam(policy, gradient, constants.policyLearningRate);
    },
  };
}

/** An update of both networks from the parameters as they stood before it. */
export function bothOf(constants: UpdateConstants) {
  const update = updatesOf(constants);
  return ({ q, policy, target }: Learner, { noise, ...batch }: Inputs): [Learner, np.Array] => {
    const moved = update.policy(policy, tree.ref(q.params), batch.observation.ref, noise);
    const { loss, ...critic } = update.critic(q, target, batch);
    return [{ ...critic, policy: moved }, loss];
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
  readonly #step: (state: Learner, inputs: Inputs) => [Learner, np.Array];
  readonly #inputs: readonly Inputs[];
  #state: Learner;
  #updates = 0;

  private constructor(problem: UpdateProblem) {
    this.#step = jit(bothOf(problem.constants));
    this.#inputs = problem.inputs.map((inputs) => upload(problem, inputs));
    this.#state = learnerOf(problem);
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
    const { q, policy } = this.#state;
    return { q: flat(await download(q.params)), policy: flat(await download(policy.params)) };
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
/** position (E, 2), length and return of the episode so far (E) */
export type Environments = { position: np.Array; length: np.Array; total: np.Array };
type Given = { action: np.Array; noise: np.Array; policy: Net };

/** One step of every environment under the actions that are given or the policy's. */
function environmentFunction({ policy, ...world }: EnvironmentProblem) {
  return ((state, start, { action, noise, policy: net }) => {
    const drawn = policy ? np.tanh(mlp(net, np.concatenate([state.position.ref, noise], 1))) : action;
    if (policy) action.dispose();
    else tree.dispose({ net, noise });
    return travel(world, state, start, drawn);
  }) satisfies EnvironmentStep;
}

/**
 * One step of every environment under `action` (E, 2), an ended episode reset to its row of `start` (E, 2) in the same step,
 * and the transitions to store: s, a, r, s', terminated, truncated.
 */
export function travel(
  { goals, bound, radius, maxEpisodeSteps }: World,
  state: Environments,
  start: np.Array,
  action: np.Array,
): [Environments, [np.Array, np.Array, np.Array, np.Array, np.Array, np.Array]] {
  const from = state.position;
  const E = from.shape[0]!;
  const velocity = np.clip(action.ref, -1, 1);
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
  return [next, [from, action, reward, to, terminated, truncated]];
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
export async function start(backend: JaxBackend): Promise<void> {
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

/** Both networks before their first step; the target network begins equal to the critic. */
export function learnerOf({ q, policy }: Pick<UpdateProblem, 'q' | 'policy'>): Learner {
  const learned = (layers: readonly Layer[]): Learned => ({
    params: uploadNet(layers),
    mean: zerosLike(layers),
    square: zerosLike(layers),
    count: np.array(0),
  });
  return { q: learned(q), policy: learned(policy), target: uploadNet(q) };
}

/** The layers of a network, which is kept. */
export function download(net: Net): Promise<Layer[]> {
  const read = async (x: np.Array) => (await x.ref.data()) as Float32Array<ArrayBuffer>;
  return Promise.all(
    net.map(async ({ weight, bias }) => {
      const [inputs, outputs] = weight.shape as [number, number];
      return { inputs, outputs, weight: await read(weight), bias: await read(bias) };
    }),
  );
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
