import type { Gpu } from '../gpu/gpu.ts';
import { program } from '../gpu/program.ts';
import { bytesOf, HOST_SAMPLE_MS, perRun, timePrograms } from './timing.ts';

/** Two of these are larger than the caches of most adapters, and one fits the smallest storage binding that there is. */
const BYTES = 2 ** 26;
const BYTES_PER_VECTOR = 16;
/** Times that a copy is timed: whoever else uses the memory only makes it slower. */
const ROUNDS = 3;

/** GB/s of copying, reads and writes together. */
export interface CopyBandwidth {
  /** By a kernel. Software adapters spend more time on its loads and stores one by one than on the memory. */
  readonly kernel: number;
  /** By the device's own command, timed by the host's clock. */
  readonly command: number;
}

/**
 * How fast a buffer of `bytes` bytes, a multiple of 16 and by default larger than most caches, is copied to another: what
 * kernels that compute little are held against. A kernel whose tensors fit a cache can be faster.
 * Nothing else may make tensors on `gpu` until it resolves: they would be destroyed with its own.
 */
export async function measureCopyBandwidth(gpu: Gpu, bytes = BYTES): Promise<CopyBandwidth> {
  const free = gpu.scope();
  try {
    const vectors = bytes / BYTES_PER_VECTOR;
    const source = gpu.tensor('copy.source', [vectors, 4]);
    const result = gpu.tensor('copy.result', [vectors, 4]);
    const kernel = gpu
      .kernel('profile/copy.wgsl')
      .bind({ source, result }, { threads: [vectors], params: { vectors } });
    const work = program('copy', [kernel]);
    const { programs } = await timePrograms(gpu, [work], ROUNDS);
    const byCommand = async (repeats: number) => {
      await gpu.idle();
      const start = performance.now();
      const encoder = gpu.device.createCommandEncoder();
      for (let i = 0; i < repeats; i++) encoder.copyBufferToBuffer(source.buffer, 0, result.buffer, 0, bytes);
      gpu.device.queue.submit([encoder.finish()]);
      await gpu.idle();
      return performance.now() - start;
    };
    let least = Infinity;
    for (let round = 0; round < ROUNDS; round++) {
      least = Math.min(least, await perRun(byCommand, HOST_SAMPLE_MS));
    }
    const moved = bytesOf(work) * 1e-6;
    return { kernel: moved / programs[0]!.milliseconds, command: moved / least };
  } finally {
    free();
  }
}
