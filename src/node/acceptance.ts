import {
  acceptanceConfig,
  acceptSeed,
  judge,
  THRESHOLDS,
  type Judgement,
  type SeedResult,
} from '../experiments/acceptance.ts';
import { gaussianFloor } from '../experiments/coverage.ts';
import { solveOptimum } from '../experiments/run-optimum.ts';
import { UsageError } from '../gpu/errors.ts';
import type { AdapterChoice } from './adapter.ts';
import { requireWritable, writeResults } from './results-file.ts';
import { table } from './table.ts';
import { openGpu } from './train.ts';

/** What to train, on which seeds, and where the numbers go. */
export interface AcceptanceOptions {
  readonly preset: string;
  readonly seeds: readonly number[];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly adapter: AdapterChoice;
  /** File for the numbers as JSON. */
  readonly out?: string;
}

/** Trains every seed, prints each metric against its bounds, and says whether all of them hold. */
export async function runAcceptance(options: AcceptanceOptions): Promise<boolean> {
  const { preset, seeds, settings, out } = options;
  if (!Object.hasOwn(THRESHOLDS, preset)) {
    throw new UsageError(
      `There are acceptance bounds for ${Object.keys(THRESHOLDS).join(' and ')}, not for '${preset}'.`,
    );
  }
  if (out) await requireWritable(out);
  const { gpu, name: adapter } = await openGpu(options.adapter);
  const configs = seeds.map((seed) => acceptanceConfig(seed, { ...settings, preset }));
  const { finalTemperature, temperature } = configs[0]!;
  const optimum = await solveOptimum(gpu, configs[0]!, finalTemperature ?? temperature);
  const floor = gaussianFloor(optimum);
  const results: SeedResult[] = [];
  for (const config of configs) {
    const begin = performance.now();
    results.push(await acceptSeed(gpu, config, optimum));
    const { metrics } = results.at(-1)!;
    const seconds = ((performance.now() - begin) / 1000).toFixed(0);
    process.stderr.write(
      `seed ${config.seed}: ${Object.entries(metrics)
        .map(([metric, value]) => `${metric} ${rounded(value)}`)
        .join(', ')} (${seconds} s)\n`,
    );
  }
  const judgements = judge(results, preset as keyof typeof THRESHOLDS);
  console.log(`${preset} preset on ${seeds.length} seeds (${seeds[0]} to ${seeds.at(-1)}), ${adapter}`);
  console.log(
    table(judgements.map(row), ['metric', 'bounds', 'least', 'median', 'greatest', 'seeds that pass', '']),
  );
  console.log(
    `The best squashed Gaussian has KL ${floor[0].toFixed(2)} at (0, 0) and ${floor[1].toFixed(2)} at (2.5, 2.5).`,
  );
  const report = { preset, settings, adapter, gaussianFloor: floor, judgements, results };
  if (out) await writeResults(out, report);
  return judgements.every(({ ok }) => ok);
}

function row({ metric, low, high, of, least, median, greatest, passed, seeds, ok }: Judgement): string[] {
  return [
    metric,
    `${low} to ${high}${of === 'median' ? ' (median)' : ''}`,
    rounded(least),
    rounded(median),
    rounded(greatest),
    `${passed} of ${seeds}`,
    ok ? 'ok' : 'FAILS',
  ];
}

/** Four digits; a coverage that never came to stay is infinite. */
function rounded(value: number): string {
  return value === Infinity ? 'never' : String(Number(value.toPrecision(4)));
}
