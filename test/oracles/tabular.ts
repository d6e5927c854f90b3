// Maximum-entropy control of finite Markov decision processes, in float64: sums, linear systems and searches.

import type { Draws } from './random.ts';
import { logSumExp } from './soft-value.ts';

/** A finite process. All tables are by state, then action: transitions (S, A, S), the others (S, A). */
export interface Mdp {
  readonly transitions: readonly (readonly (readonly number[])[])[];
  readonly rewards: readonly (readonly number[])[];
  /** Probability that the step ends the episode. */
  readonly terminates: readonly (readonly number[])[];
  readonly available: readonly (readonly boolean[])[];
  readonly discount: number;
}

/** How to draw a process; `terminal` is the probability with which a pair (s, a) may end the episode. */
export interface MdpSizes {
  readonly states: number;
  readonly actions: number;
  readonly discount: number;
  readonly terminal?: number;
  readonly rewardScale?: number;
}

/** A process with random transitions and normal rewards, every action available. */
export function randomMdp(draws: Draws, sizes: MdpSizes): Mdp {
  const { states, actions, discount, terminal = 0, rewardScale = 1 } = sizes;
  return {
    transitions: Array.from({ length: states }, () =>
      Array.from({ length: actions }, () => randomDistribution(draws, states)),
    ),
    rewards: draws.normalRows(states, actions, rewardScale),
    terminates: Array.from({ length: states }, () =>
      Array.from({ length: actions }, () => (draws.uniform() < terminal ? draws.uniform(0.2, 1) : 0)),
    ),
    available: Array.from({ length: states }, () => new Array<boolean>(actions).fill(true)),
    discount,
  };
}

