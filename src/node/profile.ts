import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { environmentNames } from '../envs/environment.ts';
import { UsageError } from '../gpu/errors.ts';
import { mebibytes, type Gpu, type KernelFamily, type MemoryUse } from '../gpu/gpu.ts';
import { measureCopyBandwidth, type CopyBandwidth } from '../profile/bandwidth.ts';
import { levelsOf } from '../profile/levels.ts';
import { measureOverhead, type Overhead } from '../profile/overhead.ts';
import {
  byKernel,
  profileProgram,
  ratesOf,
  type Cost,
  type KernelProfile,
  type Peak,
  type Rates,
  type StepProfile,
} from '../profile/program-profile.ts';
import { measureRoofline } from '../profile/roofline.ts';
import { traceOf } from '../profile/trace.ts';
import type { Config } from '../train/config.ts';
import { iterationsPerSubmit, requireRoom } from '../train/limits.ts';
import { warmTrainer } from '../train/warm-trainer.ts';
import { parseAdapterChoice } from './adapter.ts';
import { readConfig, type ConfigFlags } from './arguments.ts';
import { parseAutotune, tuneDenseTile, type TileChoice } from './dense-tile.ts';
import { movedIn } from './moved-bytes.ts';
import { requireWritable, writeResults } from './results-file.ts';
import {
  drawSweeps,
  iterationRates,
  parseSweep,
  renderSweep,
  requireFigureName,
  runSweep,
  sizesOf,
  type IterationRates,
  type Sweep,
  type SweepResult,
} from './sweep.ts';
import { percent, table } from './table.ts';
import { openGpu } from './train.ts';

/** The flags of `softq profile` as the user wrote them; settings besides. */
interface ProfileFlags extends ConfigFlags {
  /** True for stdout. */
  readonly json?: string | true;
  readonly trace?: string;
  readonly sweep: readonly string[];
  readonly figure?: string;
  readonly adapter?: string;
  readonly kernels?: string;
  readonly autotune?: boolean;
}

/** Times that everything is timed. */
const ROUNDS = 3;
/** Tensors that are named. */
const LARGEST = 12;
/** Runs in the submit by which the host's share is measured, unless they would take longer than so many milliseconds. */
const MOST_RUNS_PER_SUBMIT = 100;
const SUBMIT_MS = 1000;
const MICROSECONDS_PER_MS = 1000;

/** One iteration of training in parts; a part of the JSON object. */
interface IterationReport extends IterationRates {
  /** Nanoseconds between two readings of the clock; null where times are the host's. */
  readonly timestampStep: number | null;
  /** Dispatches of which each waits for the one before, at most: see `levelsOf`. */
  readonly levels: number;
  readonly kernelFamily: KernelFamily;
  readonly submitsIn100Iterations: number;
  readonly steps: readonly (StepProfile & Rates)[];
  readonly kernels: readonly (KernelProfile & Rates)[];
  readonly overhead: Overhead;
  readonly memory: MemoryUse;
}

/** What `softq profile` found; one JSON object. Either an iteration or sweeps. */
interface ProfileReport {
  readonly adapter: string;
  readonly config: Config;
  readonly peak: Peak;
  readonly copy: CopyBandwidth;
  readonly denseTile: TileChoice;
  readonly iteration?: IterationReport;
  readonly sweeps?: readonly SweepResult[];
}

/**
 * Measures what the adapter can do, and where the time of an iteration of training goes or, with sweeps, how it grows.
 * @throws UsageError for flags that make no sense, and configurations that do not fit the adapter.
 */
