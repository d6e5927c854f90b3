import type { StepProfile } from './program-profile.ts';

/** An event of the Trace Event Format: a span of time (`X`), or the name of a row (`M`). Times in microseconds. */
export interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'M';
  readonly pid: number;
  /** Row: the depth in the tree. */
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly args: Readonly<Record<string, unknown>>;
}

/** What chrome://tracing and ui.perfetto.dev open. */
export interface Trace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: 'ms';
  readonly otherData: Readonly<Record<string, string>>;
}

const PROCESS = 1;
const MICROSECONDS_PER_MS = 1000;

/**
 * One run of a profiled program as a trace: its dispatches behind one another, each as long as it takes alone, and in the
 * rows above them the programs that they belong to. `args` hold what was measured; `alone` there is a program's own time,
 * in microseconds, which may differ from the sum of its dispatches that its span shows. `about` says what was profiled.
 */
export function traceOf(steps: readonly StepProfile[], about: Readonly<Record<string, string>>): Trace {
  const spans: TraceEvent[] = [];
  let now = 0;
  /** Spans the step at `index` and what is in it, and returns the index behind. */
  const span = (index: number): number => {
    const {
      label: name,
      depth,
      milliseconds,
      flops,
      bytes,
      dispatches,
      kernel,
      workgroups,
      note,
    } = steps[index]!;
    const ts = now;
    const place = spans.push({ name, ph: 'X', pid: PROCESS, tid: depth, ts, args: {} }) - 1;
    let next = index + 1;
    if (kernel !== undefined) now += milliseconds * MICROSECONDS_PER_MS;
    else while (next < steps.length && steps[next]!.depth > depth) next = span(next);
    const args = {
      alone: milliseconds * MICROSECONDS_PER_MS,
      dispatches,
      bytes,
      ...(flops !== null && { flops }),
      ...(kernel !== undefined && { kernel, workgroups: workgroups!.join(' x ') }),
      ...(note !== undefined && { note }),
    };
    spans[place] = { ...spans[place]!, dur: now - ts, args };
    return next;
  };
  for (let next = 0; next < steps.length;) next = span(next);
  const rows = [...new Set(steps.map(({ depth }) => depth))].sort((a, b) => a - b);
  const names = rows.map((depth): TraceEvent => {
    const name = depth === 0 ? 'whole' : `level ${depth}`;
    return { name: 'thread_name', ph: 'M', pid: PROCESS, tid: depth, ts: 0, args: { name } };
  });
  return { traceEvents: [...names, ...spans], displayTimeUnit: 'ms', otherData: about };
}
