import { blockUntilReady, jit, numpy as np, random, tree } from '@jax-js/jax';
import type { Learning, TrainingProblem } from '../support/training.ts';
import type { Layer } from '../support/update.ts';
import {
  bothOf,
  download,
  learnerOf,
  mlp,
  start,
  travel,
  updatesOf,
  type Environments,
  type Inputs,
  type JaxBackend,
  type Learner,
} from './jax.ts';

/** What acting and the replay buffer change: the generator's key, the environments and the newest transitions, (C, E, 8). */
type Collected = { key: np.Array; environments: Environments; recent: np.Array };
/** After an iteration, with the transitions of its step, (E, 8). */
type Stepped = Collected & { record: np.Array };
type Critic = Pick<Learner, 'q' | 'target'>;

/**
 * Counts before an iteration, (4) int32: which of the newest steps it writes, how many transitions the ring and both of them
 * hold, which of the ring's chunks is written next. The host knows them, and one array of all is one upload.
 */
type Counts = np.Array;

/** Floats of a transition: s, a, r, s', terminated. */
const RECORD = 8;

/**
 * How the replay buffer is kept. An array is never changed in place, so that writing a step copies what it is written to:
 * steps go to `recent`, and when that is full, it goes to the ring as one of its `chunks`. At `steps` = sqrt(capacity / E) both
 * copies together are the least.
 */
function chunksOf({ replayCapacity, environments }: TrainingProblem) {
  const capacity = Math.floor(replayCapacity / environments);
  const steps = Math.max(1, Math.round(Math.sqrt(capacity)));
  return { steps, chunks: Math.max(1, Math.floor(capacity / steps) - 1) };
}

