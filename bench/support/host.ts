import type { Gpu } from '../../src/gpu/gpu.ts';
import { measureInTurns, WALL, type Row, type Stopwatch, type Work } from './measure.ts';

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

/** One comparison of softq with something else. */
export interface Benchmark {
  /** `group/what`, as `--only` has it. */
  readonly name: string;
  /** What ours and the peer are, for people. */
  readonly title: string;
  /** What a work's size counts, in the plural: `updates`. */
  readonly counts: string;
  /** Whose CPU time is taken beside the wall's: all of the process's, or the driver's threads alone. */
  readonly cpu: 'process' | 'driver';
  /**
   * Makes both, makes sure that they compute the same, and leaves them compiled and warm.
   * @throws Disagreement if they do not.
   */
  readonly prepare: (host: Host) => Promise<Contest>;
}

/** Ours and the peer do not compute the same, so that their times say nothing. */
export class Disagreement extends Error {
  override readonly name = 'Disagreement';
}

/** Runs one benchmark: a row by the wall, and one by CPU time where the host tells it. */
export async function runBenchmark(host: Host, benchmark: Benchmark): Promise<Row[]> {
  const release = host.gpu.scope();
  const contest = await benchmark.prepare(host);
  try {
    const cpu = host[benchmark.cpu];
    const stopwatches = cpu === null ? [WALL] : [cpu, WALL];
    const found = await measureInTurns(contest.ours, contest.peer, stopwatches);
    return found.map((numbers, i) => ({
      name: benchmark.name,
      adapter: host.adapter,
      runtime: host.runtime,
      ...numbers,
      unit: `${benchmark.counts}${stopwatches[i]!.per}`,
    }));
  } finally {
    contest.dispose();
    release();
  }
}
