import { MULTIGOAL_BOUND } from '../envs/multigoal.ts';
import { MultigoalOptimum } from '../exact/multigoal-optimum.ts';
import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { chunks, Comparison, largest, type VectorFile, type VectorRow } from './vector-file.ts';

/** Largest accepted error of V* and Q*, raw reward units: four times the 0.005 that the solver's own grid costs. */
const VALUE_TOLERANCE = 0.02;

/**
 * Checks V*, the entropy of pi* and Q* of each entry of `oracle.json`, solving each problem once. Errors are absolute: a
 * grid's do not grow with the values.
 * @throws UsageError if the file is malformed or asks for what cannot be solved.
 */
export async function verifyOptimum(gpu: Gpu, file: VectorFile): Promise<VectorRow[]> {
  const comparison = new Comparison(file);
  const solved = new Map<string, MultigoalOptimum>();
  const entries = file.shape([], 1)[0]!;
  for (let entry = 0; entry < entries; entry++) {
    const at = (name: string) => [`${entry}`, name];
    const [alpha, gamma, sigma] = ['alpha', 'gamma', 'sigma'].map((name) => file.number(at(name))) as [
      number,
      number,
      number,
    ];
    const count = file.shape(at('states'), 2)[0]!;
    const points = (name: string, bound: number) => {
      const rows = chunks(file.numbers(at(name), [count, 2]), 2);
      if (rows.flat().every((one) => Math.abs(one) <= bound)) return rows;
      throw new UsageError(`${file.name}: '${entry}.${name}' should lie within ${bound} on every side.`);
    };
    const states = points('states', MULTIGOAL_BOUND);
    const actions = points('actions', 1);
    const problem = [alpha, gamma, sigma].join();
    let optimum = solved.get(problem);
    if (!optimum) {
      const params = { noise: sigma };
      optimum = await MultigoalOptimum.solve(gpu, { temperature: alpha, discount: gamma, params });
      solved.set(problem, optimum);
    }
    const compare = (name: string, found: readonly number[], tolerance: number) => {
      const expected = file.numbers(at(name), [count]);
      const gaps = found.map((one, i) => Math.abs(one - expected[i]!));
      comparison.row([`${entry}`, `${name} (alpha ${alpha})`], largest(gaps), tolerance);
    };
    const exact = optimum;
    compare(
      'V',
      states.map((state) => exact.valueAt(state)),
      VALUE_TOLERANCE,
    );
    // H = (V - E Q) / alpha, nats: the errors of both.
    compare(
      'H',
      states.map((state) => exact.entropyAt(state)),
      (2 * VALUE_TOLERANCE) / alpha,
    );
    compare(
      'Q',
      states.map((state, i) => exact.qAt(state, actions[i]!)),
      VALUE_TOLERANCE,
    );
  }
  return comparison.rows;
}
