import { UsageError } from '../../src/gpu/errors.ts';
import { DENSE_BENCHMARKS } from '../benchmarks/dense.ts';
import { ENVIRONMENT_BENCHMARKS } from '../benchmarks/environments.ts';
import { TRAINING_BENCHMARKS } from '../benchmarks/training.ts';
import { UPDATE_BENCHMARKS } from '../benchmarks/update.ts';
import type { Benchmark } from './host.ts';

/** Every benchmark, in the order of the table. */
export const BENCHMARKS: readonly Benchmark[] = [
  ...UPDATE_BENCHMARKS,
  ...TRAINING_BENCHMARKS,
  ...ENVIRONMENT_BENCHMARKS,
  ...DENSE_BENCHMARKS,
];

/**
 * The benchmarks of the given names; a name's first part, `update`, stands for the whole group. All for undefined.
 * @throws UsageError for a name that none has.
 */
export function select(names: readonly string[] | undefined): readonly Benchmark[] {
  if (names === undefined) return BENCHMARKS;
  const has = (one: Benchmark, name: string) => one.name === name || one.name.startsWith(`${name}/`);
  for (const name of names) {
    if (!BENCHMARKS.some((one) => has(one, name))) {
      const known = BENCHMARKS.map((one) => one.name).join(', ');
      throw new UsageError(`There is no benchmark '${name}'; there is ${known}.`);
    }
  }
  return BENCHMARKS.filter((one) => names.some((name) => has(one, name)));
}
