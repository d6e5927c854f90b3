import Table from 'cli-table3';
import { mebibytes } from '../gpu/gpu.ts';
import type { Evaluation } from '../train/evaluator.ts';
import type { TrainResult } from './train.ts';

/** A share as a percentage with one decimal. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Rows of label and value as a plain table: no colours, so that it can be piped and pasted. */
export function table(rows: readonly (readonly string[])[], head: readonly string[] = []): string {
  // Lines between rows would double the height.
  const chars = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
  const one = new Table({ head: [...head], style: { head: [], border: [] }, chars });
  one.push(...rows.map((row) => [...row]));
  return one.toString();
}

/** What a policy does, as rows of a table. */
export function evaluationRows(evaluation: Evaluation, outcomes: readonly string[]): string[][] {
  const shares = outcomes.map((name, i) => `${name} ${percent(evaluation.outcomeShares[i] ?? 0)}`);
  return [
    ['success', percent(evaluation.success)],
    ...(shares.length > 0
      ? [
          ['goal shares', shares.join(', ')],
          ['goal entropy', `${evaluation.outcomeEntropy.toFixed(3)} of 1`],
        ]
      : []),
    ['mean return', evaluation.meanReturn.toFixed(1)],
    ['mean episode length', evaluation.meanLength.toFixed(2)],
  ];
}

/** The table at the end of a training. */
export function trainTable(result: TrainResult, outcomes: readonly string[]): string {
  return table([
    ...evaluationRows(result.evaluation, outcomes),
    [
      'updates/s',
      `${result.updatesPerSecond.toFixed(0)} (${result.updates} in ${result.seconds.toFixed(1)} s)`,
    ],
    ['environment steps/s', result.environmentStepsPerSecond.toFixed(0)],
    ['GPU memory', `${mebibytes(result.gpuMemoryBytes)} MiB`],
    ['adapter', result.adapter],
    ['run folder', result.folder],
    ['figure', result.figure],
    ['checkpoint', result.checkpointHash.slice(0, 16)],
  ]);
}