/** The kinds of iterations as a user of jax-js writes them: one function each, compiled whole. */
function iterationsOf(problem: TrainingProblem) {
  const { constants, world, environments: E, randomEnvironments, startSpread, lattice } = problem;
  const { states: B, observationSize: S, actionSize: A, latentSize, valueParticles } = constants;
  const particles = constants.fixedParticles + constants.updatedParticles;
  const { steps: C, chunks: N } = chunksOf(problem);

  /** The next key and as many uniform and normal numbers as are asked for: two calls cost least. */
  const draw = (key: np.Array, uniforms: number, normals: number) => {
    const keys = random.split(key, 3);
    const [next, first, second] = [keys.ref.slice(0), keys.ref.slice(1), keys.slice(2)];
    return { next, uniform: random.uniform(first, [uniforms]), normal: random.normal(second, [normals]) };
  };

  /** Takes numbers off the front of an array, one shape after the other, and lets it go with the last. */
  const split = (numbers: np.Array, shapes: readonly number[][]): np.Array[] => {
    let end = 0;
    const parts = shapes.map((shape) => {
      const first = end;
      end += shape.reduce((product, size) => product * size, 1);
      return numbers.ref.slice([first, end]).reshape(shape);
    });
    numbers.dispose();
    return parts;
  };

  /**
   * The environments under `action` (E, A), and the step put among the newest ones. The record is an output of the compiled
   * function, and by that written out: inside the expression it would be computed anew for each of the C steps.
   */
  const collect = (data: Omit<Collected, 'key'>, counts: Counts, action: np.Array, starts: np.Array) => {
    const begin = np.clip(starts.mul(startSpread), -world.bound, world.bound);
    const [environments, transition] = travel(world, data.environments, begin, action);
    const [from, drawn, reward, to, terminated, truncated] = transition;
    truncated.dispose();
    const column = (x: np.Array) => x.astype(np.float32).reshape([E, 1]);
    const record = np.concatenate([from, drawn, column(reward), to, column(terminated)], 1);
    const isHere = np.arange(C).equal(counts.slice(0)).reshape([C, 1, 1]);
    const recent = np.where(isHere, record.ref.reshape([1, E, RECORD]), data.recent);
    return { environments, recent, record };
  };

  /** A minibatch of what was stored before this step, drawn uniformly with replacement by `uniform` (B). */
  const sample = (ring: np.Array, recent: np.Array, counts: Counts, uniform: np.Array) => {
    const [kept, stored] = [counts.ref.slice(1), counts.slice(2)];
    // Below `stored`: the largest uniform number is 1 - 2^-23.
    const picked = uniform.mul(stored.astype(np.float32)).astype(np.int32);
    const isOld = picked.ref.less(kept.ref).reshape([B, 1]);
    const old = np.take(ring.reshape([N * C * E, RECORD]), np.minimum(picked.ref, N * C * E - 1), 0);
    const young = np.take(recent.reshape([C * E, RECORD]), np.maximum(picked.sub(kept), 0), 0);
    const rows = np.where(isOld, old, young);
    const field = (first: number, count: number) => rows.ref.slice([], [first, first + count]);
    const batch = {
      observation: field(0, S),
      action: field(S, A),
      reward: field(S + A, 1).reshape([B]),
      nextObservation: field(S + A + 1, S),
      terminated: field(2 * S + A + 1, 1).reshape([B]),
    };
    rows.dispose();
    return batch;
  };

  /** The randomly shifted lattice of the soft value's actions, from `shift` (B, 1, A). */
  const latticeActions = (shift: np.Array) => {
    const place = np.array(new Float32Array(lattice)).reshape([1, valueParticles, A]).add(shift);
    return place.ref.sub(np.floor(place)).mul(2).sub(1);
  };

  const symmetric = (uniform: np.Array) => uniform.mul(2).sub(1);
  const criticUpdate = updatesOf(constants).critic;
  const bothUpdates = bothOf(constants);

  return {
    /** Random actions, no update. */
    warmup: ({ key, ...data }: Collected, counts: Counts): Stepped => {
      const { next, uniform, normal } = draw(key, E * A, E * S);
      const action = symmetric(uniform.reshape([E, A]));
      return { key: next, ...collect(data, counts, action, normal.reshape([E, S])) };
    },
    /** Random actions and an update of the critic. */
    critic: (
      { key, ...data }: Collected,
      counts: Counts,
      ring: np.Array,
      { q, target }: Critic,
    ): [Stepped, Critic] => {
      const { next, uniform, normal } = draw(key, E * A + B * A + B, E * S);
      const [action, shift, rows] = split(uniform, [[E, A], [B, 1, A], [B]]) as Three;
      const stepped = collect(data, counts.ref, symmetric(action), normal.reshape([E, S]));
      const batch = sample(ring, stepped.recent.ref, counts, rows);
      const { loss, ...moved } = criticUpdate(q, target, { ...batch, valueActions: latticeActions(shift) });
      loss.dispose();
      return [{ key: next, ...stepped }, moved];
    },
    /** The policy's actions, random ones in some environments, and an update of both networks. */
    both: (
      { key, ...data }: Collected,
      counts: Counts,
      ring: np.Array,
      learner: Learner,
    ): [Stepped, Learner] => {
      const acting = E - randomEnvironments;
      const { next, uniform, normal } = draw(
        key,
        randomEnvironments * A + B * A + B,
        E * S + (acting + particles * B) * latentSize,
      );
      const [drawn, shift, rows] = split(uniform, [[randomEnvironments, A], [B, 1, A], [B]]) as Three;
      const [starts, latent, noise] = split(normal, [
        [E, S],
        [acting, latentSize],
        [particles, B, latentSize],
      ]) as Three;
      const seen = data.environments.position.ref.slice([randomEnvironments, E]);
      const chosen = np.tanh(mlp(tree.ref(learner.policy.params), np.concatenate([seen, latent], 1)));
      const stepped = collect(data, counts.ref, np.concatenate([symmetric(drawn), chosen], 0), starts);
      const batch = sample(ring, stepped.recent.ref, counts, rows);
      const inputs: Inputs = { ...batch, valueActions: latticeActions(shift), noise };
      const [moved, loss] = bothUpdates(learner, inputs);
      loss.dispose();
      return [{ key: next, ...stepped }, moved];
    },
    /** The newest transitions, a full chunk of them, in the ring. */
    keep: (ring: np.Array, recent: np.Array, counts: Counts): np.Array => {
      const isHere = np.arange(N).equal(counts.slice(3)).reshape([N, 1, 1]);
      return np.where(isHere, recent.reshape([1, C * E, RECORD]), ring);
    },
  };
}

type Three = [np.Array, np.Array, np.Array];

/** Everything that a training changes. */
type State = { collected: Collected; ring: np.Array; learner: Learner };

/** A whole training in jax-js, with its own generator; nothing is read back while it runs. */
export class JaxTraining implements Learning {
  readonly #chunks: { readonly steps: number; readonly chunks: number };
  readonly #iterations: ReturnType<typeof iterationsOf>;
  #problem: TrainingProblem;
  #state: State;
  #iteration = 0;
  #updates = 0;

