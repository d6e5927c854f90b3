import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Dispatch, type Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { expectLength, layOut, layOutPolicy, place, type MdpTables } from './mdp-tables.ts';

/** What an iteration to a fixed point takes. */
export interface IterationOptions {
  /** alpha > 0, raw reward units. */
  readonly temperature: number;
  /** Q to start from, (S, A); zeros by default. By Theorem 3 it decides how long the iteration takes, not where it ends. */
  readonly initial?: ArrayLike<number>;
  /**
   * Where to stop: at a step, in sup norm, of at most this share of the largest |Q|. 2^-21, four units in the last place
   * of a float32, by default: from there on rounding decides the steps, not the contraction. Where rounding does so
   * earlier, the iteration ends after as many sweeps as exact arithmetic would need; `residuals` tells.
   */
  readonly tolerance?: number;
}

/** A soft Q-function found by iteration, with what follows from it. Raw reward units. */
export interface SoftSolution {
  /** (S, A); -Infinity where the action is not available. */
  readonly q: Float32Array;
  /** (S): the soft value of Q, or of the policy where one was given. */
  readonly value: Float32Array;
  /** (S, A): the Boltzmann policy of Q, or the policy that was given. */
  readonly policy: Float32Array;
  /**
   * ||Q_n+1 - Q_n|| in sup norm for every sweep; the last is the residual that was stopped at. Q lies within
   * discount / (1 - discount) times it of the fixed point, and about 1e-7 ||Q|| / (1 - discount) more for rounding.
   */
  readonly residuals: readonly number[];
}

/** Most sweeps in one submit; a large process gets fewer, so that none keeps the GPU from others for long. */
const MOST_SWEEPS_PER_SUBMIT = 32;
/** Multiply-adds in one submit, roughly: a second of work for a slow software adapter. */
const MULTIPLY_ADDS_PER_SUBMIT = 1e9;
/** Four units in the last place; see `IterationOptions.tolerance`. */
const TOLERANCE = 2 ** -21;
/** The smallest number that a GPU does not take for zero. */
const SMALLEST_NORMAL = 2 ** -126;

/**
 * A Markov decision process given as tables, on the GPU, and the paper's operators on it: sums over actions stand where
 * the paper has integrals, so V(s) = alpha log sum_a exp(Q(s, a) / alpha). Calls that overlap take turns.
 * Tables are row-major and flat; tensors live as long as the device or the `Gpu.scope` that they were made in.
 */
