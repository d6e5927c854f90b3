import { below, normalPair, random, uniform } from '../../src/gpu/random.ts';
import { program, type Program } from '../../src/gpu/program.ts';
import { constantsOf, shaderSource } from '../../src/gpu/shader.ts';
import type { NamedArray } from '../../src/nn/parameters.ts';
import { bandwidthDivisor } from '../../src/svgd/svgd.ts';
import { resolveConfig, type Config } from '../../src/train/config.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { recordSize } from '../../src/rl/replay-buffer.ts';

/** One dense layer: `weight` (inputs, outputs) row-major, `bias` (outputs). */
export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: Float32Array<ArrayBuffer>;
  readonly bias: Float32Array<ArrayBuffer>;
}

/** What one update draws: the minibatch, the actions of the soft value, the noise of the particles. */
export interface UpdateInputs {
  /** (B, S) */
  readonly observation: Float32Array<ArrayBuffer>;
  /** (B, A) */
  readonly action: Float32Array<ArrayBuffer>;
  /** (B), before scaling */
  readonly reward: Float32Array<ArrayBuffer>;
  /** (B, S) */
  readonly nextObservation: Float32Array<ArrayBuffer>;
  /** (B), 1 where the episode ended by the task's own rule */
  readonly terminated: Float32Array<ArrayBuffer>;
  /** Uniform in [-1, 1]^A, (B, Kv, A). */
  readonly valueActions: Float32Array<ArrayBuffer>;
  /** xi, particle-major, the M fixed particles first: (M + K, B, latent size). */
  readonly noise: Float32Array<ArrayBuffer>;
}

/** Sizes and constants of an update, in the units in which the networks learn. */
export interface UpdateConstants {
  /** B */
  readonly states: number;
  readonly observationSize: number;
  readonly actionSize: number;
  readonly latentSize: number;
  /** Kv */
  readonly valueParticles: number;
  /** M */
  readonly fixedParticles: number;
  /** K */
  readonly updatedParticles: number;
  /** alpha times the reward scale */
  readonly temperature: number;
  readonly rewardScale: number;
  readonly discount: number;
  readonly criticLearningRate: number;
  readonly policyLearningRate: number;
  readonly targetTau: number;
  /** The median of the squared distances is divided by this. */
  readonly bandwidthDivisor: number;
  readonly bandwidthFloor: number;
}

/** Adam's, in every implementation of the update. */
export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

/** An update of soft Q-learning as numbers: whoever computes it from these must come to the same losses. */
export interface UpdateProblem {
  readonly constants: UpdateConstants;
  /** The critic's initial layers; its target network begins equal. */
  readonly q: readonly Layer[];
  /** The sampling network's initial layers. */
  readonly policy: readonly Layer[];
  /** What the first updates draw. */
  readonly inputs: readonly UpdateInputs[];
}

/** Parameters of both networks, W1, b1, W2, ... one behind the other. */
export interface UpdateParameters {
  readonly q: Float32Array;
  readonly policy: Float32Array;
}

/** Something that does the updates of an `UpdateProblem`. */
export interface Updater {
  /** Does `updates` updates and resolves when all are done. */
  run(updates: number): Promise<void>;
  /** One update and its critic loss, the mean of 1/2 (Q - y)^2 over the minibatch. */
  step(): Promise<number>;
  parameters(): Promise<UpdateParameters>;
  dispose(): void;
}

/** The update that is compared, 1.14 GFLOP: the released code's networks, four times its batch, twice its actions. */
export const UPDATE: Readonly<Record<string, unknown>> = {
  environment: 'multigoal',
  preset: 'release',
  environments: 1024,
  warmupTransitions: 4096,
  replayCapacity: 4096,
  batchSize: 256,
  valueParticles: 32,
  fixedParticles: 16,
  updatedParticles: 16,
  proposal: 'uniform',
  stein: 'tanh-kernel',
  targetTau: 0.01,
  targetInterval: 1,
};

/** The compared update with every size small, and few of them alike. */
export const SMALL_UPDATE: Readonly<Record<string, unknown>> = {
  ...UPDATE,
  // With seed 0 some state kills all eight units of the first layer, and a pre-activation is exactly zero, where jax-js gives
  // ReLU the slope 1 and softq 0.
  seed: 1,
  environments: 16,
  warmupTransitions: 64,
  replayCapacity: 64,
  batchSize: 12,
  hidden: [8, 6],
  latentSize: 3,
  valueParticles: 7,
  fixedParticles: 4,
  updatedParticles: 5,
};

const STREAMS = constantsOf(shaderSource('common/random.wgsl'));

/** softq's own learner on the update, and the same update as numbers. */
export class SoftqUpdater implements Updater {
  /** One update of both networks, and the clock's step to the next. */
  readonly program: Program;
  readonly #trainer: Trainer;

  private constructor(trainer: Trainer) {
    this.#trainer = trainer;
    const tick = trainer.clock.tick({ updates: 1, policyUpdates: 1 });
    this.program = program('bench.update', [trainer.algorithm.update.both, tick]);
  }

