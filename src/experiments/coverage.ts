import { DIAGONAL, MULTIGOAL_PROBES } from '../envs/multigoal.ts';
import { bestSquashedGaussian } from '../exact/squashed-gaussian.ts';
import type { Optimum } from '../exact/optimum.ts';
import type { Evaluation } from '../train/evaluator.ts';

/** A policy covers the goals when each gets at least this share and it succeeds at least this often. */
const COVERAGE = { share: 0.05, success: 0.8 } as const;

/** Whether a policy goes to every goal, and to some goal nearly always. */
export function covers({ success, outcomeShares }: Evaluation): boolean {
  return success >= COVERAGE.success && Math.min(...outcomeShares) >= COVERAGE.share;
}

/** KL(pi || pi*) of the best squashed Gaussian at the origin and at (2.5, 2.5): what no SAC with one can beat. */
export function gaussianFloor(optimum: Optimum): readonly [origin: number, diagonal: number] {
  const at = (probe: number) => bestSquashedGaussian(optimum, MULTIGOAL_PROBES[probe]!).nats;
  return [at(0), at(DIAGONAL)];
}

/** The middle of the sorted values, the mean of the two middle ones for an even count. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
