import type { Row } from './measure.ts';

/**
 * The least ratios that a change may bring, by a word of the adapter's name and by benchmark: some half of what was
 * measured on a busy machine (docs/performance.md), because ratios of one run move by their spread, and a kernel that
 * lost its tile or its lanes loses more.
 */
const LEAST: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  SwiftShader: {
    'dense/forward': 0.08,
    'dense/backward-input': 0.07,
    'dense/backward-parameters': 0.06,
  },
  llvmpipe: {
    'dense/network-forward': 0.2,
    'dense/network-backward-input': 0.11,
    'dense/network-backward-parameters': 0.13,
  },
};

/**
 * What is wrong with `rows`, a sentence each: benchmarks whose best ratio, by whichever clock, is below the least, and
 * ones that were to be measured on this adapter and were not. None for adapters of which no least ratios are known.
 */
export function belowGate(adapter: string, rows: readonly Row[]): string[] {
  const word = Object.keys(LEAST).find((one) => adapter.toLowerCase().includes(one.toLowerCase()));
  if (word === undefined) return [];
  return Object.entries(LEAST[word]!).flatMap(([name, least]) => {
    const ratios = rows.filter((row) => row.name === name).map(({ ratio }) => ratio);
    if (ratios.length === 0) return [`${name} was not measured: the gate is about it, too.`];
    const best = Math.max(...ratios);
    return best >= least
      ? []
      : [`${name} is ${best.toFixed(2)} times as fast as its peer, and was to be at least ${least}.`];
  });
}
