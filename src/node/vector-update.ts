import type { Clock } from '../gpu/clock.ts';
import type { Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import type { ParameterGradient } from '../nn/mlp-pass.ts';
import type { Parameters } from '../nn/parameters.ts';
import type { SamplingNetwork } from '../rl/sampling-network.ts';
import type { SoftQFunction } from '../rl/soft-q-function.ts';
import type { Comparison, VectorFile } from './vector-file.ts';

/** Rows of `width` numbers, zero-padded as the dense layers read them. */
export function padRows(width: number, rows: readonly (readonly number[])[]): Float32Array<ArrayBuffer> {
  const stride = padded(width);
  const flat = new Float32Array(rows.length * stride);
  rows.forEach((row, i) => flat.set(row, i * stride));
  return flat;
}

/** Rows that lie particle-major, (particles, B, width), as the files have them: (B, particles, width). */
export function byState(rows: readonly number[][], states: number): number[][] {
  const particles = rows.length / states;
  return Array.from(
    { length: rows.length },
    (_, i) => rows[(i % particles) * states + Math.floor(i / particles)]!,
  );
}

/** Flat parameters W1, b1, W2, ... in the padded layout. */
export function packFlat(parameters: Parameters, flat: readonly number[]): Float32Array<ArrayBuffer> {
  let end = 0;
  const arrays = parameters.unpack(new Float32Array(parameters.size)).map(({ name, data }) => {
    end += data.length;
    return [name, Float32Array.from(flat.slice(end - data.length, end))] as const;
  });
  return parameters.pack(new Map(arrays));
}

/** How many numbers the flat parameters have without padding. */
export function parameterCount({ layers }: Parameters): number {
  return layers.reduce((sum, { inputSize, outputSize }) => sum + (inputSize + 1) * outputSize, 0);
}

/** The reverse of `packFlat`. */
export function unpackFlat(parameters: Parameters, flat: Float32Array): number[] {
  return parameters.unpack(flat).flatMap(({ data }) => [...data]);
}

/** The gradient's partial sums added up, flat as the files have it. */
export async function summedGradient(
  gpu: Gpu,
  parameters: Parameters,
  { tensor, splits }: ParameterGradient,
): Promise<number[]> {
  const partial = await gpu.read(tensor);
  const sum = new Float32Array(parameters.size);
  for (let i = 0; i < splits * parameters.size; i++) sum[i % parameters.size]! += partial[i]!;
  return unpackFlat(parameters, sum);
}

/** Everything that the parts of one update share. */
export interface Update {
  readonly gpu: Gpu;
  readonly file: VectorFile;
  readonly comparison: Comparison;
  readonly clock: Clock;
  readonly seeds: Tensor;
  readonly faults: Faults;
  readonly softQ: SoftQFunction;
  readonly samplingNetwork: SamplingNetwork;
  /** B, S, A and the size of xi */
  readonly states: number;
  readonly observationSize: number;
  readonly actionSize: number;
  readonly latentSize: number;
  readonly rewardScale: number;
  /** alpha in raw reward units, (1) */
  readonly temperature: Tensor;
}
