import { UsageError } from '../gpu/errors.ts';

/**
 * A finite Markov decision process as tables; all are row-major and flat. S states and A actions.
 *
 * An episode ends by `terminates`, not by an absorbing state: under the maximum-entropy objective a state that only
 * leads to itself, at reward 0, is not worth 0 but alpha log(A) / (1 - discount), the entropy of acting on in it.
 */
export interface MdpTables {
  /** S */
  readonly states: number;
  /** A */
  readonly actions: number;
  /**
   * P(s'|s, a), (S, A, S): each row over s' is non-negative and sums to 1 within 1e-5, and is divided by its sum. A row
   * is not read where the action is not available or surely ends the episode.
   */
  readonly transitions: ArrayLike<number>;
  /** r(s, a), (S, A), raw reward units. */
  readonly rewards: ArrayLike<number>;
  /** Probability that the step from s by a ends the episode, (S, A) in [0, 1]: nothing is earned after it. Default 0. */
  readonly terminates?: ArrayLike<number>;
  /** 1 where the action may be taken in the state, 0 elsewhere, (S, A). At least one in each state. Default 1. */
  readonly available?: ArrayLike<number>;
  /** gamma in [0, 1). */
  readonly discount: number;
}

/** The same process as the kernels read it, float32. */
export interface MdpArrays {
  /** (S', S * A) */
  readonly transition: Float32Array<ArrayBuffer>;
  /** (S, A), 0 where not available. */
  readonly reward: Float32Array<ArrayBuffer>;
  /** discount (1 - terminates), (S, A), 0 where not available. */
  readonly continuation: Float32Array<ArrayBuffer>;
  /** (S, A), 1 or 0. */
  readonly available: Uint32Array<ArrayBuffer>;
}

/** How far from 1 the sum of a row of probabilities may lie: what a table printed with six digits needs. */
const ROW_SUM_TOLERANCE = 1e-5;

/**
 * Lays tables out for the kernels.
 * @throws UsageError naming the state and action whose entry is wrong, or the table whose size is.
 */
export function layOut(tables: MdpTables): MdpArrays {
  const { states, actions, discount, transitions, rewards, terminates, available } = tables;
  for (const [name, count] of Object.entries({ states, actions })) {
    if (!Number.isInteger(count) || count < 1)
      throw new UsageError(`The number of ${name} is ${count}; it must be a positive integer.`);
  }
  // Rounded, because a discount that float32 cannot tell from 1 leaves nothing that contracts.
  if (!(discount >= 0 && Math.fround(discount) < 1))
    throw new UsageError(`The discount is ${discount}; it must be at least 0 and, in float32, less than 1.`);
  const pairs = states * actions;
  expectLength('transitions', transitions, pairs * states, '(states, actions, states)');
  expectLength('rewards', rewards, pairs, '(states, actions)');
  if (terminates) expectLength('terminates', terminates, pairs, '(states, actions)');
  if (available) expectLength('available', available, pairs, '(states, actions)');

  const arrays: MdpArrays = {
    transition: new Float32Array(pairs * states),
    reward: new Float32Array(pairs),
    continuation: new Float32Array(pairs),
    available: new Uint32Array(pairs),
  };
  for (let pair = 0; pair < pairs; pair++) {
    const where = place(pair, actions);
    const may = available?.[pair] ?? 1;
    if (may !== 0 && may !== 1) throw new UsageError(`'available' ${where} is ${may}; it must be 0 or 1.`);
    if (may === 0) continue;
    arrays.available[pair] = 1;
    const reward = rewards[pair]!;
    if (!Number.isFinite(Math.fround(reward)))
      throw new UsageError(`The reward ${where} is ${reward}; it must be a finite float32 number.`);
    arrays.reward[pair] = reward;
    const end = terminates?.[pair] ?? 0;
    if (!(end >= 0 && end <= 1))
      throw new UsageError(`'terminates' ${where} is ${end}; it must be a probability in [0, 1].`);
    if (end === 1) continue;
    arrays.continuation[pair] = discount * (1 - end);
    const row = Array.from({ length: states }, (_, next) => transitions[pair * states + next]!);
    distribution(row, `The transition probabilities ${where}`).forEach((probability, next) => {
      arrays.transition[next * pairs + pair] = probability;
    });
  }
  for (let state = 0; state < states; state++) {
    if (!arrays.available.subarray(state * actions, (state + 1) * actions).includes(1))
      throw new UsageError(`No action is available in state ${state}; 'available' must leave at least one.`);
  }
  return arrays;
}

/**
 * A policy (S, A) in float32, each row divided by its sum.
 * @throws UsageError naming the state whose row is not a distribution over the available actions.
 */
export function layOutPolicy(
  policy: ArrayLike<number>,
  states: number,
  actions: number,
  available: ArrayLike<number>,
): Float32Array<ArrayBuffer> {
  expectLength('The policy', policy, states * actions, '(states, actions)');
  const rows = new Float32Array(states * actions);
  for (let state = 0; state < states; state++) {
    const row = Array.from({ length: actions }, (_, action) => policy[state * actions + action]!);
    rows.set(distribution(row, `The policy's probabilities in state ${state}`), state * actions);
  }
  const lost = rows.findIndex((probability, pair) => probability > 0 && available[pair] === 0);
  if (lost >= 0)
    throw new UsageError(
      `The policy ${place(lost, actions)} is ${rows[lost]}; it must be 0, the action is not available.`,
    );
  return rows;
}

/**
 * @throws UsageError if `numbers` is not `length` long.
 */
export function expectLength(what: string, numbers: ArrayLike<number>, length: number, shape: string): void {
  if (numbers.length !== length)
    throw new UsageError(`${what}: ${numbers.length} numbers were given, but ${shape} needs ${length}.`);
}

/** Where the entry `pair` of an (S, A) table stands, in words. */
export function place(pair: number, actions: number): string {
  return `in state ${Math.floor(pair / actions)} for action ${pair % actions}`;
}

/** `row` divided by its sum. */
function distribution(row: readonly number[], what: string): number[] {
  const wrong = row.findIndex((probability) => !(probability >= 0 && probability < Infinity));
  if (wrong >= 0)
    throw new UsageError(`${what} hold ${row[wrong]} at place ${wrong}; none may be negative or not finite.`);
  const sum = row.reduce((total, probability) => total + probability, 0);
  if (Math.abs(sum - 1) > ROW_SUM_TOLERANCE)
    throw new UsageError(`${what} sum to ${sum}; they must sum to 1 within ${ROW_SUM_TOLERANCE}.`);
  return row.map((probability) => probability / sum);
}