  private constructor(problem: TrainingProblem) {
    const { warmup, critic, both, keep } = iterationsOf(problem);
    this.#iterations = { warmup: jit(warmup), critic: jit(critic), both: jit(both), keep: jit(keep) };
    this.#chunks = chunksOf(problem);
    this.#problem = problem;
    this.#state = startOf(problem);
  }

  /** Starts the backend and compiles every kind of iteration; for `webgpu` there must be a `navigator.gpu`. */
  static async create(backend: JaxBackend, problem: TrainingProblem): Promise<JaxTraining> {
    await start(backend);
    const training = new JaxTraining(problem);
    await training.#warmUp();
    return training;
  }

  /** Begins anew: other weights and another seed, but the sizes that it was made with. */
  begin(problem: TrainingProblem): void {
    tree.dispose(this.#state);
    this.#problem = problem;
    this.#state = startOf(problem);
    this.#iteration = 0;
    this.#updates = 0;
  }

  async advance(updates: number): Promise<void> {
    let before: Promise<void> | undefined;
    while (this.#updates < updates) {
      this.#iterate();
      // Nothing runs before somebody waits for it. One iteration is always waited for while the next is encoded.
      const submitted = this.#submit();
      await before;
      before = submitted;
    }
    await before;
  }

  policy(): Promise<Layer[]> {
    return download(this.#state.learner.policy.params);
  }

  dispose(): void {
    tree.dispose(this.#state);
  }

  async #warmUp(): Promise<void> {
    this.#warmup();
    this.#critic();
    this.#both();
    this.#keep();
    await this.#submit();
    this.begin(this.#problem);
  }

  #iterate(): void {
    if (this.#iteration < this.#problem.warmupIterations) this.#warmup();
    else {
      if (this.#updates < this.#problem.criticFirstUpdates) this.#critic();
      else this.#both();
      this.#updates++;
    }
    if (this.#iteration % this.#chunks.steps === this.#chunks.steps - 1) this.#keep();
    this.#iteration++;
  }

  /** Submits what was encoded, and resolves when it is done. */
  async #submit(): Promise<void> {
    const { collected, ring } = this.#state;
    // One output of a compiled function brings all the others.
    const last = [collected.key.ref, ring.ref];
    await blockUntilReady(last);
    tree.dispose(last);
  }

  #warmup(): void {
    const { collected } = this.#state;
    this.#state.collected = withoutRecord(this.#iterations.warmup(collected, this.#counts()));
  }

  #critic(): void {
    const { collected, ring, learner } = this.#state;
    const { policy, ...critic } = learner;
    const [stepped, moved] = this.#iterations.critic(collected, this.#counts(), ring.ref, critic);
    this.#state = { collected: withoutRecord(stepped), ring, learner: { ...moved, policy } };
  }

  #both(): void {
    const { collected, ring, learner } = this.#state;
    const [stepped, moved] = this.#iterations.both(collected, this.#counts(), ring.ref, learner);
    this.#state = { collected: withoutRecord(stepped), ring, learner: moved };
  }

  #keep(): void {
    const { collected, ring } = this.#state;
    this.#state.ring = this.#iterations.keep(ring, collected.recent.ref, this.#counts());
  }

  #counts(): Counts {
    const { steps, chunks } = this.#chunks;
    const { environments } = this.#problem;
    const slot = this.#iteration % steps;
    const full = Math.floor(this.#iteration / steps);
    const kept = Math.min(full, chunks) * steps * environments;
    return np.array(Int32Array.of(slot, kept, kept + slot * environments, full % chunks));
  }
}

function withoutRecord({ record, ...collected }: Stepped): Collected {
  record.dispose();
  return collected;
}

/** Before the first iteration: environments at their starts, nothing stored. */
function startOf(problem: TrainingProblem): State {
  const { seed, environments: E, startSpread, constants } = problem;
  const { steps, chunks } = chunksOf(problem);
  const keys = random.split(random.key(seed), 2);
  const position = random.normal(keys.ref.slice(0), [E, constants.observationSize]).mul(startSpread);
  return {
    collected: {
      key: keys.slice(1),
      environments: { position, length: np.zeros([E]), total: np.zeros([E]) },
      recent: np.zeros([steps, E, RECORD]),
    },
    ring: np.zeros([chunks, steps * E, RECORD]),
    learner: learnerOf(problem),
  };
}
