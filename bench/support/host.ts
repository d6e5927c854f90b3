import type { Gpu } from '../../src/gpu/gpu.ts';
import {
  measureInTurns,
  measureUntil,
  summarise,
  WALL,
  type Pursuit,
  type Row,
  type Stopwatch,
  type Summary,
  type Work,
} from './measure.ts';

/** Where benchmarks run: a JavaScript runtime with an adapter, and what it can tell of CPU time. */
export interface Host {
  /** Name and version, for people. */
  readonly runtime: string;
  /** As the driver calls itself. */
  readonly adapter: string;
  /** softq's device. Peers open their own by `navigator.gpu`. */
  readonly gpu: Gpu;
  /** CPU time of everything that the work runs on; null where the system does not tell. */
  readonly process: Stopwatch | null;
  /** CPU time of a software adapter's own threads; null for hardware, and where the system does not tell. */
  readonly driver: Stopwatch | null;
  /** Addresses of TensorFlow.js's WebAssembly files by name, where it cannot find them itself. */
  readonly wasmFiles?: Readonly<Record<string, string>>;
}

/** Two pieces of work that do the same, ready to be measured. */
export interface Contest {
  readonly ours: Work;
  readonly peer: Work;
  dispose(): void;
}

/** Two ways to the same end, as often as they are compared; ready to be measured. */
export interface Race {
  readonly rounds: number;
  /** Both before their first piece. */
  begin(round: number): Promise<{ readonly ours: Pursuit; readonly peer: Pursuit }>;
  dispose(): void;
}

/** One comparison of softq with something else. */
export interface Benchmark {
  /** `group/what`, as `--only` has it. */
  readonly name: string;
  /** What ours and the peer are, for people. */
  readonly title: string;
  /** What the size of a work or of its pieces counts, in the plural: `updates`. */
  readonly counts: string;
  /** Whose CPU time is taken beside the wall's: all of the process's, or the driver's threads alone. */
  readonly cpu: 'process' | 'driver';
  /**
   * Makes both, makes sure that they compute the same, and leaves them compiled and warm.
   * @throws Disagreement if they do not.
   */
  readonly prepare: (host: Host) => Promise<Contest | Race>;
}

/** Ours and the peer do not compute the same, so that their times say nothing. */
export class Disagreement extends Error {
  override readonly name = 'Disagreement';
}

/** Runs one benchmark: a row by the wall, one by CPU time where the host tells it, and for a race one of what was done. */
export async function runBenchmark(host: Host, benchmark: Benchmark): Promise<Row[]> {
  const release = host.gpu.scope();
  const contest = await benchmark.prepare(host);
  try {
    const { name, counts } = benchmark;
    const cpu = host[benchmark.cpu];
    const stopwatches = cpu === null ? [WALL] : [cpu, WALL];
    const [units, found] =
      'rounds' in contest
        ? [[...stopwatches.map(({ unit }) => unit), counts], await runRace(contest, stopwatches)]
        : [
            stopwatches.map(({ per }) => `${counts}${per}`),
            await measureInTurns(contest.ours, contest.peer, stopwatches),
          ];
    const { adapter, runtime } = host;
    return found.map((numbers, i) => ({ name, adapter, runtime, ...numbers, unit: units[i]! }));
  } finally {
    contest.dispose();
    release();
  }
}

async function runRace(race: Race, stopwatches: readonly Stopwatch[]): Promise<Summary[]> {
  const rounds: Awaited<ReturnType<typeof measureUntil>>[] = [];
  for (let round = 0; round < race.rounds; round++) {
    rounds.push(await measureUntil(await race.begin(round), stopwatches));
  }
  return rounds[0]!.map((_, i) =>
    summarise(
      rounds.map((pairs) => pairs[i]!),
      'times',
    ),
  );
}
