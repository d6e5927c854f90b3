import { hoverWarning } from '../exact/hover-warning.ts';
import type { Optimum } from '../exact/optimum.ts';
import { measureAgainst } from '../experiments/ground-truth.ts';
import { optimumForFigure, solveOptimum } from '../experiments/run-optimum.ts';
import { Gpu, mebibytes } from '../gpu/gpu.ts';
import type { Refinement } from '../rl/refined-policy.ts';
import type { Config } from '../train/config.ts';
import { Evaluator, type Evaluation, type Learned } from '../train/evaluator.ts';
import type { GroundTruth } from '../train/ground-truth.ts';
import type { MetricRow } from '../train/metrics.ts';
import { Trainer, type Progress } from '../train/trainer.ts';
import { acquireAdapter, parseKernelFamily, type AdapterChoice } from './adapter.ts';
import { parseAutotune, tuneDenseTile } from './dense-tile.ts';
import { listenForInterrupt } from './interrupt.ts';
import { reportProgress } from './progress.ts';
import { refinementText } from './refinement.ts';
import { RunFolder } from './run-folder.ts';

/** Stochastic rollouts behind the numbers of a finished run. */
export const ROLLOUTS = 500;

/** What the learning curves show, by metric and label. */
const CURVES = [
  { key: 'charts/episodic_return', label: 'return of an episode' },
  { key: 'charts/success', label: 'success' },
  { key: 'losses/critic_loss', label: 'critic loss' },
];

/** What a finished (or interrupted) run came to. */
export interface TrainResult {
  readonly folder: string;
  readonly adapter: string;
  readonly updates: number;
  readonly seconds: number;
  readonly updatesPerSecond: number;
  readonly environmentStepsPerSecond: number;
  readonly gpuMemoryBytes: number;
  readonly checkpointHash: string;
  readonly evaluation: Evaluation;
  readonly figure: string;
  /** The exit code of the signal that ended the run early, if one did. */
  readonly interrupted: number | undefined;
}

/**
 * A device on the adapter of the user's choice; `kernels` is the value of `--kernels`, where a command has it.
 * @throws UsageError where there is no such adapter, or no such kernels.
 */
export async function openGpu(choice: AdapterChoice, kernels?: string): Promise<{ gpu: Gpu; name: string }> {
  const family = parseKernelFamily(kernels);
  const { gpu: instance, adapter, name } = await acquireAdapter(choice);
  return { gpu: await Gpu.create(instance, adapter, family), name };
}

/**
 * Trains by `config` and leaves a run folder under `parent`: configuration, metrics, checkpoints, evaluation, figures.
 * An interrupt (Ctrl-C) ends training early and keeps everything made so far.
 * @throws UsageError for a configuration that does not fit the machine; DivergenceError when numbers stop being finite.
 */
export async function train(
  config: Config,
  options: {
    adapter: AdapterChoice;
    kernels: string | undefined;
    autotune: boolean | undefined;
    parent: string;
  },
): Promise<TrainResult> {
  const autotune = parseAutotune(options.autotune);
  const { gpu, name: adapter } = await openGpu(options.adapter, options.kernels);
  await tuneDenseTile(gpu, adapter, autotune);
  const trainer = await Trainer.create(gpu, config);
  const folder = await RunFolder.create(options.parent, config);
  process.stderr.write(
    `softq: training ${config.environment} by ${config.algorithm} (${config.preset}, seed ${config.seed}) on ${adapter}; ` +
      `GPU memory ${memoryText(gpu)}; run folder ${folder.path}\n`,
  );

  const warning =
    config.environment === 'multigoal' && config.algorithm !== 'ddpg'
      ? hoverWarning(config.finalTemperature ?? config.temperature, config.discount)
      : undefined;
  if (warning) process.stderr.write(`softq: ${warning}\n`);
  const { note } = trainer.algorithm.update.both;
  const family = parseKernelFamily(options.kernels);
  if (note !== undefined && family !== undefined && family !== 'layered')
    process.stderr.write(`softq: the update is computed ${note}\n`);

  const interrupt = listenForInterrupt();
  const progress = reportProgress(config.updates);
  const metrics = new MetricsWriter(folder, config.environments, () => interrupt.abort());
  let hash: string;
  let milliseconds = 0;
  try {
    do {
      const next = (Math.floor(trainer.updates / config.checkpointEvery) + 1) * config.checkpointEvery;
      const started = performance.now();
      await trainer.run({
        until: Math.min(next, config.updates),
        signal: interrupt.signal,
        onProgress: (step) => {
          metrics.add(step);
          const latest = step.rows.at(-1)?.values['charts/episodic_return'];
          progress.update(step.updates, Number.isFinite(latest) ? `return ${latest!.toFixed(0)}` : '');
        },
      });
      milliseconds += performance.now() - started;
      hash = await folder.writeCheckpoint(await trainer.snapshot());
    } while (trainer.updates < config.updates && !interrupt.signal.aborted);
    progress.stop();
    const report = await evaluateRun(gpu, trainer, folder, { rollouts: ROLLOUTS, seed: config.seed });
    await drawLearningCurves(folder, metrics.rows);
    await metrics.finished();
    const seconds = milliseconds / 1000;
    return {
      folder: folder.path,
      adapter,
      updates: trainer.updates,
      seconds,
      updatesPerSecond: trainer.updates / seconds,
      environmentStepsPerSecond: (trainer.iteration * config.environments) / seconds,
      gpuMemoryBytes: gpu.memory().total,
      checkpointHash: hash,
      interrupted: interrupt.exitCode,
      ...report,
    };
  } finally {
    progress.stop();
    // What came in before a failure is on the disk before the failure is told; its own failure would hide that one.
    await metrics.finished().catch(() => undefined);
    interrupt.release();
  }
}

