import {
  environmentOf,
  Evaluator,
  multigoalWith,
  structOf,
  Trainer,
  type Config,
  type Evaluation,
  type Program,
  type Snapshot,
} from '../../src/index.ts';
import type { OldTransitions, Point } from '../protocol.ts';
import type { EnergyView } from './energy-view.ts';
import type { Pipelines } from './pipelines.ts';
import type { WorldView } from './world-view.ts';

/** Episodes of a test of the policy. */
const ROLLOUTS = 256;
/** Settings that decide what the networks are or what their outputs mean: with others, a run cannot go on. */
const SHAPES = [
  'environment',
  'algorithm',
  'hidden',
  'activation',
  'latentSize',
  'critics',
  'mixtureComponents',
  'rewardScale',
] as const satisfies readonly (keyof Config)[];

/** Whether a run of one configuration can go on with another. */
export function goesOnWith(before: Config, after: Config): boolean {
  return SHAPES.every((key) => JSON.stringify(before[key]) === JSON.stringify(after[key]));
}

/** The goals of the world that a snapshot was taken in. */
export function goalsOf({ config, environment }: Snapshot): Point[] {
  const { module, plane } = environmentOf(config.environment);
  const params = environment.find(({ name }) => name === 'env.params')?.data;
  const fields = 'text' in module ? structOf(module.text, 'EnvParams')?.fields : undefined;
  const offset = (name: string) => fields!.find((field) => field.name === name)!.offset / 4;
  if (!params || !fields) return [...(plane?.goals ?? [])];
  const count = new Uint32Array(params.buffer, params.byteOffset + 4 * offset('goal_count'), 1)[0]!;
  const first = offset('goals');
  return Array.from({ length: count }, (_, g): Point => [params[first + 4 * g]!, params[first + 4 * g + 1]!]);
}

/** The pictures that a run is shown in. */
export interface Views {
  readonly world: WorldView;
  readonly energy: EnergyView;
}

/** A training with everything that is bound to its tensors: pictures and tests. All of it goes when it is freed. */
export class Run {
  readonly trainer: Trainer;
  readonly #free: () => void;
  #goals: readonly Point[] = [];
  #alpha: number;
  #relabel: Program | undefined;
  #evaluator:
    { readonly evaluator: Evaluator; readonly free: () => void; readonly goals: string } | undefined;

  private constructor(trainer: Trainer, free: () => void) {
    this.trainer = trainer;
    this.#free = free;
    this.#alpha = trainer.config.temperature;
  }

  /**
   * Builds everything on the device of `pipelines`, in the world with these goals, and goes on from `snapshot` if there is
   * one that fits.
   * @throws UsageError when the configuration does not fit the adapter or the snapshot, or the goals the world.
   */
  static async create(
    pipelines: Pipelines,
    views: Views,
    config: Config,
    world: { readonly goals: readonly Point[]; readonly transitions: OldTransitions },
    snapshot: Snapshot | null,
  ): Promise<Run> {
    const { gpu } = pipelines;
    const free = gpu.scope();
    try {
      const trainer = await Trainer.create(gpu, config);
      const run = new Run(trainer, free);
      if (snapshot) {
        trainer.restore(snapshot);
        // What was learned at another temperature goes on at the one asked for.
        if (!run.#isScheduled) run.setTemperature(config.temperature);
      }
      await run.setGoals(world.goals, world.transitions);
      await views.world.show(pipelines, trainer);
      await views.energy.show(pipelines, trainer);
      await run.evaluator();
      return run;
    } catch (error) {
      free();
      throw error;
    }
  }

  get goals(): readonly Point[] {
    return this.#goals;
  }

  /** The run's settings with the temperature as it was last set. */
  get config(): Config {
    return { ...this.trainer.config, temperature: this.#alpha };
  }

  /** Whether the temperature moves by itself: along a schedule, or towards an entropy. */
  get #isScheduled(): boolean {
    const { finalTemperature, targetEntropy } = this.trainer.config;
    return finalTemperature !== null || targetEntropy !== null;
  }

  /** Sets alpha, raw reward units, between submits; false if the run moves it by itself. */
  setTemperature(alpha: number): boolean {
    if (this.#isScheduled) return false;
    this.trainer.gpu.write(this.trainer.algorithm.temperature, Float32Array.of(alpha));
    this.#alpha = alpha;
    return true;
  }

  /**
   * Moves the goals between submits, and does with stored transitions what was asked.
   * @throws UsageError for goals outside the world, too many, or none.
   */
  async setGoals(goals: readonly Point[], transitions: OldTransitions): Promise<void> {
    const { trainer } = this;
    const { goals: flat, goal_count: count } = multigoalWith(goals).defaultParams;
    trainer.env.setParams({ goals: flat!, goal_count: count! });
    this.#goals = goals;
    if (transitions === 'relabel') {
      this.#relabel ??= trainer.env.relabel(trainer.replay.sink);
      await trainer.gpu.run(this.#relabel);
      // Goals that are dragged come faster than a full ring is relabelled: the next ones wait, and fall together.
      await trainer.gpu.idle();
    } else if (transitions === 'drop') await trainer.forget();
  }

  /** Everything that survives an iteration, with the settings as they are now. */
  async snapshot(): Promise<Snapshot> {
    return { ...(await this.trainer.snapshot()), config: this.config };
  }

  /** Tests the policy in the world as it is. May make tensors. */
  async evaluate(): Promise<Evaluation> {
    const evaluator = await this.evaluator();
    return evaluator.summarise(await evaluator.rollOut());
  }

  /** Whether asking for the evaluator makes tensors: the goals have moved since it was made. */
  get evaluatorIsStale(): boolean {
    return this.#evaluator?.goals !== JSON.stringify(this.#goals);
  }

  /** The evaluator of the world as it is; the last thing made in this run's scope, so that it can be replaced alone. */
  async evaluator(): Promise<Evaluator> {
    const key = JSON.stringify(this.#goals);
    if (this.#evaluator?.goals === key) return this.#evaluator.evaluator;
    const { gpu, algorithm, config } = this.trainer;
    this.#evaluator?.free();
    const free = gpu.scope();
    const environment =
      config.environment === 'multigoal' ? multigoalWith(this.#goals) : environmentOf(config.environment);
    const { goals, goal_count: count } = multigoalWith(this.#goals).defaultParams;
    const evaluator = new Evaluator(gpu, algorithm, environment, {
      rollouts: ROLLOUTS,
      seed: config.seed,
      params: { goals: goals!, goal_count: count! },
    });
    // Its probes are made when first asked for; now is when tensors may be made.
    await evaluator.valuesAt([[0, 0, 0, 0]], config.rewardScale);
    this.#evaluator = { evaluator, free, goals: key };
    return evaluator;
  }

  /** Destroys all tensors of the run. */
  free(): void {
    this.#free();
  }
}