  /** A learner with a replay buffer full of random transitions, before its first update. */
  static async create(gpu: Gpu, settings: Readonly<Record<string, unknown>>): Promise<SoftqUpdater> {
    const config = resolveConfig(settings);
    const trainer = await Trainer.create(gpu, config);
    await gpu.ready();
    trainer.advance(Math.ceil(config.replayCapacity / config.environments));
    await gpu.idle();
    return new SoftqUpdater(trainer);
  }

  /** The update as numbers, with what its first `count` runs draw; before the first of them. */
  async problem(count: number): Promise<UpdateProblem> {
    const { gpu, config, algorithm, replay, clock } = this.#trainer;
    const ring = await gpu.read(replay.ring);
    const { replaySize } = await clock.read();
    const arrays = await algorithm.state();
    return {
      constants: constantsOfUpdate(config, replay),
      q: layersOf(arrays, algorithm.softQ.mlp.parameters.name),
      policy: layersOf(arrays, 'policy'),
      inputs: Array.from({ length: count }, (_, update) =>
        drawInputs(constantsOfUpdate(config, replay), config.seed, update, ring, replaySize),
      ),
    };
  }

  async run(updates: number): Promise<void> {
    const { gpu } = this.#trainer;
    await gpu.ready();
    gpu.submit(Array.from({ length: updates }, () => this.program));
    await gpu.idle();
  }

  async step(): Promise<number> {
    await this.run(1);
    const { gpu, algorithm } = this.#trainer;
    const { tensor, first, count } = algorithm.metrics.find(({ name }) => name === 'losses/critic_loss')!;
    const losses = await gpu.read(tensor);
    return losses.subarray(first, first + count).reduce((sum, loss) => sum + loss, 0) / count;
  }

  async parameters(): Promise<UpdateParameters> {
    const arrays = await this.#trainer.algorithm.state();
    return { q: flat(layersOf(arrays, 'q')), policy: flat(layersOf(arrays, 'policy')) };
  }

  dispose(): void {
    // The tensors go with the scope of the benchmark.
  }
}

/** Parameters of layers one behind the other. */
export function flat(layers: readonly Pick<Layer, 'weight' | 'bias'>[]): Float32Array<ArrayBuffer> {
  return Float32Array.from(layers.flatMap(({ weight, bias }) => [...weight, ...bias]));
}

/** The layers of a network among a learner's arrays. */
export function layersOf(arrays: readonly NamedArray[], network: string): Layer[] {
  const named = new Map(arrays.map((array) => [array.name, array]));
  const layers: Layer[] = [];
  for (let i = 0; named.has(`${network}.${i}.weight`); i++) {
    const { shape, data } = named.get(`${network}.${i}.weight`)!;
    const [inputs, outputs] = shape as [number, number];
    layers.push({ inputs, outputs, weight: data, bias: named.get(`${network}.${i}.bias`)!.data });
  }
  return layers;
}

/** The update that a configuration asks for. */
export function constantsOfUpdate(
  config: Config,
  sizes: { readonly observationSize: number; readonly actionSize: number },
): UpdateConstants {
  const { batchSize, temperature, rewardScale, bandwidth, fixedParticles, ...rest } = config;
  return {
    states: batchSize,
    observationSize: sizes.observationSize,
    actionSize: sizes.actionSize,
    latentSize: rest.latentSize,
    valueParticles: rest.valueParticles,
    fixedParticles,
    updatedParticles: rest.updatedParticles,
    temperature: temperature * rewardScale,
    rewardScale,
    discount: rest.discount,
    criticLearningRate: rest.criticLearningRate,
    policyLearningRate: rest.policyLearningRate,
    targetTau: rest.targetTau,
    bandwidthDivisor: bandwidthDivisor(bandwidth, fixedParticles),
    bandwidthFloor: rest.bandwidthFloor,
  };
}

/** What update number `update` draws on the GPU, by the same counters on the host. */
function drawInputs(
  constants: UpdateConstants,
  seed: number,
  update: number,
  ring: Float32Array,
  replaySize: number,
): UpdateInputs {
  const { states, observationSize: s, actionSize: a, latentSize, valueParticles } = constants;
  const record = recordSize(s, a);
  const rows = Array.from({ length: states }, (_, i) => {
    const picked = below(random(seed, STREAMS['STREAM_REPLAY']!, update, i)[0], replaySize);
    return ring.subarray(picked * record, (picked + 1) * record);
  });
  const field = (first: number, count: number) =>
    Float32Array.from(rows.flatMap((row) => [...row.subarray(first, first + count)]));
  const particles = constants.fixedParticles + constants.updatedParticles;
  const pairs = Math.ceil(latentSize / 2);
  const noise = Array.from({ length: particles * states }, (_, row) =>
    Array.from({ length: pairs }, (__, pair) => {
      const [first, second] = random(seed, STREAMS['STREAM_PARTICLES']!, update, row * pairs + pair);
      return normalPair(first, second);
    })
      .flat()
      .slice(0, latentSize),
  );
  return {
    observation: field(0, s),
    action: field(s, a),
    reward: field(s + a, 1),
    nextObservation: field(s + a + 1, s),
    terminated: field(2 * s + a + 1, 1),
    valueActions: Float32Array.from({ length: states * valueParticles * a }, (_, i) => {
      const [bits] = random(seed, STREAMS['STREAM_PROPOSAL']!, update, i);
      return 2 * uniform(bits) - 1;
    }),
    noise: Float32Array.from(noise.flat()),
  };
}
