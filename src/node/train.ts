import { drawFigure1 } from '../experiments/figure1.ts';
import { Gpu } from '../gpu/gpu.ts';
import type { Config } from '../train/config.ts';
import { Evaluator, type Evaluation } from '../train/evaluator.ts';
import { Trainer } from '../train/trainer.ts';
import { acquireAdapter, type AdapterChoice } from './adapter.ts';
import { createDocument } from './document.ts';
import { svgToPng } from './png.ts';
import { reportProgress } from './progress.ts';
import { RunFolder } from './run-folder.ts';

/** Stochastic rollouts behind the numbers of a finished run. */
export const ROLLOUTS = 500;

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
  readonly interrupted: boolean;
}

/** A device on the adapter of the user's choice. */
export async function openGpu(choice: AdapterChoice): Promise<{ gpu: Gpu; name: string }> {
  const { gpu: instance, adapter, name } = await acquireAdapter(choice);
  return { gpu: await Gpu.create(instance, adapter), name };
}

/**
 * Trains by `config` and leaves a run folder under `parent`: configuration, metrics, checkpoints, evaluation, figure.
 * An interrupt (Ctrl-C) ends training early and keeps everything made so far.
 * @throws UsageError for a configuration that does not fit the machine; DivergenceError when numbers stop being finite.
 */
export async function train(
  config: Config,
  options: { adapter: AdapterChoice; parent: string },
): Promise<TrainResult> {
  const { gpu, name: adapter } = await openGpu(options.adapter);
  const trainer = await Trainer.create(gpu, config);
  const folder = await RunFolder.create(options.parent, config);
  process.stderr.write(
    `softq: training ${config.environment} (${config.preset}, seed ${config.seed}) on ${adapter}; ` +
      `GPU memory ${mebibytes(gpu.memory().total)} MiB; run folder ${folder.path}\n`,
  );

  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  process.once('SIGINT', onInterrupt).once('SIGTERM', onInterrupt);
  const progress = reportProgress(config.updates);
  const begin = performance.now();
  let hash = '';
  let writing: Promise<void> = Promise.resolve();
  let training = 0;
  try {
    while (trainer.updates < config.updates && !interrupt.signal.aborted) {
      const next = (Math.floor(trainer.updates / config.checkpointEvery) + 1) * config.checkpointEvery;
      const started = performance.now();
      await trainer.run({
        until: Math.min(next, config.updates),
        signal: interrupt.signal,
        onProgress: ({ updates, rows }) => {
          const seconds = (performance.now() - begin) / 1000;
          writing = writing.then(() =>
            folder.appendMetrics(rows, ({ updates: done, iteration }) => ({
              'charts/environment_steps': iteration * config.environments,
              'charts/updates_per_second': done / seconds,
              'charts/SPS': (iteration * config.environments) / seconds,
            })),
          );
          // An await comes at the end of this stretch; until then a failed write must not be an unhandled rejection.
          writing.catch(() => undefined);
          const latest = rows.at(-1)?.values['charts/episodic_return'];
          progress.update(updates, latest === undefined ? '' : `return ${latest.toFixed(0)}`);
        },
      });
      training += performance.now() - started;
      await writing;
      hash = await folder.writeCheckpoint(await trainer.snapshot());
    }
  } finally {
    progress.stop();
    process.off('SIGINT', onInterrupt).off('SIGTERM', onInterrupt);
  }

  const report = await evaluateRun(gpu, trainer, folder, { rollouts: ROLLOUTS, seed: config.seed });
  const seconds = training / 1000;
  return {
    folder: folder.path,
    adapter,
    updates: trainer.updates,
    seconds,
    updatesPerSecond: trainer.updates / seconds,
    environmentStepsPerSecond: (trainer.iteration * config.environments) / seconds,
    gpuMemoryBytes: gpu.memory().total,
    checkpointHash: hash,
    interrupted: interrupt.signal.aborted,
    ...report,
  };
}

/** Rolls the policy out, and writes `evaluation.json` and Figure 1 into the run folder. */
export async function evaluateRun(
  gpu: Gpu,
  trainer: Trainer,
  folder: RunFolder,
  options: { rollouts: number; seed: number },
): Promise<{ evaluation: Evaluation; figure: string }> {
  const { config, algorithm, environment } = trainer;
  const evaluator = new Evaluator(gpu, algorithm, environment, options);
  const rollouts = await evaluator.rollOut();
  const evaluation = evaluator.summarise(rollouts);
  const [temperature = config.temperature] = await gpu.read(algorithm.temperature);
  const name = folder.path.split(/[\\/]/).at(-1)!;
  const svg = await drawFigure1(
    evaluator,
    { name, config, temperature, rollouts, evaluation },
    createDocument(),
  );
  await folder.writeFile('evaluation.json', `${JSON.stringify({ ...options, ...evaluation }, null, 2)}\n`);
  await folder.writeFile('figure1.svg', svg);
  return { evaluation, figure: await folder.writeFile('figure1.png', svgToPng(svg)) };
}

/** Bytes as mebibytes with one decimal. */
export function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
