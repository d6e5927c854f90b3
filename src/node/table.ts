import Table from 'cli-table3';
import { mebibytes } from '../gpu/gpu.ts';
import { DIAGONAL } from '../envs/multigoal.ts';
import type { Divergence } from '../exact/divergence.ts';
import type { Config } from '../train/config.ts';
import type { Evaluation } from '../train/evaluator.ts';
import type { GroundTruth, ProbeDistance } from '../train/ground-truth.ts';
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

/** Nats with two decimals, behind '>=' where the estimate is a lower bound: of a policy without a density, say. */
export function nats({ nats: value, lowerBound }: Divergence): string {
  return `${lowerBound ? '>= ' : ''}${value.toFixed(2)}`;
}

/**
 * How far policy and critic lie from the optimum, as rows of a table. DDPG's policy does not sample from exp(Q / alpha),
 * so that it has no error of doing so.
 */
export function groundTruthRows(truth: GroundTruth, algorithm: Config['algorithm']): string[][] {
  const { critic, criticPolicy, sampler, divergence, gap, entropy } = truth;
  const [origin, diagonal] = [divergence[0], divergence[DIAGONAL]];
  const { standardError, truncatedShare } = gap;
  const distance = (one: ProbeDistance) => one.mean.toFixed(3);
  return [
    ['exact optimum at temperature', String(Number(truth.temperature.toPrecision(6)))],
    [
      '|Q - Q*|, nats',
      `${critic.meanAbsolute.toFixed(2)} mean, ${critic.bias.toFixed(2)} bias, ${critic.maxAbsolute.toFixed(2)} greatest`,
    ],
    ['KL(pi || pi*) at (0, 0), nats', nats(origin!)],
    ['KL(pi || pi*) at (2.5, 2.5), nats', nats(diagonal!)],
    ...(algorithm === 'ddpg' ? [] : [['KL(pi || exp(Q/alpha)): sampler, nats', nats(sampler)]]),
    ['KL(exp(Q/alpha) || pi*): critic, nats', nats(criticPolicy)],
    ['sliced Wasserstein-1, 9 states', distance(truth.slicedWasserstein)],
    ['energy distance, 9 states', distance(truth.energyDistance)],
    ['entropy where it goes, nats', `${entropy.policy.toFixed(2)} (optimum ${entropy.optimum.toFixed(2)})`],
    [
      'soft-return gap, nats',
      `${nats(gap)} +- ${standardError.toFixed(2)} (${percent(truncatedShare)} of the episodes cut)`,
    ],
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