/** Appends rows to `metrics.jsonl` beside the training, in order, and stops the run when the disk refuses them. */
class MetricsWriter {
  readonly rows: MetricRow[] = [];
  readonly #folder: RunFolder;
  readonly #environments: number;
  readonly #onFailure: () => void;
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown;
  #last = { updates: 0, iterations: 0, at: performance.now() };

  constructor(folder: RunFolder, environments: number, onFailure: () => void) {
    this.#folder = folder;
    this.#environments = environments;
    this.#onFailure = onFailure;
  }

  /** Rows of one read-out share its rates: those since the read-out before. */
  add({ updates, iterations, rows }: Progress): void {
    if (rows.length === 0) return;
    const now = performance.now();
    const seconds = (now - this.#last.at) / 1000;
    const rates = {
      'charts/updates_per_second': (updates - this.#last.updates) / seconds,
      'charts/SPS': ((iterations - this.#last.iterations) * this.#environments) / seconds,
    };
    this.#last = { updates, iterations, at: now };
    this.rows.push(...rows);
    this.#writing = this.#writing
      .then(() =>
        this.#folder.appendMetrics(rows, ({ iteration }) => ({
          global_step: iteration * this.#environments,
          ...rates,
        })),
      )
      .catch((error: unknown) => {
        this.#failure ??= error;
        this.#onFailure();
      });
  }

  /**
   * Resolves when everything is on the disk.
   * @throws Error the first failure of a write.
   */
  async finished(): Promise<void> {
    await this.#writing;
    if (this.#failure) throw this.#failure;
  }
}

/** The exact optimum at a policy's own temperature, and the policy's distances from it. */
export interface ExactMeasurement {
  readonly optimum: Optimum;
  readonly truth: GroundTruth;
}

/**
 * Rolls the policy out, and writes `evaluation.json` and Figure 1 into the run folder, `suffix` behind their names.
 * `updates` is how far the policy was trained; `learned` is what acts, the trainer's policy itself unless it is refined.
 */
export async function evaluateRun(
  gpu: Gpu,
  trainer: Trainer,
  folder: RunFolder,
  options: {
    rollouts: number;
    seed: number;
    updates?: number;
    suffix?: string;
    exact?: ExactMeasurement;
    learned?: Learned;
    refinement?: Refinement;
  },
): Promise<{ evaluation: Evaluation; figure: string }> {
  const { config, algorithm, environment } = trainer;
  const { rollouts: count, seed, updates = trainer.updates, suffix = '' } = options;
  const { learned = algorithm, exact, refinement } = options;
  const [temperature = config.temperature] = await gpu.read(algorithm.temperature);
  const optimum = exact?.optimum ?? (await optimumForFigure(gpu, config, temperature));
  const evaluator = new Evaluator(gpu, learned, environment, { rollouts: count, seed });
  const rollouts = await evaluator.rollOut();
  const evaluation = evaluator.summarise(rollouts);
  const name = refinement ? `${folder.name}, ${refinementText(refinement)}` : folder.name;
  const run = { name, config, updates, temperature, rollouts, evaluation, optimum };
  const { createDocument, drawFigure1, svgToPng } = await import('./drawing.ts');
  const svg = await drawFigure1(evaluator, run, createDocument());
  await folder.writeFile(
    `evaluation${suffix}.json`,
    `${JSON.stringify({ seed, updates, ...(refinement && { refinement }), ...evaluation, ...(exact && { exact: exact.truth }) }, null, 2)}\n`,
  );
  await folder.writeFile(`figure1${suffix}.svg`, svg);
  return { evaluation, figure: await folder.writeFile(`figure1${suffix}.png`, svgToPng(svg)) };
}

/**
 * The distances of a trained policy from the exact optimum at its own temperature; `learned` as in `evaluateRun`.
 * @throws UsageError if its task has no exact solution here.
 */
export async function measureExactly(
  trainer: Trainer,
  seed: number,
  learned: Learned = trainer.algorithm,
): Promise<ExactMeasurement> {
  const { gpu, config, algorithm } = trainer;
  const [temperature = config.temperature] = await gpu.read(algorithm.temperature);
  const optimum = await solveOptimum(gpu, config, temperature);
  return { optimum, truth: await measureAgainst(optimum, trainer, seed, learned) };
}

/** Draws `learning-curves.svg` and `.png` where there are at least two rows to join. */
async function drawLearningCurves(folder: RunFolder, rows: readonly MetricRow[]): Promise<void> {
  if (rows.length < 2) return;
  const data = {
    title: 'Learning curves',
    caption: `${folder.name}: a row every ${rows[1]!.updates - rows[0]!.updates} updates.`,
    rows: rows.map(({ updates, values }) => ({ updates, ...values })),
    metrics: CURVES.filter(({ key }) => rows.some(({ values }) => Number.isFinite(values[key]))),
  };
  const { createDocument, learningCurves, svgToPng } = await import('./drawing.ts');
  const svg = learningCurves(data, createDocument());
  await folder.writeFile('learning-curves.svg', svg);
  await folder.writeFile('learning-curves.png', svgToPng(svg));
}

/** All tensors together, and the largest by name. */
function memoryText(gpu: Gpu): string {
  const { total, tensors } = gpu.memory();
  const largest = tensors.slice(0, 3).map(({ label, bytes }) => `${label} ${mebibytes(bytes)}`);
  return `${mebibytes(total)} MiB (${largest.join(', ')}, ...)`;
}
