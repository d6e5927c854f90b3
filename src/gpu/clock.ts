import type { Gpu } from './gpu.ts';
import type { Dispatch } from './program.ts';
import { shaderSource, structOf } from './shader.ts';
import type { Tensor } from './tensor.ts';

/** The counters of a run; see `shaders/common/clock.wgsl` for what each counts. */
export interface ClockReading {
  readonly iteration: number;
  readonly updates: number;
  readonly policyUpdates: number;
  readonly replayCursor: number;
  readonly replaySize: number;
}

/** By how much a tick moves the clock. */
export interface Tick {
  readonly iterations?: number;
  readonly updates?: number;
  readonly policyUpdates?: number;
}

/**
 * The GPU-resident counters that all kernels read. They live on the GPU because nothing can be written between two
 * dispatches of a submit. A ring of `capacity` transitions gains `transitions` rows per iteration (1 and 0 without one).
 */
export class Clock {
  readonly tensor: Tensor;
  readonly #gpu: Gpu;
  readonly #ring: { readonly transitions: number; readonly capacity: number };

  constructor(gpu: Gpu, ring: { transitions: number; capacity: number } = { transitions: 0, capacity: 1 }) {
    this.#gpu = gpu;
    this.#ring = ring;
    const size = structOf(shaderSource('common/clock.wgsl'), 'Clock')!.size;
    this.tensor = gpu.tensor('clock', [size / 4], { type: 'u32', uniform: true });
  }

  /** The dispatch that advances the counters: the last of an iteration or an update. */
  tick({ iterations = 0, updates = 0, policyUpdates = 0 }: Tick): Dispatch {
    const params = { iterations, updates, policy_updates: policyUpdates, ...this.#ring };
    return this.#gpu
      .kernel('clock/tick.wgsl')
      .bind({ clock: this.tensor }, { threads: [1], params, label: 'tick' });
  }

  /** Sets the counters from the host, between submits. */
  write(reading: Partial<ClockReading>): void {
    const { iteration = 0, updates = 0, policyUpdates = 0, replayCursor = 0, replaySize = 0 } = reading;
    const words = [iteration, updates, policyUpdates, replayCursor, replaySize];
    this.#gpu.write(this.tensor, new Uint32Array(words));
  }

  /** The counters after all submitted work. */
  async read(): Promise<ClockReading> {
    const words = await this.#gpu.read(this.tensor);
    const [iteration = 0, updates = 0, policyUpdates = 0, replayCursor = 0, replaySize = 0] = words;
    return { iteration, updates, policyUpdates, replayCursor, replaySize };
  }
}
