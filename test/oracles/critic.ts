// A critic of one network or several, in float64.

import { mlpBackward, mlpForward, type OracleMlp } from './mlp.ts';
import { combinedCritics } from './soft-value.ts';

/** Q(s, a) of n networks taken as one: their mean, or the least of them at each row. */
export class OracleCritic {
  readonly networks: readonly OracleMlp[];
  readonly #ensemble: 'mean' | 'min';

  constructor(networks: readonly OracleMlp[], ensemble: 'mean' | 'min') {
    this.networks = networks;
    this.#ensemble = ensemble;
  }

  /** Q of rows [s, a], (rows). */
  values(rows: number[][]): number[] {
    return this.#combined(rows).map(({ value }) => value);
  }

  /** dQ/d[s, a], (rows, S + A). */
  slopes(rows: number[][]): number[][] {
    const weights = this.#combined(rows).map(({ slopes }) => slopes);
    const parts = this.networks.map((network, c) => {
      const outputGrad = weights.map((row) => [row[c]!]);
      return mlpBackward(network, rows, outputGrad).inputGrad;
    });
    return rows.map((row, i) => row.map((_, d) => parts.reduce((sum, part) => sum + part[i]![d]!, 0)));
  }

  #combined(rows: number[][]) {
    const each = this.networks.map((network) => mlpForward(network, rows).flat());
    return rows.map((_, i) => {
      const q = each.map((values) => values[i]!);
      return combinedCritics(this.#ensemble, q);
    });
  }
}
