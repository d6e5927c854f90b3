import type { Algorithm, Metric } from '../algorithms/algorithm.ts';
import { randomEnvironmentsOf } from '../rl/behaviour-policy.ts';
import { createAlgorithm } from './algorithms.ts';
import { environmentOf, type Environment } from '../envs/environment.ts';
import { VectorEnv } from '../envs/vector-env.ts';
import { Clock } from '../gpu/clock.ts';
import { UsageError } from '../gpu/errors.ts';
import type { Fault } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';
import { view, type Tensor } from '../gpu/tensor.ts';
import type { NamedArray } from '../nn/parameters.ts';
import { ReplayBuffer } from '../rl/replay-buffer.ts';
import type { Snapshot } from './checkpoint.ts';
import type { Config } from './config.ts';
import { iterationsPerSubmit, requireRoom } from './limits.ts';
import { Metrics, type MetricRow } from './metrics.ts';

/** Updates between two rows of metrics. */
export const METRICS_INTERVAL = 25;
const SUBMITS_IN_FLIGHT = 2;
const MILLISECONDS_PER_READ_OUT = 250;

/** Names of arrays in a checkpoint. */
const ENV_PARAMS = 'env.params';
const REPLAY_RING = 'replay.ring';

const EPISODE = constantsOf(shaderSource('vector_env/step.wgsl'));

/** A quantity of the learner became NaN or infinite. The last checkpoint is still good. */
export class DivergenceError extends Error {
  override readonly name = 'DivergenceError';
}

/** How far a run is. */
export interface Progress {
  readonly updates: number;
  readonly iterations: number;
  /** Rows of metrics that this read-out brought. */
  readonly rows: readonly MetricRow[];
}

/** What happens beside training. */
export interface RunOptions {
  /** Stop when this many updates are done in all; the config's number by default. */
  readonly until?: number;
  /** Called after each read-out, about four times a second. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the run after the submit under way. */
  readonly signal?: AbortSignal;
}

/**
 * One run: the learner, its environments, its replay and its clock, and the loop that keeps the GPU busy. TypeScript
 * decides which recipe an iteration is and encodes it; everything an iteration reads or writes is on the GPU.
 */
export class Trainer {
  readonly gpu: Gpu;
  readonly config: Config;
  readonly environment: Environment;
  readonly algorithm: Algorithm;
  readonly env: VectorEnv;
  readonly replay: ReplayBuffer;
  readonly clock: Clock;
  /** What each kind of iteration does; see `#iterationOf`. */
  readonly iterations: Readonly<Record<'warmup' | 'critic' | 'both', Program>>;
  readonly #steps: Readonly<Record<'environment' | 'critic' | 'policy', Program>>;
  readonly #metrics: Metrics;
  readonly #warmupIterations: number;
  readonly #iterationsPerSubmit: number;
  #iteration = 0;
  #updates = 0;
  #isReplayEmpty = true;

