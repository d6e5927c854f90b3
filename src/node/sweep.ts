import { writeFile } from 'node:fs/promises';
import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Peak } from '../profile/program-profile.ts';
import { timePrograms } from '../profile/timing.ts';
import { flagOf, resolveConfig, type Config } from '../train/config.ts';
import { ALGORITHMS_OF } from '../train/settings.ts';
import { warmTrainer } from '../train/warm-trainer.ts';
import { percent, table } from './table.ts';

/** What a setting means on the axis of a figure. */
const SWEPT = {
  environments: 'environments',
  batchSize: 'transitions in a minibatch',
  valueParticles: 'actions in the soft value',
  fixedParticles: 'fixed particles',
  updatedParticles: 'updated particles',
  hidden: 'width of the hidden layers',
} as const satisfies Partial<Record<keyof Config, string>>;

type Swept = keyof typeof SWEPT;

/** Times that an iteration is timed. */
const ROUNDS = 10;
const NAMES = Object.keys(SWEPT).map(flagOf);
const FACTORS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6 };

/** Help of the flag. */
export const SWEEP_HELP = `how the cost grows, e.g. environments=1k,4k,16k,64k (k 1,000, M 1,000,000); may be repeated. One of ${NAMES.join(', ')}.`;

/** A setting, the values to try, and the configurations that they make of one. */
export interface Sweep {
  readonly setting: Swept;
  readonly values: readonly number[];
  readonly configs: readonly Config[];
}

/** How fast a training goes whose iterations follow one another without a gap. */
export interface IterationRates {
  /** Of one iteration. */
  readonly milliseconds: number;
  readonly updatesPerSecond: number;
  readonly environmentStepsPerSecond: number;
}

/** What an iteration costs at one value. */
export interface SweepPoint extends IterationRates {
  readonly value: number;
  readonly gflops: number;
  readonly rooflineShare: number;
}

/** A sweep that was measured. */
export interface SweepResult {
  readonly setting: Swept;
  readonly points: readonly SweepPoint[];
  /** Nanoseconds between two readings of the clock; null where times are the host's. */
  readonly timestampStep: number | null;
}

/** What iterations of `milliseconds` come to in a second. */
export function iterationRates(
  { updatesPerStep, environments }: Config,
  milliseconds: number,
): IterationRates {
  return {
    milliseconds,
    updatesPerSecond: (1000 * updatesPerStep) / milliseconds,
    environmentStepsPerSecond: (1000 * environments) / milliseconds,
  };
}

/** What decides the cost of an iteration, in words; `except` is left out. */
export function sizesOf(config: Config, except: readonly Swept[] = []): string {
  const { environments, batchSize, valueParticles, fixedParticles, updatedParticles, hidden } = config;
  const words: Record<Swept, string> = {
    environments: `${environments} environments`,
    batchSize: `minibatches of ${batchSize}`,
    valueParticles: `${valueParticles} actions in the soft value`,
    fixedParticles: `${fixedParticles} fixed particles`,
    updatedParticles: `${updatedParticles} updated particles`,
    hidden: `hidden layers of ${hidden.join(', ')}`,
  };
  return (Object.keys(words) as Swept[])
    .filter((key) => !except.includes(key) && (ALGORITHMS_OF[key]?.includes(config.algorithm) ?? true))
    .map((key) => words[key])
    .join(', ');
}

/**
 * `environments=1k,4k` as configurations that differ from `config` in that setting; `hidden=32,64` keeps the number of
 * layers.
 * @throws UsageError for another form, a setting that cannot be swept, and values that it may not have.
 */
export function parseSweep(text: string, config: Config): Sweep {
  const [, name = '', list = ''] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  const setting = (Object.keys(SWEPT) as Swept[]).find((key) => key === name || flagOf(key) === name);
  if (name !== '' && setting === undefined) {
    throw new UsageError(`--sweep knows ${NAMES.join(', ')}, not '${name}'.`);
  }
  const values = list.split(',').map(parseCount);
  if (setting === undefined || values.some(Number.isNaN)) {
    throw new UsageError(
      `--sweep must be a setting and whole numbers such as environments=1k,4k,16k, not '${text}'.`,
    );
  }
  if (new Set(values).size < values.length) {
    throw new UsageError(`--sweep has a value twice in '${text}'.`);
  }
  const configs = values.map((value) =>
    resolveConfig({ ...config, [setting]: setting === 'hidden' ? config.hidden.map(() => value) : value }),
  );
  return { setting, values, configs };
}

/** `4k` is 4000; NaN for what is not a whole number. */
function parseCount(text: string): number {
  const [, digits, suffix] = /^(\d+(?:\.\d+)?)([kM]?)$/.exec(text.trim()) ?? [];
  const value = digits === undefined ? NaN : Number(digits) * FACTORS[suffix!]!;
  return Number.isSafeInteger(value) ? value : NaN;
}

/** Times an iteration at every value, one trainer after another. */
export async function runSweep(
  gpu: Gpu,
  { setting, values, configs }: Sweep,
  peak: Peak,
): Promise<SweepResult> {
  const points: SweepPoint[] = [];
  let timestampStep: number | null = null;
  for (const [i, config] of configs.entries()) {
    const free = gpu.scope();
    try {
      const trainer = await warmTrainer(gpu, config);
      const { programs, step } = await timePrograms(gpu, [trainer.iterations.both], ROUNDS);
      const { milliseconds, flops } = programs[0]!;
      const gflops = (flops! * 1e-6) / milliseconds;
      const rates = iterationRates(config, milliseconds);
      points.push({ value: values[i]!, ...rates, gflops, rooflineShare: gflops / peak.gflops });
      timestampStep = step;
    } finally {
      free();
    }
  }
  return { setting, points, timestampStep };
}

/** A measured sweep as people read it. */
export function renderSweep({ setting, points }: SweepResult): string {
  const rows = points.map((point) => [
    String(point.value),
    point.milliseconds.toFixed(3),
    point.updatesPerSecond.toFixed(1),
    point.environmentStepsPerSecond.toFixed(0),
    point.gflops.toFixed(1),
    percent(point.rooflineShare),
  ]);
  const head = ['ms per iteration', 'updates/s', 'environment steps/s', 'GFLOP/s', 'of the roofline'];
  return table(rows, [flagOf(setting), ...head]);
}

/**
 * Whether a figure can be written to a path of this name.
 * @throws UsageError if not.
 */
export function requireFigureName(path: string): void {
  if (!/\.(svg|png)$/.test(path)) {
    throw new UsageError(`--figure must name a file that ends in .svg or .png, not '${path}'.`);
  }
}

/** Draws measured sweeps around `config` into `path`. */
export async function drawSweeps(
  path: string,
  sweeps: readonly SweepResult[],
  adapter: string,
  config: Config,
): Promise<void> {
  const { costCurves, createDocument, svgToPng } = await import('./drawing.ts');
  const alone = sweeps.length === 1 ? [sweeps[0]!.setting] : [];
  const svg = costCurves(
    {
      title: `What an iteration of ${config.environment} costs (${config.algorithm})`,
      caption:
        `${adapter}. ${sweeps.length === 1 ? 'With' : 'What is not varied:'} ${sizesOf(config, alone)}. ` +
        'Dashed: cost in proportion to the value, through the last point.',
      curves: sweeps.map(({ setting, points }) => ({ label: SWEPT[setting], points: [...points] })),
    },
    createDocument(),
  );
  await writeFile(path, path.endsWith('.png') ? svgToPng(svg) : svg);
}
