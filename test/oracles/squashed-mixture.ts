// A mixture of Gaussians squashed by tanh, and the loss that soft actor-critic's policy descends, in float64.

import { logSumExp, logTanhSlope } from './soft-value.ts';

/** u ~ sum_c w_c N(mu_c, diag sigma_c^2), a = tanh u. */
export interface SquashedMixture {
  /** (C), sum 1 */
  readonly weights: number[];
  /** (C, A) */
  readonly means: number[][];
  /** (C, A) */
  readonly deviations: number[][];
}

/** Bounds of the log of a deviation. */
const LOG_DEVIATIONS = [-5, 2] as const;

/** The mixture in one row of a network's outputs: C logits, C x A means, C x A logs of deviations, which are clamped. */
export function mixtureOf(
  outputs: ArrayLike<number>,
  components: number,
  actionSize: number,
): SquashedMixture {
  const row = Array.from(outputs);
  const perComponent = (from: number) =>
    Array.from({ length: components }, (_, c) =>
      row.slice(from + c * actionSize, from + (c + 1) * actionSize),
    );
  const logits = row.slice(0, components);
  const total = logSumExp(logits);
  const [lowest, highest] = LOG_DEVIATIONS;
  return {
    weights: logits.map((logit) => Math.exp(logit - total)),
    means: perComponent(components),
    deviations: perComponent(components + components * actionSize).map((logs) =>
      logs.map((log) => Math.exp(Math.min(Math.max(log, lowest), highest))),
    ),
  };
}

/** log pi(a) at a = tanh u: log sum_c w_c prod_d N(u_d; mu_cd, sigma_cd) - sum_d log(1 - tanh(u_d)^2). `u` is (A). */
export function squashedMixtureLogDensity(mixture: SquashedMixture, u: ArrayLike<number>): number {
  const { weights, means, deviations } = mixture;
  const logs = weights.map((weight, c) =>
    means[c]!.reduce((sum, mean, d) => {
      const deviation = deviations[c]![d]!;
      return sum - ((u[d]! - mean) / deviation) ** 2 / 2 - Math.log(deviation * Math.sqrt(2 * Math.PI));
    }, Math.log(weight)),
  );
  return logSumExp(logs) - Array.from(u, logTanhSlope).reduce((sum, value) => sum + value, 0);
}

/**
 * The noise behind stratified draws u (n, A), draw i of component i mod C: eps = (u - mu) / sigma. Held fixed, it makes
 * the loss below a function of the network's outputs.
 */
export function stratifiedNoise(mixture: SquashedMixture, u: readonly ArrayLike<number>[]): number[][] {
  return u.map((one, i) => {
    const c = i % mixture.weights.length;
    return Array.from(one, (value, d) => (value - mixture.means[c]![d]!) / mixture.deviations[c]![d]!);
  });
}

/**
 * sum_c w_c mean over the draws i of component c of [alpha log pi(a_i) - Q(a_i)], a_i = tanh(mu_c + sigma_c eps_i), and
 * the entropy -sum_c w_c mean log pi(a_i). `noise` is (n, A), n a multiple of C; `q` takes an action (A).
 */
export function stratifiedLoss(
  mixture: SquashedMixture,
  noise: readonly ArrayLike<number>[],
  temperature: number,
  q: (action: number[], draw: number) => number,
): { loss: number; entropy: number } {
  const { weights, means, deviations } = mixture;
  let [loss, entropy] = [0, 0];
  noise.forEach((eps, i) => {
    const c = i % weights.length;
    const share = (weights[c]! * weights.length) / noise.length;
    const u = Array.from(eps, (value, d) => means[c]![d]! + deviations[c]![d]! * value);
    const logDensity = squashedMixtureLogDensity(mixture, u);
    loss += share * (temperature * logDensity - q(u.map(Math.tanh), i));
    entropy -= share * logDensity;
  });
  return { loss, entropy };
}
