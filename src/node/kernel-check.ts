import { random, uniform } from '../gpu/random.ts';
import { largest } from './vector-file.ts';

/** Largest error of sums of products. */
export const LINEAR = 1e-5;

/** What one kernel computes on the adapter against float64 on the host. */
export interface KernelCheck {
  readonly name: string;
  /** max |gpu - float64| / max |float64|; NaN where the kernel gave one or did not run (in JSON not finite is null). */
  readonly error: number;
  readonly tolerance: number;
  readonly ok: boolean;
  /** Why it did not run, if so. */
  readonly failure?: string;
}

/** Whether `actual` is `expected` within `tolerance` of the largest expected number. */
export function compareKernel(
  name: string,
  actual: ArrayLike<number>,
  expected: readonly number[],
  tolerance: number,
): KernelCheck {
  const scale = largest(expected.map(Math.abs));
  const gaps = expected.map((value, i) => Math.abs((actual[i] ?? NaN) - value));
  const error = largest(gaps) / (scale > 0 ? scale : 1);
  return { name, error, tolerance, ok: error <= tolerance };
}

/** `count` numbers in [-1, 1), another list for each `list`. */
export function numbers(list: number, count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => 2 * uniform(random(1, list, 0, i)[0]) - 1);
}
