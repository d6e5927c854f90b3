import {
  measureRoofline,
  program,
  timePrograms,
  warmTrainer,
  type Config,
  type Dispatch,
  type Gpu,
  type Program,
} from '../../src/index.ts';
import type { ProgramTime, Report } from '../protocol.ts';

/**
 * What each part of an iteration costs, against the adapter's own peak. Times a second trainer of the same configuration,
 * since timing a program moves its state many times; its tensors are gone afterwards. Nothing else may make tensors on
 * `gpu` until it resolves.
 */
export async function profileRun(gpu: Gpu, config: Config): Promise<Extract<Report, { type: 'profile' }>> {
  const roofline = await measureRoofline(gpu);
  const free = gpu.scope();
  try {
    const trainer = await warmTrainer(gpu, config);
    const { programs, step } = await timePrograms(gpu, partsOf(trainer.iterations.both));
    return {
      type: 'profile',
      programs: programs.map(({ label, dispatches, milliseconds, flops }): ProgramTime => {
        const gflops = flops === null ? null : (flops * 1e-6) / milliseconds;
        return {
          program: label,
          dispatches,
          milliseconds,
          gflops,
          rooflineShare: gflops === null ? null : gflops / roofline,
        };
      }),
      timestampStep: step,
      roofline,
      message:
        step === null
          ? 'This browser gives no timestamps: times are those of the host, and include submitting.'
          : `The clock of this adapter counts in steps of ${readable(step)}; each part was repeated until a step was ` +
            `less than 2 % of its time.`,
    };
  } finally {
    free();
  }
}

/** The parts of an iteration, those of an update opened once more; equal ones of several updates are named once. */
export function partsOf(iteration: Program): Program[] {
  const parts = new Map<string, Program>();
  const add = (step: Program | Dispatch, prefix: string) => {
    const whole = 'steps' in step ? step : program(step.label, [step]);
    if (whole.dispatches.length === 0) return;
    const label = prefix + whole.label;
    if (!parts.has(label)) parts.set(label, program(label, [whole]));
  };
  for (const step of iteration.steps) {
    if (!('steps' in step) || !step.label.startsWith('update.')) {
      add(step, '');
      continue;
    }
    for (const part of step.steps) {
      if (!('steps' in part)) add(part, '');
      else for (const inner of part.steps) add(inner, `${part.label}: `);
    }
  }
  return [...parts.values()];
}

/** Nanoseconds as people read them. */
function readable(nanoseconds: number): string {
  return nanoseconds >= 1000 ? `${nanoseconds / 1000} µs` : `${nanoseconds} ns`;
}