export class TabularMdp {
  /** S */
  readonly states: number;
  /** A */
  readonly actions: number;
  /** gamma */
  readonly discount: number;
  readonly #gpu: Gpu;
  readonly #available: ArrayLike<number>;
  readonly #temperature: Tensor;
  /** (S, A) */
  readonly #q: Tensor;
  /** (S) */
  readonly #value: Tensor;
  /** (S, A): the Boltzmann policy of Q, which `#boltzmann` writes. */
  readonly #improved: Tensor;
  /** (S, A): the policy that `#policyValue` evaluates. */
  readonly #given: Tensor;
  /** (sweeps in a submit, 2): see `exact/tabular_residual.wgsl`. */
  readonly #norms: Tensor & { readonly type: 'u32' };
  readonly #boltzmann: Program;
  readonly #policyValue: Program;
  readonly #backup: Dispatch;
  readonly #solveSweeps: Program;
  readonly #evaluateSweeps: Program;
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * Uploads `tables`.
   * @throws UsageError naming the state and action of an entry that is wrong, or a table that is too large for a buffer.
   */
  constructor(gpu: Gpu, tables: MdpTables) {
    const arrays = layOut(tables);
    const { states, actions } = tables;
    const pairs = states * actions;
    this.#gpu = gpu;
    this.states = states;
    this.actions = actions;
    this.discount = tables.discount;
    this.#available = arrays.available;
    const sweeps = Math.floor(MULTIPLY_ADDS_PER_SUBMIT / (pairs * states));
    const sweepsPerSubmit = Math.min(MOST_SWEEPS_PER_SUBMIT, Math.max(1, sweeps));

    const perPair = (name: string) => gpu.tensor(`mdp.${name}`, [states, actions]);
    const temperature = (this.#temperature = gpu.tensor('mdp.temperature', [1]));
    const q = (this.#q = perPair('q'));
    const value = (this.#value = gpu.tensor('mdp.value', [states]));
    this.#improved = perPair('improved');
    this.#given = perPair('given');
    const change = perPair('change');
    const norms = gpu.tensor('mdp.norms', [sweepsPerSubmit, 2], { type: 'u32' });
    this.#norms = { ...norms, type: 'u32' };

    const perState = { threads: [states] as const, params: { states, actions } };
    this.#boltzmann = program('soft value', [
      gpu.kernel('exact/tabular_boltzmann.wgsl').bind(
        {
          q,
          available: gpu.tensorOf('mdp.available', arrays.available),
          temperature,
          value,
          policy: this.#improved,
        },
        perState,
      ),
    ]);
    this.#policyValue = program('policy value', [
      gpu
        .kernel('exact/tabular_policy_value.wgsl')
        .bind({ q, policy: this.#given, temperature, value }, perState),
    ]);
    this.#backup = gpu.kernel('exact/tabular_backup.wgsl').bind(
      {
        transition: gpu.tensorOf('mdp.transition', arrays.transition),
        reward: gpu.tensorOf('mdp.reward', arrays.reward),
        continuation: gpu.tensorOf('mdp.continuation', arrays.continuation),
        value,
        q,
        change,
      },
      { threads: [pairs], params: { states, pairs } },
    );
    const residuals = Array.from({ length: sweepsPerSubmit }, (_, sweep) =>
      gpu
        .kernel('exact/tabular_residual.wgsl')
        .bind({ change, q, norms }, { threads: [1], params: { pairs, sweep } }),
    );
    const sweepsOf = (label: string, valueOf: Program) =>
      program(
        label,
        residuals.flatMap((residual) => [valueOf, this.#backup, residual]),
      );
    this.#solveSweeps = sweepsOf('soft Q-iteration', this.#boltzmann);
    this.#evaluateSweeps = sweepsOf('soft policy evaluation', this.#policyValue);
  }

  /**
   * The soft Bellman operator once: T Q(s, a) = r(s, a) + discount (1 - terminates) E[V(s')], V the soft value of Q
   * (Theorem 3). `q` and the result are (S, A); entries of actions that are not available are ignored and -Infinity.
   * @throws UsageError for a temperature that is not positive, a wrong size, or a Q that is not finite.
   */
  backup(q: ArrayLike<number>, temperature: number): Promise<Float32Array> {
    return this.#inTurn(async () => {
      this.#write(temperature, q);
      await this.#gpu.run(program('backup', [this.#boltzmann, this.#backup]));
      return this.#readQ();
    });
  }

