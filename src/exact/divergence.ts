import { nearestNeighbourEntropy } from './entropy.ts';
import type { Optimum } from './optimum.ts';
import { logPartition } from './quadrature.ts';

/** A Kullback-Leibler divergence in nats, estimated: near zero it may come out slightly negative. */
export interface Divergence {
  readonly nats: number;
  /** The samples coincide where a density would spread them: the divergence is at least `nats`, to be printed with '>='. */
  readonly lowerBound: boolean;
}

/**
 * KL(pi || p) = -H(pi) - E_pi[log p(a)] in nats, from `samples` (n, A) of pi in [-1, 1]^A and `logDensities` (n), log p
 * at them: the entropy by nearest neighbours, the mean over the samples; pi's own density is not needed. Throws with
 * fewer than nine samples.
 */
export function klFromSamples(
  samples: readonly (readonly number[])[],
  logDensities: ArrayLike<number>,
): Divergence {
  const entropy = nearestNeighbourEntropy(samples);
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += logDensities[i]!;
  return { nats: -entropy.nats - sum / samples.length, lowerBound: entropy.upperBound };
}

/** KL(pi(.|s) || pi*(.|s)) in nats at `state`, from `samples` (n, A) of pi(.|s); see `klFromSamples`. */
export function klToOptimum(
  samples: readonly (readonly number[])[],
  optimum: Pick<Optimum, 'logDensityAt'>,
  state: readonly number[],
): Divergence {
  return klFromSamples(
    samples,
    samples.map((action) => optimum.logDensityAt(state, action)),
  );
}

/** What a sampler and its critic give at one state. */
export interface SamplerProbe {
  /** (n, A) actions of the sampler. */
  readonly actions: readonly (readonly number[])[];
  /** (n) Q(s, a) at these actions, raw reward units. */
  readonly values: ArrayLike<number>;
  /** Q(s, a) at the actions of `actionQuadrature`, raw reward units. */
  readonly gridValues: ArrayLike<number>;
}

/**
 * The sampler's own share of the policy's error: KL(pi_phi(.|s) || exp((Q_theta(s, .) - V_theta(s)) / alpha)) in nats, the
 * critic taken for true and V_theta(s) / alpha = log of the integral of exp(Q_theta / alpha) by the quadrature with
 * `weights`. Zero when the sampling network draws exactly from its critic's energy.
 */
export function samplerError(
  probe: SamplerProbe,
  weights: ArrayLike<number>,
  temperature: number,
): Divergence {
  const inNats = (values: ArrayLike<number>) => Float64Array.from(values, (value) => value / temperature);
  const logNormaliser = logPartition(inNats(probe.gridValues), weights);
  const logDensities = inNats(probe.values).map((value) => value - logNormaliser);
  return klFromSamples(probe.actions, logDensities);
}

/**
 * What the critic asks for: KL(exp((Q(s, .) - V(s)) / alpha) || p) in nats, V(s) / alpha = log of the integral of
 * exp(Q / alpha), both integrals by the quadrature with `weights` (n). `gridValues` (n) is Q(s, a) in raw reward units and
 * `logDensities` (n) log p(a) at the actions of `actionQuadrature`. Zero when Q differs from alpha log p by a constant.
 */
export function energyDivergence(
  gridValues: ArrayLike<number>,
  logDensities: ArrayLike<number>,
  weights: ArrayLike<number>,
  temperature: number,
): number {
  const nats = Float64Array.from(gridValues, (value) => value / temperature);
  const logNormaliser = logPartition(nats, weights);
  return nats.reduce((sum, value, k) => {
    const log = value - logNormaliser;
    return sum + weights[k]! * Math.exp(log) * (log - logDensities[k]!);
  }, 0);
}
