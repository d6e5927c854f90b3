import {
  criticError,
  MultigoalOptimum,
  multigoalWith,
  referencePairs,
  UsageError,
  type CriticError,
  type Evaluator,
  type Gpu,
} from '../../src/index.ts';
import type { Point, Report } from '../protocol.ts';
import { LATTICE } from './energy-view.ts';

/** Distance between points of the solver's grid: values are right to about 0.03 reward units, in a second or so. */
const SPACING = 0.05;
/** A goal that is dragged is solved for when it has rested for so long, milliseconds. */
const DEBOUNCE_MS = 1000;
/** State-action pairs of pi* behind the critic's error. */
const PAIRS = 600;
/** alpha that is tuned is followed in steps of this share. */
const NEWS = 0.05;

/** The task that is to be solved; alpha in raw reward units. */
export interface ExactTask {
  readonly environment: string;
  readonly goals: readonly Point[];
  readonly temperature: number;
  readonly discount: number;
}

interface Solved {
  readonly task: ExactTask;
  readonly optimum: MultigoalOptimum;
  /** Rows [s, a] of pi*, and Q* there. */
  readonly rows: readonly (readonly number[])[];
  readonly values: readonly number[];
}

/** The exact optimum of the task as it is, solved again when goals or temperature have changed. */
export class Exact {
  readonly #report: (report: Extract<Report, { type: 'exact' }>) => void;
  #on = false;
  #solved: Solved | null = null;
  /** The solution under way, and how to stop it. One that was stopped is there until its last submit has run. */
  #solving: { readonly task: ExactTask; readonly stop: AbortController } | null = null;
  #asked: ExactTask | null = null;
  #askedAt = 0;
  /** Counts solutions, so that a picture can tell whether it shows the newest. */
  #version = 0;

  constructor(report: (report: Extract<Report, { type: 'exact' }>) => void) {
    this.#report = report;
  }

  /**
   * Whether a solution is under way. Unless it is stopped first, no scope of the device may end that began before it: the
   * solver's tensors would go with it.
   */
  get solving(): boolean {
    return this.#solving !== null && !this.#solving.stop.signal.aborted;
  }

  /** Whether there is an answer to the task as it was last asked for, and which one. */
  get version(): number {
    return this.#on && this.#solved && this.#asked && same(this.#solved.task, this.#asked)
      ? this.#version
      : 0;
  }

  /** Asked for again, it solves and reports again, also after a failure. */
  turn(on: boolean): void {
    if (!on && !this.#on) return;
    this.stop();
    this.#on = on;
    this.#asked = null;
    this.#solved = null;
    if (!on) this.#report({ type: 'exact', state: 'off', message: '' });
  }

  /** Stops a solution under way at once: it submits nothing more. Its question is asked again by the next that follows. */
  stop(): void {
    if (!this.solving) return;
    this.#solving!.stop.abort();
    this.#asked = null;
  }

  /** Forgets which question was asked last, so that it is asked again: its answer was lost with the device. */
  retry(): void {
    this.#asked = null;
  }

  /**
   * Solves `task` unless that is done, under way, or the task changed less than a second ago; what is being solved for
   * another task is stopped. `now` in milliseconds.
   */
  follow(gpu: Gpu, task: ExactTask, now: number): void {
    if (!this.#on) return;
    if (!this.#asked || !same(this.#asked, task)) {
      // The first question is answered at once.
      this.#askedAt = this.#asked ? now : -Infinity;
      this.#asked = task;
    }
    if (this.#solving && !same(this.#solving.task, task)) this.#solving.stop.abort();
    const known = this.#solved !== null && same(this.#solved.task, task);
    if (known || this.#solving || now - this.#askedAt < DEBOUNCE_MS) return;
    this.#askedAt = Infinity;
    this.#report({ type: 'exact', state: 'solving', message: 'Solving the task exactly.' });
    const stop = new AbortController();
    this.#solving = { task, stop };
    void this.#solve(gpu, task, stop.signal).finally(() => {
      this.#solving = null;
    });
  }

  async #solve(gpu: Gpu, task: ExactTask, signal: AbortSignal): Promise<void> {
    try {
      if (task.environment !== 'multigoal') {
        throw new UsageError(`The exact optimum is known of multigoal alone, not of ${task.environment}.`);
      }
      const started = performance.now();
      const { temperature, discount } = task;
      const params = multigoalWith(task.goals).defaultParams;
      const problem = { temperature, discount, spacing: SPACING, params };
      const optimum = await MultigoalOptimum.solve(gpu, problem, { signal });
      const { states, actions } = referencePairs(optimum, optimum.model(0), { count: PAIRS });
      const rows = states.map((state, i) => [...state, ...actions[i]!]);
      const values = states.map((state, i) => optimum.qAt(state, actions[i]!));
      this.#solved = { task, optimum, rows, values };
      this.#version++;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const message = `Solved in ${optimum.sweeps} sweeps of soft value iteration, ${seconds} s.`;
      this.#report({ type: 'exact', state: 'ready', message });
    } catch (error) {
      if (signal.aborted) return;
      this.#solved = null;
      // A lost device is reported by whoever uses it next.
      this.#report({ type: 'exact', state: 'failed', message: (error as Error).message });
    }
  }

  /** log pi*(a|state) in nats at every place of the energy view's lattice, row by row. */
  logDensityAt(state: Point): Float32Array<ArrayBuffer> {
    const { optimum } = this.#solved!;
    return Float32Array.from(LATTICE, (action) => optimum.logDensityAt(state, action));
  }

  /** How far the critic lies from Q*, in nats, at states and actions of pi*. */
  async distance(evaluator: Evaluator, rewardScale: number): Promise<CriticError> {
    const { rows, values, task } = this.#solved!;
    return criticError(await evaluator.valuesAt(rows, rewardScale), values, task.temperature);
  }
}

function same(a: ExactTask, b: ExactTask): boolean {
  return (
    a.environment === b.environment &&
    a.discount === b.discount &&
    Math.abs(a.temperature - b.temperature) <= NEWS * Math.min(a.temperature, b.temperature) &&
    JSON.stringify(a.goals) === JSON.stringify(b.goals)
  );
}