/** `count` random positive numbers that sum to 1. */
export function randomDistribution(draws: Draws, count: number): number[] {
  const weights = Array.from({ length: count }, () => -Math.log(1 - draws.uniform()) + 1e-3);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** V(s) = alpha log sum_a exp(Q(s, a) / alpha) over available actions. */
export function softValues(mdp: Mdp, q: readonly (readonly number[])[], temperature: number): number[] {
  return q.map(
    (row, s) =>
      temperature * logSumExp(row.filter((_, a) => mdp.available[s]![a]).map((entry) => entry / temperature)),
  );
}

/** pi(a|s) proportional to exp(Q(s, a) / alpha), by shares rather than through V. */
export function boltzmannPolicy(
  mdp: Mdp,
  q: readonly (readonly number[])[],
  temperature: number,
): number[][] {
  return q.map((row, s) =>
    row.map((entry, a) =>
      mdp.available[s]![a]
        ? 1 /
          row.reduce(
            (sum, other, b) => (mdp.available[s]![b] ? sum + Math.exp((other - entry) / temperature) : sum),
            0,
          )
        : 0,
    ),
  );
}

/** Q(s, a) = r(s, a) + discount (1 - terminates) sum_s' P(s'|s, a) V(s'). */
export function qOf(mdp: Mdp, values: readonly number[]): number[][] {
  return mdp.rewards.map((row, s) =>
    row.map((reward, a) => {
      const expected = mdp.transitions[s]![a]!.reduce((sum, p, next) => sum + p * values[next]!, 0);
      return reward + mdp.discount * (1 - mdp.terminates[s]![a]!) * expected;
    }),
  );
}

/** The soft Bellman operator. */
export function softBackup(mdp: Mdp, q: readonly (readonly number[])[], temperature: number): number[][] {
  return qOf(mdp, softValues(mdp, q, temperature));
}

/** Q*: the backup repeated until it changes nothing that float64 shows at discounts up to 0.95. */
export function optimalQ(mdp: Mdp, temperature: number): number[][] {
  let q = mdp.rewards.map((row) => row.map(() => 0));
  for (let sweep = 0; sweep < 1000; sweep++) q = softBackup(mdp, q, temperature);
  return q;
}

/** -sum p log p in nats. */
export function entropy(p: readonly number[]): number {
  return p.reduce((sum, one) => (one > 0 ? sum - one * Math.log(one) : sum), 0);
}

/** P_pi(s'|s) discount (1 - terminates), the discounted flow between states under a policy. */
function flow(mdp: Mdp, policy: readonly (readonly number[])[]): number[][] {
  return policy.map((row, s) =>
    policy.map((_, next) =>
      row.reduce(
        (sum, p, a) => sum + p * mdp.discount * (1 - mdp.terminates[s]![a]!) * mdp.transitions[s]![a]![next]!,
        0,
      ),
    ),
  );
}

/** Expected reward plus alpha times entropy of one step in each state. */
function stepReturn(mdp: Mdp, policy: readonly (readonly number[])[], temperature: number): number[] {
  return policy.map(
    (row, s) => row.reduce((sum, p, a) => sum + p * mdp.rewards[s]![a]!, 0) + temperature * entropy(row),
  );
}

/** The soft value of a policy, from V = c_pi + F_pi V by elimination. */
export function policyValues(
  mdp: Mdp,
  policy: readonly (readonly number[])[],
  temperature: number,
): number[] {
  const matrix = flow(mdp, policy).map((row, s) => row.map((entry, next) => Number(s === next) - entry));
  return solveLinear(matrix, stepReturn(mdp, policy, temperature));
}

/** Unnormalised discounted occupancy d = start + F_pi^T d, (S). */
export function occupancy(
  mdp: Mdp,
  policy: readonly (readonly number[])[],
  start: readonly number[],
): number[] {
  const flows = flow(mdp, policy);
  const matrix = flows.map((_, s) => flows.map((row, from) => Number(s === from) - row[s]!));
  return solveLinear(matrix, start);
}

/**
 * Soft Q of a policy as the definition has it (eq. 15): r(s_0, a_0) + sum_{l >= 1} discount^l E[r_l + alpha H(pi(.|s_l))],
 * summed forwards over the laws of s_1, s_2, ... for `steps` steps.
 */
export function pathSum(
  mdp: Mdp,
  policy: readonly (readonly number[])[],
  temperature: number,
  steps: number,
): number[][] {
  const flows = flow(mdp, policy);
  const earned = stepReturn(mdp, policy, temperature);
  return mdp.rewards.map((row, s) =>
    row.map((reward, a) => {
      let law = mdp.transitions[s]![a]!.map((p) => p * mdp.discount * (1 - mdp.terminates[s]![a]!));
      let sum = reward;
      for (let step = 0; step < steps; step++) {
        sum += law.reduce((total, mass, at) => total + mass * earned[at]!, 0);
        law = law.map((_, next) => law.reduce((total, mass, at) => total + mass * flows[at]![next]!, 0));
      }
      return sum;
    }),
  );
}

/**
 * The policy of a process with two actions that maximises the expected discounted sum of its entropies, rewards
 * disregarded: dynamic programming backwards over `horizon` steps, each state's probability found by ternary search of
 * the concave H(p) + p h_0 + (1 - p) h_1. No log-sum-exp enters.
 */
export function mostEntropicPolicy(mdp: Mdp, horizon: number): number[][] {
  const blank = { ...mdp, rewards: mdp.rewards.map((row) => row.map(() => 0)) };
  let values = mdp.rewards.map(() => 0);
  let policy: number[][] = [];
  for (let step = 0; step < horizon; step++) {
    const future = qOf(blank, values);
    policy = future.map(([h0, h1], s) => {
      const [may0, may1] = mdp.available[s]!;
      if (!may0 || !may1) return [Number(may0), Number(may1)];
      const gain = (p: number) => entropy([p, 1 - p]) + p * h0! + (1 - p) * h1!;
      let [low, high] = [0, 1];
      for (let cut = 0; cut < 100; cut++) {
        const third = (high - low) / 3;
        if (gain(low + third) < gain(high - third)) low += third;
        else high -= third;
      }
      return [(low + high) / 2, 1 - (low + high) / 2];
    });
    values = policy.map((row, s) => entropy(row) + row.reduce((sum, p, a) => sum + p * future[s]![a]!, 0));
  }
  return policy;
}

/** x of M x = b, by elimination with row exchanges. M (N, N), b (N). */
export function solveLinear(matrix: readonly (readonly number[])[], b: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, b[i]!]);
  for (let column = 0; column < rows.length; column++) {
    let pivot = column;
    for (let r = column; r < rows.length; r++) {
      if (Math.abs(rows[r]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = r;
    }
    [rows[pivot], rows[column]] = [rows[column]!, rows[pivot]!];
    for (let r = 0; r < rows.length; r++) {
      if (r === column) continue;
      const factor = rows[r]![column]! / rows[column]![column]!;
      rows[r] = rows[r]!.map((entry, c) => entry - factor * rows[column]![c]!);
    }
  }
  return rows.map((row, i) => row[rows.length]! / row[i]!);
}
