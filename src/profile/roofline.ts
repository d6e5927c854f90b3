import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { constantsOf } from '../gpu/shader.ts';
import { timePrograms } from './timing.ts';

/** Multiply-adds of one invocation. */
const STEPS = 8192;
/** How many sums a thread must have on the way to hide the latency of one differs from adapter to adapter. */
const SUMS = [16, 32, 64];
/** Threads that a slow adapter is busy with for some time, and those that fill a large one. */
const FEW_THREADS = 2 ** 11;
const MANY_THREADS = 2 ** 17;
/** From this on more threads would only take longer. */
const LONG_MS = 15;
/** Times that the rate is measured: whoever else computes only makes it lower. */
const ROUNDS = 3;

/** Multiply-adds without anything else, and how many floating-point operations they are. */
export interface RooflineWork {
  /** Running sums of a thread. */
  readonly sums: number;
  readonly program: Program;
  readonly flops: number;
}

/** The variants of the roofline on so many threads, none of which is the fastest everywhere. Makes two tensors. */
export function rooflineWork(gpu: Gpu, threads = MANY_THREADS): RooflineWork[] {
  // |x| < 1: the sums stay finite and far from the slow denormal numbers.
  const factors = gpu.tensorOf('roofline.factors', Float32Array.of(0.999, 0.5));
  const result = gpu.tensor('roofline.result', [threads]);
  return SUMS.map((sums) => {
    const kernel = gpu.kernel('profile/roofline.wgsl', { tunables: { SUMS: sums } });
    const rounds = STEPS / (sums * constantsOf(kernel.shader.code)['STEPS']!);
    const dispatch = kernel.bind({ factors, result }, { threads: [threads], params: { rounds } });
    return { sums, program: program('roofline', [dispatch]), flops: 2 * threads * STEPS };
  });
}

/**
 * GFLOP/s of pure multiply-adds in float32 on this adapter: what dense layers are held against. Takes about a second.
 * Nothing else may make tensors on `gpu` until it resolves: they would be destroyed with its own.
 */
export async function measureRoofline(gpu: Gpu): Promise<number> {
  const free = gpu.scope();
  try {
    for (let threads = FEW_THREADS; ; threads *= 4) {
      const work = rooflineWork(gpu, threads);
      const tried = work.map((one) => one.program);
      const { programs: first } = await timePrograms(gpu, tried);
      const longest = Math.max(...first.map(({ milliseconds }) => milliseconds));
      if (longest < LONG_MS && threads < MANY_THREADS) continue;
      const { programs } = await timePrograms(gpu, tried, ROUNDS);
      return Math.max(...work.map(({ flops }, i) => (flops * 1e-6) / programs[i]!.milliseconds));
    }
  } finally {
    free();
  }
}
