import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Program } from '../../src/gpu/program.ts';

/** Work of known size that can be done any number of times. */
export interface Work {
  /** Does it `times` times and resolves when all of it is done. */
  run(times: number): Promise<void>;
  /** How much of what is counted is done at a time: 10^9 floating-point operations, samples, updates. */
  readonly size: number;
}

/** Work that is done piece by piece until it has come to where it is wanted. */
export interface Pursuit {
  /** Does the next piece and resolves when it is done. */
  advance(): Promise<void>;
  /**
   * Whether it is there after `done` of what is counted; not timed.
   * @throws Disagreement when it should long have been.
   */
  arrived(done: number): Promise<boolean>;
  /** How much of what is counted a piece is. */
  readonly size: number;
}

/** What the time of a sample is taken by. */
export interface Stopwatch {
  /** Ends the unit of a rate: `/s by wall`. */
  readonly per: string;
  /** The unit of a time: `s by wall`. */
  readonly unit: string;
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
  /** How many times as fast ours is: the median over the pairs of ours / peer, and of peer / ours where the unit is a time. */
  readonly ratio: number;
  /** Largest less smallest ratio of the pairs, as a share of the median. */
  readonly spread: number;
}

/** The part of a row that follows from its pairs. */
export type Summary = Pick<Row, 'ours' | 'peer' | 'ratio' | 'spread'>;

/** What a user waits for, and what other processes spoil. */
export const WALL: Stopwatch = {
  per: '/s by wall',
  unit: 's by wall',
  seconds: async () => performance.now() / 1000,
};

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
  const seconds = await timed(() => work.run(repeats), stopwatches);
  return seconds.map((one) => (work.size * repeats) / one);
}

/** Seconds that `work` takes, by each stopwatch. */
async function timed(work: () => Promise<void>, stopwatches: readonly Stopwatch[]): Promise<number[]> {
  const read = () => Promise.all(stopwatches.map((one) => one.seconds()));
  const before = await read();
  await work();
  const after = await read();
  return after.map((seconds, i) => seconds - before[i]!);
}

/** Measures two pieces of work, both warm, in turns: for each stopwatch, the part of a row that follows from the pairs. */
export async function measureInTurns(
  ours: Work,
  peer: Work,
  stopwatches: readonly Stopwatch[],
): Promise<Summary[]> {
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

/**
 * Takes two pieces of work to where they are wanted, one after the other, both warm: for each stopwatch the seconds that ours
 * and the peer took for it, without those of looking, and at last how much they did.
 */
export async function measureUntil(
  { ours, peer }: { readonly ours: Pursuit; readonly peer: Pursuit },
  stopwatches: readonly Stopwatch[],
): Promise<(readonly [number, number])[]> {
  const [a, b] = [await timeUntil(ours, stopwatches), await timeUntil(peer, stopwatches)];
  return a.map((amount, i) => [amount, b[i]!] as const);
}

async function timeUntil(work: Pursuit, stopwatches: readonly Stopwatch[]): Promise<number[]> {
  const totals = stopwatches.map(() => 0);
  let done = 0;
  do {
    const seconds = await timed(() => work.advance(), stopwatches);
    seconds.forEach((one, i) => (totals[i]! += one));
    done += work.size;
  } while (!(await work.arrived(done)));
  return [...totals, done];
}

/** Medians and spread of pairs of rates, of which more is better, or of times. */
export function summarise(
  pairs: readonly (readonly [number, number])[],
  of: 'rates' | 'times' = 'rates',
): Summary {
  const ratios = pairs.map(([ours, peer]) => (of === 'times' ? peer / ours : ours / peer));
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
