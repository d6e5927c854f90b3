import type { Metric } from '../algorithms/algorithm.ts';
import type { Clock } from '../gpu/clock.ts';
import type { Fault, Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';
import type { Tensor } from '../gpu/tensor.ts';

/** One row of a run's metrics; names are CleanRL's where it has them. */
export interface MetricRow {
  readonly updates: number;
  readonly iteration: number;
  readonly values: Readonly<Record<string, number>>;
}

/** Rows that the ring keeps; at 25 updates a row and 4 read-outs a second it overflows at 25,600 updates a second. */
const CAPACITY = 256;
const HEAD = constantsOf(shaderSource('metrics/record.wgsl'))['HEAD']!;
const PARTS = constantsOf(shaderSource('metrics/partial_sum.wgsl'))['PARTS']!;

/**
 * Scalars of a run. The GPU writes a row into a ring every `interval` updates; the host copies the ring out now and
 * then, without holding up the loop, and takes the rows that it has not seen. Member 0 is reported.
 */
export class Metrics {
  /** Appends a row: part of an iteration whose updates reach the interval. */
  readonly record: Program;
  readonly #gpu: Gpu;
  readonly #metrics: readonly Metric[];
  readonly #rows: Tensor;
  readonly #faults: Faults;
  readonly #members: number;
  #lastUpdates = 0;

  constructor(
    gpu: Gpu,
    metrics: readonly Metric[],
    options: { clock: Clock; faults: Faults; members: number; interval: number },
  ) {
    const { clock, faults, members, interval } = options;
    this.#gpu = gpu;
    this.#metrics = metrics;
    this.#faults = faults;
    this.#members = members;
    const columns = metrics.length;
    const sums = gpu.tensor('metrics.sums', [members, columns, PARTS]);
    this.#rows = gpu.tensor('metrics.rows', [CAPACITY, members, HEAD + columns], { type: 'u32' });
    const partial = gpu.kernel('metrics/partial_sum.wgsl');
    const parts = metrics.map(({ name, tensor, first, count, stride, memberStride }, column) =>
      partial.bind(
        { source: tensor, sums },
        {
          threads: [PARTS, members],
          params: {
            first: tensor.offset + first,
            count,
            stride,
            member_stride: memberStride,
            column,
            columns,
          },
          label: name,
        },
      ),
    );
    const factor = Float32Array.from(metrics, ({ factor: unit, count }) => unit / count);
    const record = gpu
      .kernel('metrics/record.wgsl')
      .bind(
        { clock: clock.tensor, sums, factor: gpu.tensorOf('metrics.factor', factor), rows: this.#rows },
        { threads: [HEAD + columns, members], params: { columns, members, capacity: CAPACITY, interval } },
      );
    this.record = program('metrics', [...parts, record]);
  }

  /** The first fault if a number stopped being finite. */
  async fault(): Promise<Fault | undefined> {
    return this.#faults.first(await this.#gpu.read(this.#faults.tensor));
  }

  /** Rows recorded since the last call, oldest first. */
  async read(): Promise<MetricRow[]> {
    const words = await this.#gpu.read(this.#rows);
    const bits = new Uint32Array(words.buffer);
    const floats = new Float32Array(words.buffer);
    const width = HEAD + this.#metrics.length;
    const rows: MetricRow[] = [];
    for (let row = 0; row < CAPACITY; row++) {
      const at = row * this.#members * width;
      const [updates = 0, iteration = 0] = bits.subarray(at, at + HEAD);
      if (updates <= this.#lastUpdates) continue;
      const values = Object.fromEntries(this.#metrics.map(({ name }, i) => [name, floats[at + HEAD + i]!]));
      for (const { name, per } of this.#metrics) if (per !== undefined) values[name]! /= values[per]!;
      rows.push({ updates, iteration, values });
    }
    rows.sort((a, b) => a.updates - b.updates);
    this.#lastUpdates = rows.at(-1)?.updates ?? this.#lastUpdates;
    return rows;
  }
}
