import type { MdpTables } from '../../src/exact/mdp-tables.ts';
import type { Mdp } from '../oracles/tabular.ts';

/** A process of the oracle's as the flat tables that the library takes. */
export function tablesOf(mdp: Mdp): MdpTables {
  return {
    states: mdp.rewards.length,
    actions: mdp.rewards[0]!.length,
    transitions: mdp.transitions.flat(2),
    rewards: mdp.rewards.flat(),
    terminates: mdp.terminates.flat(),
    available: mdp.available.flat().map(Number),
    discount: mdp.discount,
  };
}

/** A flat (rows, width) table by its rows, in float64. */
export function rowsOf(flat: ArrayLike<number>, width: number): number[][] {
  return Array.from({ length: flat.length / width }, (_, r) =>
    Array.from({ length: width }, (_, c) => flat[r * width + c]!),
  );
}

/** max |x| over a flat table, or over its difference to another one: the sup norm. */
export function supNorm(x: ArrayLike<number>, y?: ArrayLike<number>): number {
  return Array.from(x, (one, i) => Math.abs(one - (y?.[i] ?? 0))).reduce((a, b) => Math.max(a, b), 0);
}
