/** How long one submit should take, milliseconds: short enough for frames, long against what submitting costs. */
const SUBMIT_MS = 8;
const MOST_ITERATIONS = 2000;
/** How far one measurement may move the number of iterations. */
const MOST_CHANGE = 2;
/** With a limited rate, what may be caught up on at once besides the next iteration, in seconds of that rate. */
const CATCH_UP_SECONDS = 0.1;

/** How many iterations go into the next submit: about 8 ms of them, and no more than the visitor's pace allows. */
export class Pacer {
  #perSubmit = 1;
  #rate: number | null = null;
  #credit = 0;
  #creditAt = 0;

  /** At most so many iterations a second; null as many as there are. `now` in milliseconds, here and below. */
  setRate(iterationsPerSecond: number | null, now: number): void {
    this.#rate = iterationsPerSecond;
    // The first step comes at once: a visitor who asks for slow motion sees that it works.
    this.#credit = 1;
    this.#creditAt = now;
  }

  /** Whether the visitor asked for less than `rate` iterations a second. */
  isBelow(rate: number): boolean {
    return this.#rate !== null && this.#rate < rate;
  }

  /** Takes and returns the iterations to submit now; 0 if it is too early for one. */
  take(now: number): number {
    if (this.#rate === null) return this.#perSubmit;
    const earned = ((now - this.#creditAt) / 1000) * this.#rate;
    this.#credit = Math.min(this.#credit + earned, 1 + CATCH_UP_SECONDS * this.#rate);
    this.#creditAt = now;
    const allowed = Math.min(this.#perSubmit, Math.floor(this.#credit));
    this.#credit -= allowed;
    return allowed;
  }

  /** Milliseconds until `take` gives an iteration again. */
  wait(now: number): number {
    if (this.#rate === null) return 0;
    const credit = this.#credit + ((now - this.#creditAt) / 1000) * this.#rate;
    return credit >= 1 ? 0 : ((1 - credit) / this.#rate) * 1000;
  }

  /** Share of the time to the next iteration that has passed, from 0 to 1; 1 without a limited rate. */
  progress(now: number): number {
    if (this.#rate === null) return 1;
    return Math.min(1, Math.max(0, this.#credit + ((now - this.#creditAt) / 1000) * this.#rate));
  }

  /** Adapts to a submit of `iterations` that kept the device busy for `milliseconds`. */
  took(iterations: number, milliseconds: number): void {
    if (iterations === 0) return;
    const wanted = (iterations * SUBMIT_MS) / Math.max(milliseconds, 1e-3);
    const [least, most] = [this.#perSubmit / MOST_CHANGE, this.#perSubmit * MOST_CHANGE];
    const next = Math.min(Math.max(wanted, least), most);
    this.#perSubmit = Math.min(Math.max(1, Math.round(next)), MOST_ITERATIONS);
  }
}

/** When to do something again that must neither come too often nor take more than its share of the time. */
export class Duty {
  readonly #share: number;
  readonly #interval: number;
  readonly #longest: number;
  #next = -Infinity;

  /**
   * At most every `interval` milliseconds, and `share` of the time (0 to 1) in the long run; but a single slow time, such
   * as the first, puts it off by no more than `longest` milliseconds.
   */
  constructor(options: { readonly interval: number; readonly share: number; readonly longest?: number }) {
    this.#interval = options.interval;
    this.#share = options.share;
    this.#longest = Math.max(options.interval, options.longest ?? Infinity);
  }

  due(now: number): boolean {
    return now >= this.#next;
  }

  /** Milliseconds until it is due. */
  wait(now: number): number {
    return Math.max(0, this.#next - now);
  }

  /** Says that it was begun at `start` and kept the device busy for `milliseconds`. */
  took(start: number, milliseconds: number): void {
    this.#next = start + Math.min(Math.max(this.#interval, milliseconds / this.#share), this.#longest);
  }
}

/** Tells how long each piece of work kept the device busy, from when pieces were submitted and were done, in order. */
export class Stopwatch {
  #lastDone = -Infinity;

  /** Milliseconds of a piece that was submitted at `submitted` and done at `done`; what was before it does not count. */
  lap(submitted: number, done: number): number {
    const began = Math.max(submitted, this.#lastDone);
    this.#lastDone = Math.max(this.#lastDone, done);
    return Math.max(0, done - began);
  }
}
