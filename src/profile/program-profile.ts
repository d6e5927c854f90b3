import type { Gpu } from '../gpu/gpu.ts';
import { program as programOf, type Bound, type Dispatch, type Program } from '../gpu/program.ts';
import { bytesOf, timePrograms } from './timing.ts';

/** What a program, or a kernel of it, costs. */
export interface Cost {
  readonly milliseconds: number;
  readonly dispatches: number;
  /** Floating-point operations of the dense layers in it; null where there are none. */
  readonly flops: number | null;
  /** See `bytesOf`. */
  readonly bytes: number;
}

/** One step of a profiled program: a program in it, timed as a whole, or a dispatch, timed alone. */
export interface StepProfile extends Cost {
  readonly label: string;
  /** Steps that it stands in: 0 for the profiled program itself. */
  readonly depth: number;
  /** File of the kernel of a single dispatch, and its workgroups; absent for a program of several. */
  readonly kernel?: string;
  readonly workgroups?: readonly [number, number, number];
  /** What the program says of itself, such as that it takes the slower of two paths on this device. */
  readonly note?: string;
}

/** A program's steps in its own order, each before those in it. */
export interface ProgramProfile {
  readonly steps: readonly StepProfile[];
  /** Nanoseconds between two readings of the clock; null where times are the host's. */
  readonly step: number | null;
}

/** All dispatches of one kernel together, each timed alone. */
export interface KernelProfile extends Cost {
  /** File under `shaders/`. */
  readonly kernel: string;
}

/** How `profileProgram` measures. */
export interface ProfileOptions {
  /** Bytes that a bound tensor stands for, where it is not all of them; see `bytesOf`. */
  readonly moved?: (bound: Bound) => number;
  /** Times that everything is timed; the shortest counts. */
  readonly rounds?: number;
}

interface Node {
  readonly step: Program | Dispatch;
  readonly label: string;
  readonly depth: number;
  readonly note: string | undefined;
}

/**
 * Times `program` as a whole, every program in it, and every dispatch alone. Times of steps need not add up: dispatches
 * that do not depend on one another may run side by side in the whole, and never do alone, where each waits for its own
 * last run. The program runs thousands of times out of order, so that the state it moves is worth nothing afterwards.
 */
export async function profileProgram(
  gpu: Gpu,
  program: Program,
  { moved, rounds = 1 }: ProfileOptions = {},
): Promise<ProgramProfile> {
  const nodes = nodesOf(program);
  // Updates of one iteration are the same program again: timed once.
  const distinct = [...new Set(nodes.map(({ step }) => step))];
  const programs = distinct.map((step) => asProgram(step));
  const timings = await timePrograms(gpu, programs, rounds);
  const times = new Map(distinct.map((step, i) => [step, timings.programs[i]!]));
  const steps = nodes.map(({ step, label, depth, note }): StepProfile => {
    const { milliseconds, dispatches, flops } = times.get(step)!;
    const bytes = bytesOf(asProgram(step), moved);
    const single = 'steps' in step ? {} : { kernel: kernelOf(step), workgroups: step.workgroups };
    return {
      label,
      depth,
      milliseconds,
      dispatches,
      flops,
      bytes,
      ...single,
      ...(note !== undefined && { note }),
    };
  });
  return { steps, step: timings.step };
}

/** What an adapter can do at most, measured. */
export interface Peak {
  /** GFLOP/s of multiply-adds alone; see `measureRoofline`. */
  readonly gflops: number;
  /** GB/s of copying, in the faster of two ways; see `measureCopyBandwidth`. */
  readonly gigabytesPerSecond: number;
}

/** A cost as rates, and those as shares of what the adapter can do; null for operations where none are counted. */
export interface Rates {
  readonly gflops: number | null;
  readonly rooflineShare: number | null;
  readonly gigabytesPerSecond: number;
  readonly bandwidthShare: number;
}

/** How fast something was. */
export function ratesOf({ milliseconds, flops, bytes }: Cost, peak: Peak): Rates {
  const gflops = flops === null ? null : (flops * 1e-6) / milliseconds;
  const gigabytesPerSecond = (bytes * 1e-6) / milliseconds;
  return {
    gflops,
    rooflineShare: gflops === null ? null : gflops / peak.gflops,
    gigabytesPerSecond,
    bandwidthShare: gigabytesPerSecond / peak.gigabytesPerSecond,
  };
}

/** The dispatches of a profile by their kernel, the one that takes longest first. */
export function byKernel(steps: readonly StepProfile[]): KernelProfile[] {
  const kernels = new Map<string, KernelProfile>();
  for (const { kernel, milliseconds, dispatches, flops, bytes } of steps) {
    if (kernel === undefined) continue;
    const sum = kernels.get(kernel) ?? { milliseconds: 0, dispatches: 0, flops: null, bytes: 0 };
    kernels.set(kernel, {
      kernel,
      milliseconds: sum.milliseconds + milliseconds,
      dispatches: sum.dispatches + dispatches,
      flops: flops === null ? sum.flops : flops + (sum.flops ?? 0),
      bytes: sum.bytes + bytes,
    });
  }
  return [...kernels.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}

/** The tree of `step`, a program of nothing left out, and one of a single dispatch as that dispatch under its own name. */
function nodesOf(step: Program | Dispatch, depth = 0): Node[] {
  if (!('steps' in step)) return [{ step, label: step.label, depth, note: undefined }];
  const { label, note, steps, dispatches } = step;
  if (dispatches.length === 0) return [];
  const [only] = steps;
  if (steps.length === 1 && !('steps' in only!)) return [{ step: only!, label, depth, note }];
  return [{ step, label, depth, note }, ...steps.flatMap((inner) => nodesOf(inner, depth + 1))];
}

function asProgram(step: Program | Dispatch): Program {
  return 'steps' in step ? step : programOf(step.label, [step]);
}

function kernelOf({ kernel, label }: Dispatch): string {
  return kernel.shader?.name ?? label;
}