export async function profileAction(environment: string, flags: ProfileFlags): Promise<void> {
  const config = await readConfig(environment, flags);
  const sweeps = flags.sweep.map((text) => parseSweep(text, config));
  await checkFiles(flags);
  const autotune = parseAutotune(flags.autotune);
  const { gpu, name: adapter } = await openGpu(parseAdapterChoice(flags.adapter), flags.kernels);
  process.stderr.write(`softq: profiling ${environment} by ${config.algorithm} on ${adapter}\n`);
  // All that cannot be is said before the first minute is spent.
  for (const { configs } of sweeps) for (const one of configs) requireRoom(gpu, one);
  const denseTile = await tuneDenseTile(gpu, adapter, autotune);
  const gflops = await measureRoofline(gpu);
  const copy = await measureCopyBandwidth(gpu);
  const peak = { gflops, gigabytesPerSecond: Math.max(copy.kernel, copy.command) };
  const measured = await measure(gpu, config, sweeps, peak);
  const report: ProfileReport = { adapter, config, peak, copy, denseTile, ...measured };
  if (typeof flags.json === 'string') await writeResults(flags.json, report);
  if (flags.figure !== undefined) await drawSweeps(flags.figure, report.sweeps!, adapter, config);
  if (flags.trace !== undefined) {
    const about = { environment, adapter, algorithm: config.algorithm, preset: config.preset };
    await writeFile(flags.trace, `${JSON.stringify(traceOf(report.iteration!.steps, about))}\n`);
  }
  console.log(flags.json === true ? JSON.stringify(report) : render(report));
}

/** Whether the files that the flags name can be written, and belong to what is measured. */
async function checkFiles({ json, trace, figure, sweep }: ProfileFlags): Promise<void> {
  if (typeof json === 'string' && environmentNames().includes(json)) {
    throw new UsageError(`--json would write a file '${json}': name the environment before it.`);
  }
  if (trace !== undefined && sweep.length > 0) {
    throw new UsageError('--trace shows one iteration: leave it or --sweep out.');
  }
  if (figure !== undefined) {
    if (sweep.length === 0) throw new UsageError('--figure draws sweeps: add --sweep, or leave it out.');
    requireFigureName(figure);
  }
  const flagOfPath = new Map<string, string>();
  for (const [flag, path] of Object.entries({ '--json': json, '--trace': trace, '--figure': figure })) {
    if (typeof path !== 'string') continue;
    const other = flagOfPath.get(resolve(path));
    if (other !== undefined) throw new UsageError(`${other} and ${flag} name the same file '${path}'.`);
    flagOfPath.set(resolve(path), flag);
    await requireWritable(path, flag);
  }
}

async function measure(
  gpu: Gpu,
  config: Config,
  sweeps: readonly Sweep[],
  peak: Peak,
): Promise<Pick<ProfileReport, 'iteration' | 'sweeps'>> {
  if (sweeps.length === 0) return { iteration: await profileIteration(gpu, config, peak) };
  const results: SweepResult[] = [];
  for (const sweep of sweeps) results.push(await runSweep(gpu, sweep, peak));
  return { sweeps: results };
}

async function profileIteration(gpu: Gpu, config: Config, peak: Peak): Promise<IterationReport> {
  const trainer = await warmTrainer(gpu, config);
  const memory = gpu.memory();
  const { both } = trainer.iterations;
  const { steps, step } = await profileProgram(gpu, both, { moved: movedIn(trainer), rounds: ROUNDS });
  const withRates = <C extends Cost>(cost: C) => ({ ...cost, ...ratesOf(cost, peak) });
  const { milliseconds } = steps[0]!;
  const runsPerSubmit = Math.max(1, Math.min(MOST_RUNS_PER_SUBMIT, Math.floor(SUBMIT_MS / milliseconds)));
  return {
    timestampStep: step,
    ...iterationRates(config, milliseconds),
    levels: levelsOf(both),
    kernelFamily: gpu.kernelFamily,
    submitsIn100Iterations: Math.ceil(100 / iterationsPerSubmit(config)),
    steps: steps.map(withRates),
    kernels: byKernel(steps).map(withRates),
    overhead: await measureOverhead(gpu, both, runsPerSubmit),
    memory,
  };
}

const TILE_ORIGINS: Readonly<Record<TileChoice['origin'], string>> = {
  table: 'from the table',
  measured: 'measured now',
  kept: 'measured earlier',
};

