import type { Gpu } from '../gpu/gpu.ts';
import { encode, type Bound, type Program } from '../gpu/program.ts';

/** What one run of a program costs on the device. */
export interface ProgramTiming {
  readonly label: string;
  readonly dispatches: number;
  readonly milliseconds: number;
  /** Floating-point operations of the dense layers in it; null for a program without any. */
  readonly flops: number | null;
}

/** Times of programs, and how finely the clock that took them counts. */
export interface Timings {
  readonly programs: readonly ProgramTiming[];
  /** Nanoseconds between two readings that the device's clock can tell apart; null where times are the host's. */
  readonly step: number | null;
}

/** A sample is this many steps of the clock long: a step is then 2 % of it. */
const STEPS_PER_SAMPLE = 50;
/** A sample of the host's clock, which also counts what submitting costs. */
export const HOST_SAMPLE_MS = 30;
/** A clock of nanoseconds would be content with a single run, which says more of the start than of the work. */
const LEAST_SAMPLE_MS = 5;
const MOST_REPEATS = 65_536;
/** Pairs of readings from which the clock's step is found, at most. */
const READINGS = 24;
const NANOSECONDS_PER_MS = 1e6;

/**
 * How long one run of each program takes: runs it again and again in a pass of its own until the clock's step is under 2 %
 * of the time. With several `rounds` all programs are timed as often, one after another, and the shortest time of each is
 * its own: what else runs on the machine only adds. Programs do what they do, so state that they move is moved many times.
 */
export async function timePrograms(gpu: Gpu, programs: readonly Program[], rounds = 1): Promise<Timings> {
  await gpu.ready();
  const stopwatch = gpu.device.features.has('timestamp-query') ? new DeviceStopwatch(gpu) : null;
  try {
    const step = stopwatch && programs.length > 0 ? await stopwatch.findStep(shortest(programs)) : null;
    const sample = stopwatch
      ? Math.max(LEAST_SAMPLE_MS, (STEPS_PER_SAMPLE * step!) / NANOSECONDS_PER_MS)
      : HOST_SAMPLE_MS;
    const time = stopwatch
      ? (program: Program, repeats: number) => stopwatch.milliseconds(program, repeats)
      : (program: Program, repeats: number) => hostMilliseconds(gpu, program, repeats);
    const least = programs.map(() => Infinity);
    for (let round = 0; round < rounds; round++) {
      for (const [i, program] of programs.entries()) {
        // Zero before the first round.
        const repeats = sample / least[i]!;
        const taken = await perRun((count) => time(program, count), sample, repeats);
        least[i] = Math.min(least[i]!, taken);
      }
    }
    const timings = programs.map((program, i) => ({
      label: program.label,
      dispatches: program.dispatches.length,
      milliseconds: least[i]!,
      flops: flopsOf(program),
    }));
    return { programs: timings, step };
  } finally {
    stopwatch?.dispose();
  }
}

/** Floating-point operations of a program's dense layers; null if it has none. */
export function flopsOf({ dispatches }: Program): number | null {
  const counted = dispatches.filter(({ flops }) => flops !== undefined);
  return counted.length === 0 ? null : counted.reduce((sum, { flops }) => sum + flops!, 0);
}

/** Bytes of a bound tensor, all of it. */
export function wholeTensor({ tensor }: Bound): number {
  return tensor.size * Uint32Array.BYTES_PER_ELEMENT;
}

/**
 * Bytes that a program's dispatches move, counted from shapes: every tensor that a dispatch is bound to, once. It is the
 * least that a kernel which uses all of them can move from and to memory: one that reads a tensor again, or reads what it
 * then writes, moves more, and one that touches a part only, moves less. `moved` says how much it is for such a tensor.
 */
export function bytesOf(
  { dispatches }: Pick<Program, 'dispatches'>,
  moved: (bound: Bound) => number = wholeTensor,
): number {
  return dispatches.flatMap(({ bound = [] }) => bound).reduce((sum, one) => sum + moved(one), 0);
}

/** The program of the fewest dispatches. */
function shortest(programs: readonly Program[]): Program {
  return programs.reduce((a, b) => (b.dispatches.length < a.dispatches.length ? b : a));
}

/** The largest step of which all `differences` are multiples, 0 if all are 0: a clock's step, from times it has shown. */
export function clockStep(differences: readonly bigint[]): bigint {
  const divisor = (a: bigint, b: bigint): bigint => (b === 0n ? a : divisor(b, a % b));
  return differences.reduce((step, one) => divisor(step, one < 0n ? -one : one), 0n);
}

/**
 * Time of one run, from a sample of at least `least` milliseconds; the first run, which warms up, does not count. `first`
 * is how many runs such a sample may take, where that is known.
 */
export async function perRun(
  time: (repeats: number) => Promise<number>,
  least: number,
  first = 1,
): Promise<number> {
  await time(1);
  for (let repeats = Math.max(1, Math.min(MOST_REPEATS, Math.ceil(first))); ;) {
    const taken = await time(repeats);
    if (taken >= least || repeats >= MOST_REPEATS) return taken / repeats;
    // A little more than the time so far asks for; at most tenfold, since a short time says little.
    const factor = taken > 0 ? Math.min(10, (1.2 * least) / taken) : 10;
    repeats = Math.min(MOST_REPEATS, Math.max(repeats + 1, Math.ceil(repeats * factor)));
  }
}

async function hostMilliseconds(gpu: Gpu, program: Program, repeats: number): Promise<number> {
  await gpu.idle();
  const start = performance.now();
  gpu.submit(Array.from({ length: repeats }, () => program));
  await gpu.idle();
  return performance.now() - start;
}

/** Timestamps at both ends of a pass. */
class DeviceStopwatch {
  readonly #gpu: Gpu;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #readable: GPUBuffer;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    const { device } = gpu;
    const size = 2 * BigUint64Array.BYTES_PER_ELEMENT;
    this.#queries = device.createQuerySet({ label: 'stopwatch', type: 'timestamp', count: 2 });
    this.#resolved = device.createBuffer({
      label: 'stopwatch',
      size,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    this.#readable = device.createBuffer({
      label: 'stopwatch.readback',
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }

  async milliseconds(program: Program, repeats: number): Promise<number> {
    const [begin, end] = await this.#readings(program, repeats);
    return Number(end - begin) / NANOSECONDS_PER_MS;
  }

  async findStep(program: Program): Promise<number> {
    const readings: bigint[] = [];
    let step = 0n;
    // Nothing divides a step of one nanosecond: it is found before all readings are made.
    for (let i = 0; i < READINGS && step !== 1n; i++) {
      readings.push(...(await this.#readings(program, 1)));
      step = clockStep(readings.map((reading) => reading - readings[0]!));
    }
    return Number(step);
  }

  async #readings(program: Program, repeats: number): Promise<[bigint, bigint]> {
    const { device } = this.#gpu;
    const encoder = device.createCommandEncoder({ label: 'stopwatch' });
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet: this.#queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    });
    for (let i = 0; i < repeats; i++) encode(program, pass);
    pass.end();
    encoder.resolveQuerySet(this.#queries, 0, 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readable, 0, this.#readable.size);
    device.queue.submit([encoder.finish()]);
    await this.#readable.mapAsync(GPUMapMode.READ);
    const [begin, end] = new BigUint64Array(this.#readable.getMappedRange().slice(0));
    this.#readable.unmap();
    this.#gpu.check();
    return [begin!, end!];
  }

  dispose(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
    this.#readable.destroy();
  }
}
