import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { bytesOf, timePrograms } from './timing.ts';

/** Larger than the caches of most adapters, and no larger than the smallest storage binding that one may have. */
const BYTES = 2 ** 27;
const BYTES_PER_VECTOR = 16;
/** Times that the copy is timed: whoever else uses the memory only makes it slower. */
const ROUNDS = 3;

/** A program that copies a buffer of `bytes` bytes, a multiple of 16, and so moves twice as many. Makes two tensors. */
export function copyWork(gpu: Gpu, bytes = BYTES): Program {
  const vectors = bytes / BYTES_PER_VECTOR;
  const [source, result] = ['source', 'result'].map((name) => gpu.tensor(`copy.${name}`, [vectors, 4]));
  const copy = gpu
    .kernel('profile/copy.wgsl')
    .bind({ source: source!, result: result! }, { threads: [vectors], params: { vectors } });
  return program('copy', [copy]);
}

/**
 * GB/s at which a kernel that does nothing else copies a buffer larger than most caches, reads and writes together: what
 * kernels that compute little are held against. A kernel whose tensors fit a cache can be faster.
 * Nothing else may make tensors on `gpu` until it resolves: they would be destroyed with its own.
 */
export async function measureCopyBandwidth(gpu: Gpu): Promise<number> {
  const free = gpu.scope();
  try {
    const work = copyWork(gpu);
    const { programs } = await timePrograms(gpu, [work], ROUNDS);
    return (bytesOf(work) * 1e-6) / programs[0]!.milliseconds;
  } finally {
    free();
  }
}
