import { WORLD, type World } from '../benchmarks/environments.ts';
import { multigoal } from '../../src/envs/multigoal.ts';
import { covers } from '../../src/experiments/coverage.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { randomEnvironmentsOf } from '../../src/rl/behaviour-policy.ts';
import { latticePoints } from '../../src/rl/proposal.ts';
import { resolveConfig, type Config } from '../../src/train/config.ts';
import { Evaluator } from '../../src/train/evaluator.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { constantsOfUpdate, layersOf, type Layer, type UpdateConstants } from './update.ts';

/** A whole training as numbers; everything else it draws by itself. */
export interface TrainingProblem {
  readonly seed: number;
  readonly constants: UpdateConstants;
  readonly world: World;
  /** Deviation of the normal numbers at which episodes start. */
  readonly startSpread: number;
  /** E */
  readonly environments: number;
  /** How many of them always act uniformly at random. */
  readonly randomEnvironments: number;
  /** Iterations before the first update, all at random. */
  readonly warmupIterations: number;
  /** Updates of the critic alone, all acting at random. */
  readonly criticFirstUpdates: number;
  readonly replayCapacity: number;
  /** Actions of the soft value before their shift, in [0, 1), (Kv, A). */
  readonly lattice: Float32Array;
  /** The critic's initial layers; its target network begins equal. */
  readonly q: readonly Layer[];
  /** The sampling network's initial layers. */
  readonly policy: readonly Layer[];
}

/** A training under way. */
export interface Learning {
  /** Iterates until `updates` updates are done in all, and resolves when they are. */
  advance(updates: number): Promise<void>;
  /** The sampling network as it is. */
  policy(): Promise<Layer[]>;
}

/** Rollouts of one look at a policy, as softq's acceptance runs have. */
const ROLLOUTS = 256;

/** The default preset. */
export function trainingConfig(seed: number): Config {
  return resolveConfig({ environment: 'multigoal', seed });
}

/** softq's own training. */
export class SoftqTraining implements Learning {
  readonly #trainer: Trainer;

  private constructor(trainer: Trainer) {
    this.#trainer = trainer;
  }

  /** Before the first iteration, with everything compiled. */
  static async create(gpu: Gpu, config: Config): Promise<SoftqTraining> {
    const trainer = await Trainer.create(gpu, config);
    await gpu.ready();
    return new SoftqTraining(trainer);
  }

  /** Runs an iteration of each kind, which a driver may compile when it first meets them; the training is spoilt by it. */
  async warmUp(): Promise<void> {
    const { gpu, iterations } = this.#trainer;
    gpu.submit([iterations.warmup, iterations.critic, iterations.both]);
    await gpu.idle();
  }

  /** The training as numbers; before the first iteration. */
  async problem(): Promise<TrainingProblem> {
    const { config, replay, algorithm } = this.#trainer;
    const { seed, environments, criticFirstUpdates, replayCapacity } = config;
    const arrays = await algorithm.state();
    return {
      seed,
      constants: constantsOfUpdate(config, replay),
      world: WORLD,
      startSpread: multigoal.defaultParams['start_spread'] as number,
      environments,
      randomEnvironments: randomEnvironmentsOf(environments, config.randomShare),
      warmupIterations: Math.ceil(config.warmupTransitions / environments),
      criticFirstUpdates,
      replayCapacity,
      lattice: latticePoints(config.valueParticles, replay.actionSize),
      q: layersOf(arrays, 'q'),
      policy: layersOf(arrays, 'policy'),
    };
  }

  async advance(updates: number): Promise<void> {
    await this.#trainer.run({ until: updates });
  }

  async policy(): Promise<Layer[]> {
    return layersOf(await this.#trainer.algorithm.state(), 'policy');
  }
}

/** Judges policies of any origin by softq's own rollouts and rule. */
export class CoverageJudge {
  readonly #learner: Trainer;
  readonly #evaluator: Evaluator;

  private constructor(learner: Trainer) {
    const { gpu, algorithm, environment, config } = learner;
    this.#learner = learner;
    this.#evaluator = new Evaluator(gpu, algorithm, environment, { rollouts: ROLLOUTS, seed: config.seed });
  }

  /** A learner of the same networks, which does not learn, to put policies into. */
  static async create(gpu: Gpu, config: Config): Promise<CoverageJudge> {
    return new CoverageJudge(await Trainer.create(gpu, { ...config, environments: 1, replayCapacity: 1 }));
  }

  /** Whether a policy goes to all four goals: `covers` of `src/experiments/coverage.ts`. */
  async covered(policy: readonly Layer[]): Promise<boolean> {
    const { algorithm } = this.#learner;
    const arrays = new Map((await algorithm.state()).map(({ name, data }) => [name, data]));
    policy.forEach(({ weight, bias }, i) => {
      arrays.set(`policy.${i}.weight`, weight).set(`policy.${i}.bias`, bias);
    });
    algorithm.restore(arrays);
    return covers(this.#evaluator.summarise(await this.#evaluator.rollOut()));
  }
}
