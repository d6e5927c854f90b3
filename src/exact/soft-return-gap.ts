import { UsageError } from '../gpu/errors.ts';
import { below, random } from '../gpu/random.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';
import type { Divergence } from './divergence.ts';

const STREAM = constantsOf(shaderSource('common/random.wgsl'))['STREAM_VISITS']!;

/** An episode of the policy itself, to its end or to a cut. */
export interface Trajectory {
  /** (length + 1, S): the last is where it ended, and where the policy did not act. */
  readonly observations: readonly (readonly number[])[];
  /** Whether it ended by the task's own rule. */
  readonly terminated: boolean;
}

/** A state in which the policy acted. */
export interface Visit {
  /** Index of its trajectory. */
  readonly trajectory: number;
  readonly state: readonly number[];
  /** What its divergence counts for in the gap: gamma^t times `every`. */
  readonly weight: number;
}

/**
 * The states at which `softReturnGap` needs the policy's divergence from pi*. With `every` = m > 1 they are each
 * trajectory's steps t = o, o + m, o + 2m, ... from an offset o uniform on 0..m-1, drawn with `seed`: every step is
 * then kept with probability 1 / m and weighs m times as much, so the gap stays unbiased.
 */
export function gapVisits(
  trajectories: readonly Trajectory[],
  options: { readonly discount: number; readonly every?: number; readonly seed?: number },
): Visit[] {
  const { discount, every = 1, seed = 0 } = options;
  return trajectories.flatMap(({ observations }, trajectory) => {
    const offset = below(random(seed, STREAM, 0, trajectory)[0], every);
    const visits: Visit[] = [];
    for (let t = offset; t < observations.length - 1; t += every)
      visits.push({ trajectory, state: observations[t]!, weight: every * discount ** t });
    return visits;
  });
}

/** How much soft return a policy gives away against the optimum. */
export interface SoftReturnGap {
  /** E[sum_t gamma^t KL(pi(.|s_t) || pi*(.|s_t))] in nats. */
  readonly nats: number;
  /** Standard error of `nats` over trajectories. */
  readonly standardError: number;
  /** Some divergence is only bounded from below, and so is `nats`: to be printed with '>='. */
  readonly lowerBound: boolean;
  /** Share of trajectories that were cut before they ended: what they would have added is missing. */
  readonly truncatedShare: number;
}

/**
 * The gap (V*(s0) - J_soft(pi)) / alpha of a policy, J_soft its discounted return with entropies, as the mean over its
 * own trajectories of sum_t gamma^t KL_t: the same in expectation, with a small part of the variance. `divergences` are
 * those of pi from pi* at `visits`, in order. Follow the trajectories to their end (a cap of 300 steps, at least 200 of
 * them): a policy that does not arrive pays on every further step. Throws with fewer than two trajectories.
 */
export function softReturnGap(
  trajectories: readonly Trajectory[],
  visits: readonly Visit[],
  divergences: readonly Divergence[],
): SoftReturnGap {
  const n = trajectories.length;
  if (n < 2) throw new UsageError(`A standard error needs two trajectories or more, not ${n}.`);
  const gaps = new Float64Array(n);
  visits.forEach(({ trajectory, weight }, i) => {
    gaps[trajectory]! += weight * divergences[i]!.nats;
  });
  const nats = gaps.reduce((sum, gap) => sum + gap, 0) / n;
  const variance = gaps.reduce((sum, gap) => sum + (gap - nats) ** 2, 0) / (n - 1);
  return {
    nats,
    standardError: Math.sqrt(variance / n),
    lowerBound: divergences.some(({ lowerBound }) => lowerBound),
    truncatedShare: trajectories.filter(({ terminated }) => !terminated).length / n,
  };
}
