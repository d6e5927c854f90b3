import { expect } from 'vitest';

/** Float32 against float64 for sums of products (design: 1e-5 of the largest reference). */
export const LINEAR_ALGEBRA = 1e-5;
/** The same through exp, log and tanh. */
export const TRANSCENDENTAL = 1e-4;

/** max |actual - reference| / max |reference|; absolute where the reference is all zero. */
export function relativeError(actual: ArrayLike<number>, reference: ArrayLike<number>): number {
  expect(actual.length).toBe(reference.length);
  let error = 0;
  let scale = 0;
  for (let i = 0; i < reference.length; i++) {
    const difference = Math.abs(actual[i]! - reference[i]!);
    // A NaN on either side must fail, and comparisons with NaN are false.
    error = difference > error || Number.isNaN(difference) ? difference : error;
    scale = Math.max(scale, Math.abs(reference[i]!));
  }
  return scale > 0 ? error / scale : error;
}

/** Fails unless every number agrees with the float64 reference within `tolerance` of the reference's largest. */
export function expectClose(
  actual: ArrayLike<number>,
  reference: ArrayLike<number>,
  tolerance: number,
): void {
  expect(relativeError(actual, reference)).toBeLessThanOrEqual(tolerance);
}
