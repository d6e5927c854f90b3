import { readFile, writeFile } from 'node:fs/promises';
import {
  ARMS,
  comparisonData,
  runArm,
  summariseComparison,
  summariseGoals,
  TEMPERATURES,
  type Arm,
  type ComparisonRow,
  type ComparisonSummary,
  type GoalCommitment,
} from '../experiments/reproduce-multigoal.ts';
import { multigoal } from '../envs/multigoal.ts';
import { gaussianFloor } from '../experiments/coverage.ts';
import { solveOptimum } from '../experiments/run-optimum.ts';
import { UsageError } from '../gpu/errors.ts';
import { DEFAULTS } from '../train/presets.ts';
import type { AdapterChoice } from './adapter.ts';
import { requireWritable, writeResults } from './results-file.ts';
import { table } from './table.ts';
import { openGpu } from './train.ts';

/** What to reproduce, on which seeds, and where the results are kept. */
export interface ReproduceOptions {
  readonly seeds: readonly number[];
  /** Those to train; the table shows all that the file has. */
  readonly arms: readonly Arm[];
  readonly adapter: AdapterChoice;
  /** JSON file of the runs; those already in it are not run again. */
  readonly out: string;
}

interface Results {
  readonly adapter: string;
  /** KL of the best squashed Gaussian at (0, 0) and (2.5, 2.5), by temperature. */
  readonly gaussianFloors: Readonly<Record<string, readonly [number, number]>>;
  readonly rows: readonly ComparisonRow[];
}

/**
 * The learners named in a list separated by commas; all of them without one.
 * @throws UsageError for a name that is none of theirs.
 */
export function parseLearners(text: string | undefined): readonly Arm[] {
  if (text === undefined) return ARMS;
  return text.split(',').map((name) => {
    const arm = ARMS.find((one) => one.name === name.trim());
    if (arm) return arm;
    throw new UsageError(
      `--learners knows no '${name}'; there is ${ARMS.map((one) => one.name).join(', ')}.`,
    );
  });
}

/**
 * Runs the paper's first comparison, arm by arm and seed by seed, and prints its table. Every finished run is on the disk
 * at once: after an interrupt the same command goes on where it was.
 * @throws UsageError if the file is not one of these results, or was made on another adapter.
 */
export async function reproduceMultigoal({
  seeds,
  arms,
  adapter: choice,
  out,
}: ReproduceOptions): Promise<void> {
  await requireWritable(out);
  const { gpu, name: adapter } = await openGpu(choice);
  const before = await readResults(out);
  if (before && before.adapter !== adapter) {
    throw new UsageError(
      `'${out}' has runs of another adapter (${before.adapter}), and this is ${adapter}: name another file with --out.`,
    );
  }
  const rows = [...(before?.rows ?? [])];
  const floors = new Map<number, readonly [number, number]>();
  for (const temperature of TEMPERATURES) {
    const optimum = await solveOptimum(gpu, DEFAULTS, temperature);
    floors.set(temperature, gaussianFloor(optimum));
    for (const arm of arms.filter(({ temperatures }) => temperatures.includes(temperature))) {
      for (const seed of seeds) {
        const done = (row: ComparisonRow) =>
          row.arm === arm.name && row.temperature === temperature && row.seed === seed;
        if (rows.some(done)) continue;
        const begin = performance.now();
        const row = await runArm(gpu, arm, optimum, seed);
        rows.push(row);
        await writeResults(out, { adapter, gaussianFloors: Object.fromEntries(floors), rows });
        const seconds = ((performance.now() - begin) / 1000).toFixed(0);
        process.stderr.write(
          `alpha ${temperature}, ${arm.label}, seed ${seed}: goals ` +
            `${row.evaluation.outcomeShares.map((share) => share.toFixed(2)).join(' ')}, KL at (0, 0) ` +
            `${row.truth.divergence[0]!.nats.toFixed(2)} (${seconds} s)\n`,
        );
      }
    }
  }
  await writeResults(out, { adapter, gaussianFloors: Object.fromEntries(floors), rows });
  const asked = rows.filter(({ seed }) => seeds.includes(seed));
  const { comparison, createDocument, svgToPng } = await import('./drawing.ts');
  const svg = comparison(comparisonData(asked, floors, adapter), createDocument());
  const figure = out.replace(/(\.json)?$/, '');
  await writeFile(`${figure}.svg`, svg);
  await writeFile(`${figure}.png`, svgToPng(svg));
  console.log(comparisonTable(summariseComparison(asked, floors), floors));
  console.log(goalTable(summariseGoals(asked)));
  console.log(`figure: ${figure}.png`);
}

/** The comparison as a table, a block for each temperature with the best squashed Gaussian below it. */
function comparisonTable(
  summaries: readonly ComparisonSummary[],
  floors: ReadonlyMap<number, readonly [number, number]>,
): string {
  const head = [
    'alpha',
    'learner',
    'updates',
    'four goals',
    'return',
    '|Q - Q*|',
    'energy d.',
    'KL (0, 0)',
    'KL (2.5, 2.5)',
  ];
  const kl = (value: number, bound: boolean) => `${bound ? '>= ' : ''}${value.toFixed(2)}`;
  const rows = [...floors].flatMap(([temperature, [origin, diagonal]]) => [
    ...summaries
      .filter((one) => one.temperature === temperature)
      .map((one) => [
        String(temperature),
        one.arm.label,
        String(one.updates),
        `${one.covering} of ${one.seeds}`,
        one.meanReturn.toFixed(0),
        one.criticError.toFixed(2),
        one.energyDistance.toFixed(3),
        kl(one.divergence[0], one.divergenceIsBound),
        kl(one.divergence[1], one.divergenceIsBound),
        `${one.belowFloor} of ${one.seeds}`,
        one.gap.toFixed(2),
      ]),
    [
      String(temperature),
      'best squashed Gaussian',
      '',
      '',
      '',
      '',
      '',
      kl(origin, false),
      kl(diagonal, false),
      '',
      '',
    ],
  ]);
  return table(rows, [...head, 'below it', 'gap']);
}

/** Which goals the learners' runs reach, from starts with noise and from the origin exactly. */
function goalTable(commitments: readonly GoalCommitment[]): string {
  const goals = multigoal.outcomes ?? [];
  const rows = commitments.map(({ arm, start, seeds, committed, favourites, shares }) => [
    arm.label,
    start === 'noise' ? '(0, 0) + noise' : '(0, 0)',
    `${committed} of ${seeds}`,
    favourites.map((count, goal) => `${count} ${goals[goal]}`).join(', '),
    shares.map((share) => share.toFixed(2)).join(' '),
  ]);
  return table(rows, ['alpha 10', 'start', 'one goal in 95 %', 'seeds by favourite goal', 'mean shares']);
}

async function readResults(path: string): Promise<Results | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UsageError(
      `'${path}' cannot be read (${(error as Error).message}): name another file with --out.`,
    );
  }
  try {
    const results = JSON.parse(text) as Results;
    if (Array.isArray(results.rows) && typeof results.adapter === 'string') return results;
  } catch {
    // Said below: what is no JSON is no results either.
  }
  throw new UsageError(`'${path}' does not hold results of this comparison: name another file with --out.`);
}
