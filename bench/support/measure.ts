import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Program } from '../../src/gpu/program.ts';

/** Work of known size that can be done any number of times. */
export interface Work {
  /** Does it `times` times and resolves when all of it is done. */
  run(times: number): Promise<void>;
  /** How much of what is counted is done at a time: 10^9 floating-point operations, samples, updates. */
  readonly size: number;
}

/** What the time of a sample is taken by. */
export interface Stopwatch {
  /** Ends the row's unit: `/s by wall`. */
  readonly per: string;
  /** Seconds so far, from any moment on. */
  seconds(): Promise<number>;
}

/** A benchmark's result by one stopwatch: ours beside its peer, measured in turns in one run. */
export interface Row {
  readonly name: string;
  readonly adapter: string;
  readonly runtime: string;
  /** Medians over the pairs, in `unit`. */
  readonly ours: number;
  readonly peer: number;
  readonly unit: string;
  /** Median over the pairs of ours / peer. */
  readonly ratio: number;
  /** Largest less smallest ratio of the pairs, as a share of the median. */
  readonly spread: number;
}

/** What a user waits for, and what other processes spoil. */
export const WALL: Stopwatch = { per: '/s by wall', seconds: async () => performance.now() / 1000 };

/** Long against a scheduler tick, by which the CPU time of a running thread lags. */
const SAMPLE_SECONDS = 0.2;
/** Pairs of a row, and fewer where they would take longer than so many seconds; the spread needs three. */
const MOST_PAIRS = 9;
const LEAST_PAIRS = 3;
const ROW_SECONDS = 8;

/** A program as work: `times` runs of it in one submit. */
export function programWork(gpu: Gpu, program: Program, size: number): Work {
  const run = async (times: number) => {
    await gpu.ready();
    gpu.submit(Array.from({ length: times }, () => program));
    await gpu.idle();
  };
  return { run, size };
}

/** How often `work`, which has run before and is compiled, must run to fill a sample. */
export async function repeatsOf(work: Work): Promise<number> {
  for (let repeats = 1; ; repeats *= 2) {
    const start = performance.now();
    await work.run(repeats);
    const seconds = (performance.now() - start) / 1000;
    if (seconds > SAMPLE_SECONDS / 4) return Math.max(1, Math.ceil((repeats * SAMPLE_SECONDS) / seconds));
  }
}

/** One sample: rates in the work's size a second, by each stopwatch. */
export async function sample(
  work: Work,
  repeats: number,
  stopwatches: readonly Stopwatch[],
): Promise<number[]> {
  const read = () => Promise.all(stopwatches.map((one) => one.seconds()));
  const before = await read();
  await work.run(repeats);
  const after = await read();
  return after.map((seconds, i) => (work.size * repeats) / (seconds - before[i]!));
}

/** Measures two pieces of work, both warm, in turns: for each stopwatch, the part of a row that follows from the pairs. */
export async function measureInTurns(
  ours: Work,
  peer: Work,
  stopwatches: readonly Stopwatch[],
): Promise<Pick<Row, 'ours' | 'peer' | 'ratio' | 'spread'>[]> {
  const repeats = [await repeatsOf(ours), await repeatsOf(peer)] as const;
  const start = performance.now();
  const pairs: (readonly [number[], number[]])[] = [];
  while (
    pairs.length < LEAST_PAIRS ||
    (pairs.length < MOST_PAIRS && performance.now() - start < 1000 * ROW_SECONDS)
  ) {
    pairs.push([await sample(ours, repeats[0], stopwatches), await sample(peer, repeats[1], stopwatches)]);
  }
  return stopwatches.map((_, i) => summarise(pairs.map(([a, b]) => [a[i]!, b[i]!] as const)));
}

/** Medians and spread of pairs of rates. */
export function summarise(
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

/** The middle of the numbers; of an even count, the mean of the middle two. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