  private constructor(gpu: Gpu, config: Config) {
    this.gpu = gpu;
    this.config = config;
    this.environment = environmentOf(config.environment);
    const { observationSize, actionSize } = this.environment.spec;
    const { environments, replayCapacity } = config;
    const members = 1;
    requireRoom(gpu, config);
    const seeds = gpu.tensorOf('seeds', Uint32Array.of(config.seed));
    this.replay = new ReplayBuffer(gpu, { members, capacity: replayCapacity, observationSize, actionSize });
    this.clock = new Clock(gpu, { transitions: environments, capacity: replayCapacity });
    this.env = new VectorEnv(gpu, this.environment, { environments, members, seeds, clock: this.clock });
    this.algorithm = createAlgorithm(
      gpu,
      {
        observationSize,
        actionSize,
        environments,
        members,
        seeds,
        clock: this.clock,
        replay: this.replay,
        observation: this.env.observation,
        episodeLength: this.env.episodeLength,
        episodeStride: this.env.episode.size / members,
      },
      config,
    );
    this.#metrics = new Metrics(gpu, [...this.algorithm.metrics, ...this.#episodeMetrics()], {
      clock: this.clock,
      faults: this.algorithm.faults,
      members,
      interval: METRICS_INTERVAL,
    });
    this.#warmupIterations = Math.ceil(config.warmupTransitions / environments);
    this.#iterationsPerSubmit = iterationsPerSubmit(config);
    const { behaviour } = this.algorithm;
    this.iterations = {
      warmup: program('warmup', [behaviour.random, this.#envStep(), this.clock.tick({ iterations: 1 })]),
      critic: this.#iterationOf('critic', behaviour.random),
      both: this.#iterationOf('both', behaviour.policy),
    };
    const { update } = this.algorithm;
    this.#steps = {
      environment: program('step', [behaviour.policy, this.#envStep(), this.clock.tick({ iterations: 1 })]),
      critic: program('critic', [update.critic, this.clock.tick({ updates: 1 })]),
      policy: program('policy', [update.policy, this.clock.tick({ updates: 1, policyUpdates: 1 })]),
    };
  }

  /**
   * Builds and compiles everything and draws the initial parameters and states from the seed.
   * @throws UsageError when the configuration does not fit the adapter.
   */
  static async create(gpu: Gpu, config: Config): Promise<Trainer> {
    const trainer = new Trainer(gpu, config);
    await trainer.algorithm.initialise([config.seed]);
    await gpu.run(trainer.env.reset());
    await gpu.idle();
    return trainer;
  }

  /** Updates encoded so far. */
  get updates(): number {
    return this.#updates;
  }

  /** Steps of each environment encoded so far. */
  get iteration(): number {
    return this.#iteration;
  }

  /** One iteration: act, step, then `updatesPerStep` updates, each ending with a tick of the clock. */
  #iterationOf(phase: 'critic' | 'both', act: Program): Program {
    const { updatesPerStep } = this.config;
    const policyUpdates = phase === 'both' ? 1 : 0;
    const update = this.algorithm.update[phase];
    const tick = (iterations: number) => this.clock.tick({ updates: 1, policyUpdates, iterations });
    const more = updatesPerStep > 1 ? [update, tick(0)] : [];
    const updates = Array.from({ length: updatesPerStep - 1 }, () => more).flat();
    return program(phase, [act, this.#envStep(), ...updates, update, tick(1)]);
  }

  #envStep(): Program {
    return this.env.step(this.algorithm.behaviour.action, this.replay.sink);
  }

  /**
   * Encodes `iterations` iterations in one submit, or fewer if `until` updates are done before, and does not wait: for
   * callers with a pace of their own. How iterations are grouped changes no number.
   */
  advance(iterations: number, until = Infinity): void {
    const programs: Program[] = [];
    for (let i = 0; i < iterations && this.#updates < until; i++) {
      this.#iteration++;
      this.#isReplayEmpty = false;
      if (this.#iteration <= this.#warmupIterations) {
        programs.push(this.iterations.warmup);
        continue;
      }
      const before = this.#updates;
      this.#updates += this.config.updatesPerStep;
      programs.push(before < this.config.criticFirstUpdates ? this.iterations.critic : this.iterations.both);
      const rows = (updates: number) => Math.floor(updates / METRICS_INTERVAL);
      if (rows(this.#updates) > rows(before)) programs.push(this.#metrics.record);
    }
    this.gpu.submit(programs);
  }

  /**
   * Encodes one step alone and does not wait: the environments (Algorithm 1, lines 7 to 12), an update of the critic
   * (lines 16 to 19) or one of the policy (lines 21 to 25). A policy update counts as an update too, so that the next one
   * has its own minibatch.
   * @throws UsageError for an update before there is any transition.
   */
  step(what: 'environment' | 'critic' | 'policy'): void {
    if (what === 'environment') {
      this.#iteration++;
      this.#isReplayEmpty = false;
      const random =
        this.#iteration <= this.#warmupIterations || this.#updates < this.config.criticFirstUpdates;
      this.gpu.submit([random ? this.iterations.warmup : this.#steps.environment]);
      return;
    }
    if (this.#isReplayEmpty) {
      throw new UsageError('There are no transitions to learn from yet: step the environments first.');
    }
    this.#updates++;
    this.gpu.submit([this.#steps[what], this.#metrics.record]);
  }

  /** Forgets every transition, between submits: the next iteration begins to collect again. */
  async forget(): Promise<void> {
    await this.replay.forget(this.clock);
    this.#isReplayEmpty = true;
  }

  /**
   * Trains until `until` updates are done. Two submits are kept in flight; metrics come back late and on the side.
   * @throws DivergenceError naming the quantity and the update when a loss or weight stopped being finite.
   */
  async run({ until = this.config.updates, onProgress, signal }: RunOptions = {}): Promise<void> {
    await this.gpu.ready();
    const inFlight: Promise<void>[] = [];
    let readOut: Promise<void> = Promise.resolve();
    let reading = false;
    let failure: Error | undefined;
    let lastReadOut = performance.now();
    while (this.#updates < until && !signal?.aborted && !failure) {
      this.advance(this.#iterationsPerSubmit, until);
      const done = this.gpu.idle();
      // The first to fail is thrown below; the others must not become unhandled rejections.
      done.catch(() => undefined);
      inFlight.push(done);
      if (inFlight.length >= SUBMITS_IN_FLIGHT) await inFlight.shift();
      if (!reading && performance.now() - lastReadOut > MILLISECONDS_PER_READ_OUT) {
        lastReadOut = performance.now();
        reading = true;
        readOut = this.readOut()
          .then(onProgress)
          .catch((error: unknown) => {
            failure = error as Error;
          })
          .finally(() => {
            reading = false;
          });
      }
    }
    await Promise.all([...inFlight, readOut]);
    if (failure) throw failure;
    // Read out even if nobody listens: it is what notices a divergence.
    const last = await this.readOut();
    onProgress?.(last);
  }

  /**
   * Everything that survives an iteration, after all submitted work.
   * @throws DivergenceError if a loss or weight is not finite: such a state is not worth keeping.
   */
  async snapshot(): Promise<Snapshot> {
    const fault = await this.#metrics.fault();
    if (fault) throw await this.#divergence(fault);
    const { gpu, replay, config } = this;
    const clock = await this.clock.read();
    const filled = view(replay.ring, 'replay.filled', 0, [clock.replaySize, replay.ring.shape.at(-1)!]);
    const named = async ([name, tensor]: readonly [string, Tensor]): Promise<NamedArray> => ({
      name,
      shape: tensor.shape,
      data: await gpu.read(tensor),
    });
    return {
      config,
      clock,
      learner: await this.algorithm.state(),
      environment: await Promise.all(this.#environmentTensors().map(named)),
      replay: await Promise.all(clock.replaySize > 0 ? [named([REPLAY_RING, filled])] : []),
    };
  }

  /** What a checkpoint keeps of the environments, by its names there. */
  #environmentTensors(): (readonly [string, Tensor])[] {
    const { env } = this;
    const noise = this.algorithm.behaviour.noise;
    return [
      ['env.state', env.state],
      ['env.observation', env.observation],
      ['env.episode', env.episode],
      ...(env.params ? [[ENV_PARAMS, env.params] as const] : []),
      ...(noise ? [['exploration-noise', noise] as const] : []),
    ];
  }

  /**
   * How far the run is, with the rows of metrics since the last call, after all submitted work.
   * @throws DivergenceError naming the quantity and the update when a loss or weight stopped being finite.
   */
  async readOut(): Promise<Progress> {
    const updates = this.#updates;
    const iterations = this.#iteration;
    const [rows, fault] = await Promise.all([this.#metrics.read(), this.#metrics.fault()]);
    if (fault) throw await this.#divergence(fault);
    return { updates, iterations, rows };
  }

  /**
   * Goes on where `snapshot` was taken; this trainer must not have done anything yet. With the configuration of the
   * snapshot everything is put back, and the run continues as if it had not been interrupted, to the bit. Of another
   * number of environments, or another capacity, what does not fit starts afresh and is named in the answer.
   * @throws UsageError when the networks are not of the same shapes; nothing is changed then.
   */
  restore({ learner, environment, replay, clock }: Snapshot): readonly ('environments' | 'replay')[] {
    const { gpu } = this;
    const { ring, capacity } = this.replay;
    try {
      this.algorithm.restore(new Map(learner.map(({ name, data }) => [name, data])));
    } catch (error) {
      throw new UsageError(`These networks do not fit this configuration: ${(error as Error).message}.`);
    }
    const arrays = new Map([...environment, ...replay].map(({ name, data }) => [name, data]));
    const fits = ([name, { size }]: readonly [string, Tensor]) => arrays.get(name)?.length === size;
    const tensors = this.#environmentTensors();
    const sameEnvironments = tensors.every(fits);
    // The world itself does not depend on how many environments there are.
    for (const [name, tensor] of tensors.filter(
      (one) => sameEnvironments || (one[0] === ENV_PARAMS && fits(one)),
    )) {
      gpu.write(tensor, arrays.get(name)!);
    }
    const records = arrays.get(REPLAY_RING);
    const { replaySize, replayCursor } = clock;
    const sameReplay =
      (records?.length ?? 0) === replaySize * ring.shape.at(-1)! &&
      replaySize <= capacity &&
      // The next record goes behind the last or, in a full ring, over the oldest.
      (replaySize === capacity || replayCursor === replaySize);
    if (sameReplay && records) gpu.write(ring, records);
    this.clock.write(sameReplay ? clock : { ...clock, replayCursor: 0, replaySize: 0 });
    this.#updates = clock.updates;
    this.#iteration = clock.iteration;
    this.#isReplayEmpty = !sameReplay || replaySize === 0;
    return [
      ...(sameEnvironments ? [] : ['environments' as const]),
      ...(sameReplay ? [] : ['replay' as const]),
    ];
  }

  /** The error for a number that is not finite, with the name of the first tensor that holds one. */
  async #divergence({ name: quantity, update }: Fault): Promise<DivergenceError> {
    const arrays = await this.algorithm.state();
    const broken = arrays.find(({ data }) => data.some((number) => !Number.isFinite(number)));
    const iteration = this.#warmupIterations + Math.floor(update / this.config.updatesPerStep) + 1;
    const where = broken ? `; tensor '${broken.name}' now holds such numbers` : '';
    return new DivergenceError(
      `Training diverged: the ${quantity} became NaN or infinite in update ${update + 1} (iteration ${iteration})${where}. ` +
        `Lower --critic-learning-rate or --policy-learning-rate, or check the scale of the rewards.`,
    );
  }

  /**
   * Means over the last finished episodes of the environments that follow the policy (in the critic-first phase these
   * act at random too). Environments that have finished none yet do not count. Success is the share that terminated: where
   * nothing ever does, there is no such number.
   */
  #episodeMetrics(): Metric[] {
    const { environments, randomShare } = this.config;
    const random = randomEnvironmentsOf(environments, randomShare);
    if (random === environments) return [];
    const field = (name: string, index: number): Metric => ({
      name,
      tensor: this.env.episode,
      first: index * environments + random,
      count: environments - random,
      stride: 1,
      memberStride: EPISODE['EPISODE_FIELDS']! * environments,
      factor: 1,
    });
    const finished = 'charts/finished_share';
    return [
      field(finished, EPISODE['FINISHED']!),
      { ...field('charts/episodic_return', EPISODE['LAST_RETURN']!), per: finished },
      { ...field('charts/episodic_length', EPISODE['LAST_LENGTH']!), per: finished },
      ...(this.environment.terminates
        ? [{ ...field('charts/success', EPISODE['LAST_TERMINATED']!), per: finished }]
        : []),
    ];
  }
}