  /**
   * V(s) = alpha log sum_a exp(Q(s, a) / alpha), (S), and the Boltzmann policy pi(a|s) = exp((Q(s, a) - V(s)) / alpha),
   * (S, A), of `q`, (S, A) (Theorem 1; for Q of a policy, the improved policy of Theorem 4).
   * @throws UsageError as `backup` does.
   */
  boltzmann(q: ArrayLike<number>, temperature: number): Promise<Pick<SoftSolution, 'value' | 'policy'>> {
    return this.#inTurn(async () => {
      this.#write(temperature, q);
      await this.#gpu.run(this.#boltzmann);
      const [value, policy] = await Promise.all([
        this.#gpu.read(this.#value),
        this.#gpu.read(this.#improved),
      ]);
      return { value, policy };
    });
  }

  /**
   * Soft Q-iteration, Q <- T Q until it stands still: Q*, V* and pi* (Theorems 1 to 3).
   * @throws UsageError as `backup` does, for a tolerance that is not positive, and where Q leaves float32's range.
   */
  solve(options: IterationOptions): Promise<SoftSolution> {
    return this.#inTurn(async () => {
      this.#write(options.temperature, options.initial);
      const residuals = await this.#iterate(this.#solveSweeps, options.tolerance);
      await this.#gpu.run(this.#boltzmann);
      return this.#solution(residuals, this.#improved);
    });
  }

  /**
   * Soft policy evaluation: Q of `policy`, (S, A), by iterating its linear operator (eq. 15). Q excludes the entropy of
   * the first step, the value V(s) = sum_a pi (Q - alpha log pi) includes it: V is the objective from s on (eq. 16).
   * @throws UsageError as `solve` does, and naming the state in which the policy is not a distribution over available
   * actions (sum 1 within 1e-5; rows are divided by their sums).
   */
  evaluate(policy: ArrayLike<number>, options: IterationOptions): Promise<SoftSolution> {
    return this.#inTurn(async () => {
      this.#write(options.temperature, options.initial);
      this.#gpu.write(this.#given, layOutPolicy(policy, this.states, this.actions, this.#available));
      const residuals = await this.#iterate(this.#evaluateSweeps, options.tolerance);
      await this.#gpu.run(this.#policyValue);
      return this.#solution(residuals, this.#given);
    });
  }

  /**
   * Soft policy iteration (Theorem 4): evaluates `policy`, then the Boltzmann policy of its Q, and so on. Each step yields
   * a policy with its Q and value, none below the one before; it ends when another step moves Q by no more than the
   * tolerance.
   * @throws UsageError as `evaluate` does, and if rounding keeps moving Q by more than the tolerance.
   */
  async *improve(policy: ArrayLike<number>, options: IterationOptions): AsyncGenerator<SoftSolution, void> {
    const { temperature, tolerance = TOLERANCE } = options;
    let current = await this.evaluate(policy, options);
    let first: number | undefined;
    for (let step = 1; ; step++) {
      yield current;
      const { policy: better } = await this.boltzmann(current.q, temperature);
      const next = await this.evaluate(better, { ...options, initial: current.q });
      const moves = next.q.map((q, pair) => (q === current.q[pair] ? 0 : Math.abs(q - current.q[pair]!)));
      const moved = largest(moves);
      const enough = tolerance * largest(next.q.filter(Number.isFinite).map(Math.abs));
      if (moved <= enough) return;
      // The improved policy's Q lies between T Q and Q*, so that each step takes the distance to Q*, which no step moves Q
      // further than, down by the discount. It begins at no more than the first step's move / (1 - discount), twice that
      // where evaluations end early.
      first ??= moved;
      const due = 1 + Math.log((enough * (1 - this.discount)) / (2 * first)) / Math.log(this.discount);
      if (step > due)
        throw new UsageError(
          `Soft policy iteration still moves Q by ${moved.toPrecision(3)} in step ${step}, where only rounding is left: ask ` +
            `for a tolerance above ${tolerance}.`,
        );
      current = next;
    }
  }

  /** Runs `work` after all calls made before it: they share the buffers. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #write(temperature: number, q: ArrayLike<number> = new Float32Array(this.#q.size)): void {
    if (!(temperature >= SMALLEST_NORMAL && Math.fround(temperature) < Infinity))
      throw new UsageError(`The temperature is ${temperature}; it must be a positive float32 number.`);
    expectLength('Q', q, this.#q.size, '(states, actions)');
    const numbers = Float32Array.from(q, (entry, pair) => (this.#available[pair] === 1 ? entry : 0));
    const wrong = numbers.findIndex((entry) => !Number.isFinite(entry));
    if (wrong >= 0)
      throw new UsageError(
        `Q ${place(wrong, this.actions)} is ${q[wrong]}; it must be a finite float32 number.`,
      );
    this.#gpu.write(this.#temperature, Float32Array.of(temperature));
    this.#gpu.write(this.#q, numbers);
  }

  /** Submits sweeps until steps are at most `tolerance` of the largest |Q|, or mere rounding; the size of each. */
  async #iterate(sweeps: Program, tolerance = TOLERANCE): Promise<number[]> {
    if (!(tolerance > 0)) throw new UsageError(`The tolerance is ${tolerance}; it must be positive.`);
    await this.#gpu.ready();
    const residuals: number[] = [];
    for (;;) {
      this.#gpu.submit([sweeps]);
      const norms = new Float32Array((await this.#gpu.read(this.#norms)).buffer);
      for (let at = 0; at < norms.length; at += 2) residuals.push(norms[at]!);
      const residual = residuals.at(-1)!;
      const scale = norms.at(-1)!;
      if (!Number.isFinite(residual) || !Number.isFinite(scale))
        throw new UsageError('Q leaves the range of float32: divide rewards and temperature by a constant.');
      if (residual <= tolerance * scale) return residuals;
      // Theorem 3: step n + 1 is at most discount^n times the first. What is left after that is rounding.
      const due = Math.log((tolerance * scale) / residuals[0]!) / Math.log(this.discount);
      if (residuals.length > 1 + due) return residuals;
    }
  }

  async #solution(residuals: readonly number[], policy: Tensor): Promise<SoftSolution> {
    const [q, value, probabilities] = await Promise.all([
      this.#readQ(),
      this.#gpu.read(this.#value),
      this.#gpu.read(policy),
    ]);
    return { q, value, policy: probabilities, residuals };
  }

  async #readQ(): Promise<Float32Array> {
    const q = await this.#gpu.read(this.#q);
    return q.map((entry, pair) => (this.#available[pair] === 1 ? entry : -Infinity));
  }
}

function largest(numbers: Float32Array): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0);
}
