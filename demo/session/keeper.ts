import type { NamedArray, Snapshot } from '../../src/index.ts';

/** Replay that is kept in memory too, bytes; more is left out and collected anew after a recovery. */
const MOST_REPLAY_BYTES = 64 * 2 ** 20;
/** Losses that come this soon after one another are not recovered from, milliseconds. */
const LOSS_WINDOW_MS = 30_000;

/** The last good state of the run in this tab's memory, and whether a lost device is worth another one. */
export class Keeper {
  #kept: Snapshot | null = null;
  #lastLoss = -Infinity;

  /** The newest state kept, or null. */
  get snapshot(): Snapshot | null {
    return this.#kept;
  }

  keep(snapshot: Snapshot): void {
    const bytes = snapshot.replay.reduce((sum, { data }: NamedArray) => sum + data.byteLength, 0);
    this.#kept =
      bytes <= MOST_REPLAY_BYTES
        ? snapshot
        : { ...snapshot, replay: [], clock: { ...snapshot.clock, replayCursor: 0, replaySize: 0 } };
  }

  /** Forgets the state: a new run has begun. */
  clear(): void {
    this.#kept = null;
  }

  /** Notes that the device was lost at `now` (milliseconds) and says whether to recover: not twice within 30 seconds. */
  lost(now: number): boolean {
    const recover = now - this.#lastLoss > LOSS_WINDOW_MS;
    this.#lastLoss = now;
    return recover;
  }
}
