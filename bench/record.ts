/**
 * Records a training of the default preset for visitors of the live page whose browser cannot train: positions, Q and
 * actions at the states of Figure 1, and metrics, every 25 updates. `npm run record`, or
 * `node dist/bench/record.js [--adapter auto|system|swiftshader] [--seed N] [--out FILE]`
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import type { Point } from '../demo/protocol.ts';
import { encodeRecording, type Frame } from '../demo/page/recording.ts';
import {
  Evaluator,
  FIGURE1_STATES,
  Gpu,
  MULTIGOAL_GOALS,
  MultigoalOptimum,
  resolveConfig,
  Trainer,
} from '../src/index.ts';
import { acquireAdapter, parseAdapterChoice } from '../src/node/adapter.ts';

const UPDATES_PER_FRAME = 25;
/** Episodes behind a frame's evaluation, and of these how many are shown. */
const ROLLOUTS = 256;
const EPISODES = 40;
const SIDE = 24;
const ACTIONS = 40;
/** Digits of a metric that a chart can show. */
const DIGITS = 4;

const axis = Array.from({ length: SIDE }, (_, i) => (2 * i) / (SIDE - 1) - 1);
const grid = axis.flatMap((y) => axis.map((x) => [x, y] as const));

/** Values over the grid as nats below the largest. */
function belowMaximum(values: readonly number[], temperature: number): number[] {
  const most = Math.max(...values);
  return values.map((value) => (value - most) / temperature);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      adapter: { type: 'string' },
      seed: { type: 'string', default: '0' },
      out: { type: 'string', default: 'demo/recording/default.bin' },
    },
  });
  const acquired = await acquireAdapter(parseAdapterChoice(values.adapter));
  const gpu = await Gpu.create(acquired.gpu, acquired.adapter);
  const config = resolveConfig({ seed: Number(values.seed) });
  const { temperature, discount, environments } = config;
  const optimum = await MultigoalOptimum.solve(gpu, { temperature, discount });
  const trainer = await Trainer.create(gpu, config);
  const evaluator = new Evaluator(gpu, trainer.algorithm, trainer.environment, {
    rollouts: ROLLOUTS,
    seed: 0,
  });
  const frames: Frame[] = [];
  for (let updates = 0; updates <= config.updates; updates += UPDATES_PER_FRAME) {
    const rows: Frame['rows'][number][] = [];
    await trainer.run({ until: updates, onProgress: (progress) => rows.push(...progress.rows) });
    const rollouts = await evaluator.rollOut();
    const probes = FIGURE1_STATES.flatMap((state) => grid.map((action) => [...state, ...action]));
    const q = await evaluator.valuesAt(probes, config.rewardScale);
    frames.push({
      updates,
      environmentSteps: trainer.iteration * environments,
      rows: rows.map((row) => ({ ...row, values: rounded(row.values) })),
      evaluation: evaluator.summarise(rollouts),
      episodes: rollouts.slice(0, EPISODES).map(({ observations }) => observations as unknown as Point[]),
      energies: FIGURE1_STATES.map((_, i) =>
        belowMaximum(q.slice(i * grid.length, (i + 1) * grid.length), temperature),
      ),
      actions: (await evaluator.actionsAt(FIGURE1_STATES, ACTIONS)) as unknown as Point[][],
    });
  }
  const bytes = await encodeRecording({
    adapter: acquired.name,
    config,
    goals: MULTIGOAL_GOALS,
    states: FIGURE1_STATES,
    side: SIDE,
    optimum: FIGURE1_STATES.map((state) =>
      belowMaximum(
        grid.map((action) => optimum.qAt(state, action)),
        temperature,
      ),
    ),
    frames,
  });
  mkdirSync(dirname(values.out), { recursive: true });
  writeFileSync(values.out, bytes);
  console.log(`${values.out}: ${frames.length} frames, ${bytes.length} bytes, on ${acquired.name}`);
}

/** Finite numbers with as many digits as a chart can show. */
function rounded(values: Readonly<Record<string, number>>): Record<string, number> {
  const finite = Object.entries(values).filter(([, value]) => Number.isFinite(value));
  return Object.fromEntries(finite.map(([name, value]) => [name, Number(value.toPrecision(DIGITS))]));
}

await main();
