import { afterAll, beforeAll } from 'vitest';
import { requestTestAdapter } from '#test-gpu';
import { Gpu, type KernelFamily } from '../../src/gpu/gpu.ts';
import { padded, type Tensor } from '../../src/gpu/tensor.ts';

/**
 * One device for a test file, opened before its tests and closed after them; a GPU error during the tests fails the
 * file. `family` overrides how networks are computed. Returns a function because the device does not exist before the
 * tests begin.
 */
export function useGpu(family?: KernelFamily): () => Gpu {
  let gpu: Gpu | undefined;
  beforeAll(async () => {
    const { gpu: instance, adapter } = await requestTestAdapter();
    gpu = await Gpu.create(instance, adapter, family);
  });
  afterAll(() => {
    gpu?.check();
    gpu?.dispose();
  });
  return () => gpu!;
}

/** The adapter as it would be if it had no subgroups. */
export function withoutSubgroups(adapter: GPUAdapter): GPUAdapter {
  const features = new Set([...adapter.features].filter((feature) => feature !== 'subgroups'));
  return {
    features,
    limits: adapter.limits,
    info: adapter.info,
    requestDevice: (descriptor?: GPUDeviceDescriptor) => adapter.requestDevice(descriptor),
  } as unknown as GPUAdapter;
}

/** Rows of logical width behind one another in padded rows, zeros between. */
export function padRows(rows: readonly ArrayLike<number>[]): Float32Array<ArrayBuffer> {
  const width = padded(rows[0]!.length);
  const flat = new Float32Array(rows.length * width);
  rows.forEach((row, i) => flat.set(Array.from(row), i * width));
  return flat;
}

/** The first `width` numbers of each padded row of a tensor's contents. */
export function unpadRows(flat: Float32Array, width: number): number[][] {
  const stride = padded(width);
  return Array.from({ length: flat.length / stride }, (_, i) => [
    ...flat.subarray(i * stride, i * stride + width),
  ]);
}

/** Uploads padded rows to a tensor. */
export function writeRows(gpu: Gpu, tensor: Tensor, rows: readonly ArrayLike<number>[]): void {
  gpu.write(tensor, padRows(rows));
}
