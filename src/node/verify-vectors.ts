import { readdirSync } from 'node:fs';
import { goalReached, multigoal } from '../envs/multigoal.ts';
import { VectorEnv } from '../envs/vector-env.ts';
import { Clock } from '../gpu/clock.ts';
import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { random, uniform } from '../gpu/random.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';
import { padded } from '../gpu/tensor.ts';
import { latticePoints, Proposal } from '../rl/proposal.ts';
import { recordSize, ReplayBuffer } from '../rl/replay-buffer.ts';
import { SamplingNetwork } from '../rl/sampling-network.ts';
import { chunks, columns, Comparison, largest, TOLERANCE, VectorFile } from './vector-file.ts';
import type { UncheckedVector, VectorRow } from './vector-file.ts';
import { verifyOptimum } from './verify-optimum.ts';
import { verifyUpdate } from './verify-update.ts';

export type { UncheckedVector, VectorRow };

/** The outcome for a folder of test vectors. */
export interface VectorReport {
  readonly rows: readonly VectorRow[];
  readonly notChecked: readonly UncheckedVector[];
  /** Whether every row is. */
  readonly ok: boolean;
}

/**
 * Compares the GPU's results with the test vectors in `folder`: `sql_*.json` (one soft Q-learning update each),
 * `env.json` (steps of the multi-goal task), `r2.json` (the lattice) and `oracle.json` (its exact optimum). Sizes follow
 * from the shapes. Other JSON files and unknown keys are listed as not checked.
 * @throws UsageError if the folder is missing or has no such file, or if a file is malformed.
 */
export async function verifyVectors(gpu: Gpu, folder: string): Promise<VectorReport> {
  const names = jsonFiles(folder);
  const rows: VectorRow[] = [];
  const notChecked: UncheckedVector[] = [];
  for (const name of names) {
    const verify = verifierOf(name);
    if (!verify) {
      notChecked.push({ file: name, quantity: 'all', reason: 'unknown file' });
      continue;
    }
    const file = new VectorFile(folder, name);
    rows.push(...(await verify(gpu, file)));
    notChecked.push(...file.unread());
  }
  if (rows.length === 0)
    throw new UsageError(`'${folder}' holds no sql_*.json, env.json, r2.json or oracle.json to check.`);
  return { rows, notChecked, ok: rows.every((row) => row.ok) };
}

function jsonFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .sort();
  } catch (error) {
    throw new UsageError(`The folder '${folder}' cannot be read: ${(error as Error).message}.`);
  }
}

function verifierOf(name: string) {
  if (/^sql_.*\.json$/.test(name)) return verifyUpdate;
  if (name === 'env.json') return verifyEnvironment;
  if (name === 'r2.json') return verifyLattice;
  return name === 'oracle.json' ? verifyOptimum : undefined;
}

/**
 * Steps with given noise: the noise is added to the state before the step, which is the same as during it, because
 * s' = clip(s + clip(a) + sigma eps) does not clip s.
 */
async function verifyEnvironment(gpu: Gpu, file: VectorFile): Promise<VectorRow[]> {
  const comparison = new Comparison(file);
  const environments = file.shape(['s'], 2)[0]!;
  const table = (key: string) => chunks(file.numbers([key], [environments, 2]), 2);
  const [s, a, eps] = ['s', 'a', 'eps'].map(table) as [number[][], number[][], number[][]];
  const clock = new Clock(gpu);
  const seeds = gpu.tensorOf('vectors.seeds', Uint32Array.of(0));
  const env = new VectorEnv(gpu, multigoal, { environments, members: 1, seeds, clock });
  const ring = new ReplayBuffer(gpu, {
    members: 1,
    capacity: environments,
    observationSize: 2,
    actionSize: 2,
  });
  const step = env.step(gpu.tensorOf('vectors.a', Float32Array.from(a.flat())), ring.sink);
  for (const key of file.keys().filter((name) => /^sigma=\d/.test(name))) {
    const sigma = Number(key.slice('sigma='.length));
    const axis = (d: number) => s.map((row, n) => row[d]! + sigma * eps[n]![d]!);
    gpu.write(env.state, Float32Array.from([...axis(0), ...axis(1)]));
    await gpu.run(step);
    const records = columns(await gpu.read(ring.ring), recordSize(2, 2), recordSize(2, 2));
    const next = records.map((record) => record.slice(5, 7));
    comparison.numbers([key, 's2'], next.flat(), [environments, 2]);
    comparison.numbers(
      [key, 'r'],
      records.map((record) => record[4]!),
      [environments],
    );
    comparison.numbers(
      [key, 'done'],
      records.map((record) => record[7]!),
      [environments],
      0,
    );
    // The kernel names no goal; the host does, for arrivals.
    const nearest = file.numbers([key, 'nearest'], [environments]);
    const wrong = records.filter((record, n) => record[7] === 1 && goalReached(next[n]!) !== nearest[n]);
    comparison.row([key, 'nearest (arrivals)'], wrong.length, 0);
  }
  return comparison.rows;
}

const STREAMS = constantsOf(shaderSource('common/random.wgsl'));

/** The GPU draws the shifts itself: its points are turned back by its shift and forward by the file's. */
async function verifyLattice(gpu: Gpu, file: VectorFile): Promise<VectorRow[]> {
  const comparison = new Comparison(file);
  const [states, particles, actionSize] = file.shape(['actions'], 3) as [number, number, number];
  const shifts = chunks(file.numbers(['shift'], [states, actionSize]), actionSize);
  const expected = file.numbers(['actions'], [states, particles, actionSize]);
  comparison.numbers(['g'], [1 / latticePoints(1, actionSize)[0]!], []);
  const clock = new Clock(gpu);
  const seed = 1;
  const seeds = gpu.tensorOf('vectors.seeds', Uint32Array.of(seed));
  const sizes = { members: 1, observationSize: 1, actionSize };
  const policy = new SamplingNetwork(
    gpu,
    { ...sizes, latentSize: 1, hidden: [1], activation: 'relu' },
    clock,
    seeds,
  );
  const nextObservation = gpu.tensor('vectors.s2', [1, states, 1]);
  const proposal = new Proposal(gpu, {
    ...sizes,
    kind: 'lattice',
    states,
    particles,
    nextObservation,
    clock,
    seeds,
    policy,
    mixtureSpread: 1,
  });
  await gpu.run(proposal.program);
  const rows = columns(await gpu.read(proposal.rows), padded(1 + actionSize), actionSize, 1);
  const gaps = rows.flat().map((action, i) => {
    const [b, d] = [Math.floor(i / (particles * actionSize)), i % actionSize];
    const drawn = uniform(random(seed, STREAMS['STREAM_PROPOSAL']!, 0, b * actionSize + d)[0]);
    const turn = (action - expected[i]!) / 2 - drawn + shifts[b]![d]!;
    return 2 * Math.abs(turn - Math.round(turn));
  });
  comparison.row(['actions'], largest(gaps) / largest(expected.map(Math.abs)), TOLERANCE);
  return comparison.rows;
}
