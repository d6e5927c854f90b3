import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Program } from '../../src/gpu/program.ts';

/** Work of known size that can be submitted any number of times. */
export interface Work {
  readonly program: Program;
  /** How much of what is counted one run of the program does: 10^9 floating-point operations, samples. */
  readonly size: number;
}

/** Rates in units of the work's size a second. */
export interface Rates {
  /** By the clock on the wall: what a user waits for, and what other processes spoil. */
  readonly wall: number;
  /**
   * By the CPU time of the driver's threads divided by the number of cores: what a software adapter would do on an idle
   * machine. Undefined where the system does not tell the time of each thread.
   */
  readonly cpu: number | undefined;
}

/** A benchmark's result: ours beside its peer, measured in turns in one run. */
export interface Row {
  readonly name: string;
  readonly adapter: string;
  readonly runtime: string;
  readonly ours: number;
  readonly peer: number;
  readonly unit: string;
  /** Median over the pairs of ours / peer. */
  readonly ratio: number;
  /** Largest less smallest ratio of the pairs, as a share of the median. */
  readonly spread: number;
}

/** Long against a scheduler tick, by which the CPU time of a running thread lags. */
const SAMPLE_SECONDS = 0.2;
const TASKS = '/proc/self/task';

/**
 * CPU seconds that all threads of this process but the JavaScript one have used so far: a software adapter computes on
 * them. Undefined where there is no /proc.
 */
export function driverSeconds(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  let nanoseconds = 0;
  for (const thread of readdirSync(TASKS)) {
    if (Number(thread) === process.pid) continue;
    try {
      nanoseconds += Number(readFileSync(`${TASKS}/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // The thread ended between the two calls.
    }
  }
  return nanoseconds * 1e-9;
}

/** How often `work` must run to fill a sample. Runs it, so that everything is compiled and warm afterwards. */
export async function repeatsOf(gpu: Gpu, work: Work): Promise<number> {
  await gpu.run(work.program);
  await gpu.idle();
  for (let repeats = 1; ; repeats *= 2) {
    const seconds = await wallSeconds(gpu, work, repeats);
    if (seconds > SAMPLE_SECONDS / 4) return Math.max(1, Math.ceil((repeats * SAMPLE_SECONDS) / seconds));
  }
}

/** One sample. */
export async function sample(gpu: Gpu, work: Work, repeats: number): Promise<Rates> {
  const before = driverSeconds();
  const wall = await wallSeconds(gpu, work, repeats);
  const after = driverSeconds();
  const done = work.size * repeats;
  const cpu =
    before === undefined || after === undefined ? undefined : (after - before) / availableParallelism();
  return { wall: done / wall, cpu: cpu === undefined ? undefined : done / cpu };
}

async function wallSeconds(gpu: Gpu, work: Work, repeats: number): Promise<number> {
  const start = performance.now();
  gpu.submit(Array.from({ length: repeats }, () => work.program));
  await gpu.idle();
  return (performance.now() - start) / 1000;
}

/** The middle of the numbers; of an even count, the mean of the middle two. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The part of a row that follows from pairs of rates. */
export function paired(
  pairs: readonly (readonly [number, number])[],
): Pick<Row, 'ours' | 'peer' | 'ratio' | 'spread'> {
  const ratios = pairs.map(([ours, peer]) => ours / peer);
  const ratio = median(ratios);
  return {
    ours: median(pairs.map(([ours]) => ours)),
    peer: median(pairs.map(([, peer]) => peer)),
    ratio,
    spread: (Math.max(...ratios) - Math.min(...ratios)) / ratio,
  };
}
