import type { Clock } from '../gpu/clock.ts';
import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';

/** A minibatch of B transitions, one tensor a field; `stateAction` is the critic's input, zero-padded. */
export interface Batch {
  readonly size: number;
  /** (R, B, padded(S + A)) */
  readonly stateAction: Tensor;
  /** (R, B, S) */
  readonly observation: Tensor;
  /** (R, B, S) */
  readonly nextObservation: Tensor;
  /** (R, B), before scaling */
  readonly reward: Tensor;
  /** (R, B), 1 where the episode ended by the task's own rule; a time limit leaves it 0 */
  readonly terminated: Tensor;
}

/** Floats of one transition record [s, a, r, s', terminated, truncated]. */
export function recordSize(observationSize: number, actionSize: number): number {
  return 2 * observationSize + actionSize + 3;
}

/**
 * A ring of transitions on the GPU, one per member, written by the environment step and sampled uniformly.
 * Its cursor and size are in the clock.
 */
export class ReplayBuffer {
  readonly ring: Tensor;
  /** Transitions per member. */
  readonly capacity: number;
  readonly observationSize: number;
  readonly actionSize: number;
  readonly #gpu: Gpu;
  readonly #members: number;

  /** @throws UsageError naming the largest capacity when the ring does not fit one binding of this adapter. */
  constructor(
    gpu: Gpu,
    options: {
      members: number;
      capacity: number;
      observationSize: number;
      actionSize: number;
      label?: string;
    },
  ) {
    const { members, capacity, observationSize, actionSize, label = 'replay' } = options;
    this.#gpu = gpu;
    this.#members = members;
    this.capacity = capacity;
    this.observationSize = observationSize;
    this.actionSize = actionSize;
    const record = recordSize(observationSize, actionSize);
    const limit = gpu.mostTensorBytes;
    const largest = Math.floor(limit / (4 * record * members));
    if (capacity > largest) {
      throw new UsageError(
        `A replay buffer of ${capacity.toLocaleString('en')} transitions needs more than one storage binding of this ` +
          `adapter holds (maxStorageBufferBindingSize ${limit}): use --replay-capacity ${largest} or less.`,
      );
    }
    this.ring = gpu.tensor(`${label}.ring`, [members, capacity, record]);
  }

  /** Where an environment's steps are recorded. */
  get sink() {
    return { module: { file: 'replay/sink.wgsl' }, ring: this.ring, capacity: this.capacity };
  }

  /** Tensors for minibatches of `size` transitions. */
  batch(size: number): Batch {
    const { observationSize: s, actionSize: a } = this;
    const tensor = (label: string, ...shape: number[]) =>
      this.#gpu.tensor(`batch.${label}`, [this.#members, size, ...shape]);
    return {
      size,
      stateAction: tensor('stateAction', padded(s + a)),
      observation: tensor('observation', s),
      nextObservation: tensor('nextObservation', s),
      reward: tensor('reward'),
      terminated: tensor('terminated'),
    };
  }

  /** Fills `batch` with transitions drawn uniformly with replacement (Algorithm 1, lines 13-14). */
  sample(batch: Batch, seeds: Tensor, clock: Clock): Program {
    const { observationSize, actionSize } = this;
    return program('sample', [
      this.#gpu.kernel('replay/sample.wgsl').bind(
        {
          clock: clock.tensor,
          seeds,
          ring: this.ring,
          state_action: batch.stateAction,
          observation: batch.observation,
          next_observation: batch.nextObservation,
          reward: batch.reward,
          terminated: batch.terminated,
        },
        {
          threads: [batch.size, this.#members],
          params: {
            rows: batch.size,
            capacity: this.capacity,
            observation_size: observationSize,
            action_size: actionSize,
            stride: padded(observationSize + actionSize),
          },
        },
      ),
    ]);
  }

  /** Forgets every transition, between submits. The next update samples what has been collected since. */
  async forget(clock: Clock): Promise<void> {
    clock.write({ ...(await clock.read()), replayCursor: 0, replaySize: 0 });
  }
}
