import { Clock } from '../gpu/clock.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { encode, program, type Program } from '../gpu/program.ts';
import { timePrograms } from './timing.ts';

/** What running costs besides what the kernels do; microseconds. */
export interface Overhead {
  /** Of a dispatch that does next to nothing and depends on the one before, among others in a pass. */
  readonly dispatch: number;
  /** Of a submit with one such dispatch, from the call to the next, when many follow one another. */
  readonly submit: number;
  /** Of the host's thread for encoding one run of the program into a pass, and for finishing and submitting its share. */
  readonly encoding: number;
  readonly submitting: number;
  /** Runs in one submit that the last two were measured at. */
  readonly runsPerSubmit: number;
}

const SUBMITS = 200;
/** Times that the host's share is measured: the shortest counts, the first also warms up. */
const ROUNDS = 3;
const MICROSECONDS_PER_MS = 1000;

/**
 * Measures what a dispatch and a submit cost on this adapter, and what the host does for `work` in submits of
 * `runsPerSubmit` runs, which are run. Nothing else may make tensors on `gpu` until it resolves.
 */
export async function measureOverhead(gpu: Gpu, work: Program, runsPerSubmit: number): Promise<Overhead> {
  const free = gpu.scope();
  try {
    const tick = program('tick', [new Clock(gpu).tick({ iterations: 1 })]);
    const { programs } = await timePrograms(gpu, [tick], ROUNDS);
    return {
      dispatch: programs[0]!.milliseconds * MICROSECONDS_PER_MS,
      submit: await submitTime(gpu, tick),
      ...(await hostTime(gpu, work, runsPerSubmit)),
      runsPerSubmit,
    };
  } finally {
    free();
  }
}

async function submitTime(gpu: Gpu, tick: Program): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    await gpu.idle();
    const start = performance.now();
    for (let i = 0; i < SUBMITS; i++) gpu.submit([tick]);
    await gpu.idle();
    least = Math.min(least, performance.now() - start);
  }
  return (least * MICROSECONDS_PER_MS) / SUBMITS;
}

async function hostTime(
  gpu: Gpu,
  work: Program,
  runs: number,
): Promise<Pick<Overhead, 'encoding' | 'submitting'>> {
  await gpu.ready();
  let [encoding, submitting] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    await gpu.idle();
    const start = performance.now();
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < runs; i++) encode(work, pass);
    pass.end();
    const encoded = performance.now();
    gpu.device.queue.submit([encoder.finish()]);
    encoding = Math.min(encoding, encoded - start);
    submitting = Math.min(submitting, performance.now() - encoded);
  }
  await gpu.idle();
  const perRun = MICROSECONDS_PER_MS / runs;
  return { encoding: encoding * perRun, submitting: submitting * perRun };
}