function render(report: ProfileReport): string {
  const { config, adapter, peak, copy, denseTile, iteration, sweeps = [] } = report;
  const machine = [
    ['adapter', adapter],
    ['multiply-adds alone', `${peak.gflops.toFixed(1)} GFLOP/s`],
    [
      'copying alone',
      `${copy.kernel.toFixed(1)} GB/s by a kernel, ${copy.command.toFixed(1)} by the device's own command`,
    ],
    ...(iteration && !isLayered(iteration)
      ? []
      : [
          [
            'tile of layered kernels',
            `${denseTile.rows} rows x ${4 * denseTile.columns4} columns in wide layers, ${TILE_ORIGINS[denseTile.origin]}`,
          ],
        ]),
  ];
  if (!iteration) return [table(machine), ...sweeps.map(renderSweep)].join('\n');
  const { steps, kernels, milliseconds, memory } = iteration;
  const alone = kernels.reduce((sum, kernel) => sum + kernel.milliseconds, 0);
  return [
    `One iteration of ${config.environment} by ${config.algorithm} (${config.preset}): ${sizesOf(config)}.`,
    'Operations are those of the dense layers; bytes are the tensors that a dispatch is bound to, each once.',
    table(
      steps.map((step) => [`${'  '.repeat(step.depth)}${step.label}`, ...cells(step, milliseconds)]),
      ['step', ...COLUMNS],
    ),
    `Dispatches take ${alone.toFixed(3)} ms one by one, the iteration ${milliseconds.toFixed(3)} ms as a whole.`,
    table(
      kernels.map((kernel) => [kernel.kernel, ...cells(kernel, milliseconds)]),
      ['kernel, its dispatches alone', ...COLUMNS],
    ),
    table([...machine, ...fixedCosts(iteration)]),
    table(
      [
        ...memory.tensors.slice(0, LARGEST).map(({ label, bytes }) => [label, mebibytes(bytes)]),
        [`all ${memory.tensors.length} tensors`, mebibytes(memory.total)],
      ],
      ['tensor', 'MiB'],
    ),
    ...steps.flatMap(({ label, note }) => (note === undefined ? [] : [`${label}: ${note}`])),
  ].join('\n');
}

/** Whether anything of an iteration goes layer by layer, by the kernels that it used. */
function isLayered({ kernels }: IterationReport): boolean {
  return kernels.some(({ kernel }) => kernel.startsWith('nn/dense_'));
}

const COLUMNS = ['dispatches', 'us', 'share', 'GFLOP/s', 'of FMA', 'GB/s', 'of copy'];

function cells(cost: Cost & Rates, whole: number): string[] {
  const { gflops, rooflineShare, gigabytesPerSecond, bandwidthShare } = cost;
  return [
    String(cost.dispatches),
    (cost.milliseconds * MICROSECONDS_PER_MS).toFixed(1),
    percent(cost.milliseconds / whole),
    gflops === null ? '' : gflops.toFixed(1),
    rooflineShare === null ? '' : percent(rooflineShare),
    gigabytesPerSecond.toFixed(2),
    percent(bandwidthShare),
  ];
}

function fixedCosts(iteration: IterationReport): string[][] {
  const { overhead, timestampStep, steps, kernelFamily } = iteration;
  const inPart = kernelFamily !== 'layered' && isLayered(iteration);
  const { dispatch, submit, encoding, submitting, runsPerSubmit } = overhead;
  const clock =
    timestampStep === null
      ? "none: times are the host's, and include submitting"
      : `steps of ${timestampStep} ns; every part runs until a step is under 2 % of its time`;
  return [
    ['clock of the device', clock],
    ['a dependent dispatch', `${dispatch.toFixed(1)} us`],
    ['a submit', `${submit.toFixed(1)} us`],
    [
      'host, per iteration',
      `${encoding.toFixed(1)} us encoding, ${submitting.toFixed(1)} us submitting (${runsPerSubmit} iterations a submit)`,
    ],
    ['kernels', inPart ? `${kernelFamily}, and in part layer by layer` : kernelFamily],
    ['dispatches per iteration', `${steps[0]!.dispatches}, in ${iteration.levels} levels of dependence`],
    ['submits in 100 iterations', String(iteration.submitsIn100Iterations)],
    ['updates/s', iteration.updatesPerSecond.toFixed(1)],
    ['environment steps/s', iteration.environmentStepsPerSecond.toFixed(0)],
  ];
}
