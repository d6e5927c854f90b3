import type { Evaluation } from '../../src/index.ts';
import type { Appearance, EnergyMode, Point, Report, ViewName } from '../protocol.ts';
import { dutiesOf, type Duties } from './duties.ts';
import type { Exact } from './exact.ts';
import type { Keeper } from './keeper.ts';
import { Stopwatch, type Duty, type Pacer } from './pacer.ts';
import type { Run, Views } from './run.ts';
import { energySummary, worldSummary } from './summaries.ts';

/** Submits of training that wait for the device: one that runs and one behind it. */
const SUBMITS_IN_FLIGHT = 2;
/** Longest wait of a loop that has nothing to do, milliseconds; whatever happens wakes it earlier. */
const LONGEST_WAIT_MS = 250;
/** Pictures of someone who asked for less motion change twice a second. */
const CALM_MS = 500;
/** Iterations a second below which points travel between their positions. */
const SLOW_MOTION = 20;
/** Over how long rates are taken, milliseconds. */
const RATE_MS = 1500;
/** Parts of the plane that are computed between two pictures of it, where the device is fast enough. */
const MOST_SLICES = 12;
const FAST_SLICE_MS = 1;

/** What the visitor looks at. */
export interface Look {
  appearance: Appearance;
  state: Point;
  mode: EnergyMode;
}

/**
 * A run in motion: trains, draws, tests and reports, each no more than its share of the device's time. `turn` is called
 * again and again by the session, which changes the run between two turns.
 */
export class Live {
  readonly run: Run;
  readonly pacer: Pacer;
  readonly exact: Exact;
  readonly #look: Look;
  readonly #views: Views;
  readonly #keeper: Keeper;
  readonly #software: boolean;
  readonly #post: (report: Report) => void;
  readonly #stopwatch = new Stopwatch();
  readonly #inFlight: Promise<void>[] = [];
  readonly #duties: Duties;
  /** What has changed since it was last drawn or said. */
  readonly #stale = { world: true, energy: true, progress: true, evaluation: false, summary: true };
  readonly #busy = new Set<string>();
  #failure: unknown;
  #frame = true;
  #wake: () => void = () => undefined;
  /** Whether something happened since the turn began. */
  #awake = false;
  #rates: { at: number; updates: number; iterations: number }[] = [];
  #alpha: number;
  #evaluation: Evaluation | null = null;
  #exactShown = '';
  #sliceMs = Infinity;
  running = false;

  constructor(
    run: Run,
    options: {
      readonly views: Views;
      readonly look: Look;
      readonly keeper: Keeper;
      readonly exact: Exact;
      readonly pacer: Pacer;
      /** Whether the device is the processor. */
      readonly software: boolean;
      readonly post: (report: Report) => void;
    },
  ) {
    this.run = run;
    this.pacer = options.pacer;
    this.exact = options.exact;
    this.#views = options.views;
    this.#look = options.look;
    this.#keeper = options.keeper;
    this.#post = options.post;
    this.#alpha = run.config.temperature;
    this.#software = options.software;
    this.#duties = dutiesOf(options.software);
  }

  /** Something changed that the pictures show: they are drawn again, training or not. */
  changed(): void {
    this.#stale.world = true;
    this.#stale.energy = true;
    this.#stale.summary = true;
    this.wake();
  }

  /** A step was made by hand, or the world moved: numbers are reported again too. */
  moved(): void {
    this.#stale.progress = true;
    this.#stale.evaluation = true;
    this.changed();
  }

  /** Ends a wait. */
  wake(): void {
    this.#awake = true;
    this.#wake();
  }

  /** A frame may be drawn: once for each of the screen's. */
  frame(): void {
    this.#frame = true;
    if (this.#stale.world || this.#stale.energy) this.wake();
  }

  /**
   * Submits what is due and waits for room, or for something to happen.
   * @throws whatever went wrong on the device since the last turn.
   */
  async turn(): Promise<void> {
    const now = performance.now();
    this.#awake = false;
    let iterations = 0;
    if (this.running && this.#inFlight.length < SUBMITS_IN_FLIGHT) {
      iterations = this.pacer.take(now);
      if (iterations > 0) this.#train(iterations, now);
    }
    if (this.#frame) {
      await this.#drawWorld(now);
      await this.#drawEnergy(now);
    }
    this.#tellProgress(now);
    this.#summarise(now);
    await this.#measure(now);
    if (this.#inFlight.length >= SUBMITS_IN_FLIGHT) await this.#inFlight[0];
    else if (iterations === 0) await this.#rest(now);
    if (this.#failure !== undefined) {
      const failure = this.#failure;
      this.#failure = undefined;
      throw failure;
    }
  }

  /** Stops what can be stopped and waits for the rest, so that tensors may be made and destroyed. */
  async settle(): Promise<void> {
    this.exact.stop();
    await Promise.allSettled(this.#inFlight);
    while (this.#busy.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  /** The frame of a view as a PNG, drawn anew. */
  png(view: ViewName): Promise<Blob> {
    if (view === 'world') this.#views.world.draw(this.#worldScene(1));
    else this.#views.energy.draw(this.#energyScene(), 1);
    return this.#views[view].picture.png();
  }

  #train(iterations: number, now: number): void {
    this.run.trainer.advance(iterations);
    const done = this.#timed(now, (milliseconds) => {
      this.pacer.took(iterations, milliseconds);
      void this.#inFlight.shift();
    });
    this.#inFlight.push(done);
    this.#stale.world = true;
    this.#stale.energy = true;
    this.#stale.progress = true;
    this.#stale.evaluation = true;
    this.#stale.summary = true;
  }

  /** Resolves when all that was submitted has run, and says how long the last of it took. Never rejects. */
  async #timed(submitted: number, then: (milliseconds: number) => void): Promise<void> {
    try {
      await this.run.trainer.gpu.idle();
    } catch (error) {
      this.#failure ??= error;
    }
    then(this.#stopwatch.lap(submitted, performance.now()));
    this.wake();
  }

  /** Does something that reads back, beside the loop; not again before it is done. */
  #beside(name: string, work: () => Promise<void>): void {
    this.#busy.add(name);
    void work()
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#busy.delete(name);
        this.wake();
      });
  }

  async #drawWorld(now: number): Promise<void> {
    const { world } = this.#duties;
    if (!this.#stale.world || this.#busy.has('world') || !world.due(now)) return;
    this.#frame = false;
    const slow = this.running && this.pacer.isBelow(SLOW_MOTION);
    const travelled = slow ? this.pacer.progress(now) : 1;
    this.#stale.world = slow && travelled < 1;
    await this.#drawn('world', () => {
      this.#views.world.draw(this.#worldScene(travelled));
      return this.#look.appearance.reducedMotion ? CALM_MS : 0;
    });
  }

  async #drawEnergy(now: number): Promise<void> {
    const { energy } = this.#duties;
    const { mode, state, appearance } = this.#look;
    if (!this.#stale.energy || this.#busy.has('energy') || !energy.due(now)) return;
    this.#frame = false;
    const scene = this.#energyScene();
    const shown = JSON.stringify([this.exact.version, state]);
    if (scene.exact && shown !== this.#exactShown) {
      this.#views.energy.setExact(this.exact.logDensityAt(state));
      this.#exactShown = shown;
    }
    // The first picture comes at once, if training has to wait for it; later ones take turns with it.
    const slices =
      mode !== 'values'
        ? 1
        : this.#views.energy.slicesToFirst || (this.#sliceMs < FAST_SLICE_MS ? MOST_SLICES : 1);
    const draw = () => {
      const complete = this.#views.energy.draw(scene, slices);
      this.#stale.energy = !complete;
      return appearance.reducedMotion && complete ? CALM_MS : 0;
    };
    await this.#drawn('energy', draw, slices);
  }

  /**
   * Draws without waiting; `draw` says after how many milliseconds the next picture of that view may come at the earliest.
   * The processor's pictures are waited for, alone: beside training nothing would tell what they cost.
   */
  async #drawn(view: ViewName, draw: () => number, slices = 1): Promise<void> {
    if (this.#software) await Promise.all(this.#inFlight);
    const start = performance.now();
    const calm = draw();
    const then = (milliseconds: number) => {
      // While training rests, pictures need not leave it any time.
      this.#duties[view].took(start + calm, this.running ? milliseconds : 0);
      if (view === 'energy') this.#sliceMs = milliseconds / slices;
    };
    if (!this.#software) {
      this.#beside(view, () => this.#timed(start, then));
    } else await this.#timed(start, then);
  }

  #worldScene(travelled: number) {
    const { appearance, state } = this.#look;
    return { goals: this.run.goals, lookedAt: state, appearance, travelled };
  }

  #energyScene() {
    const { mode, state } = this.#look;
    return { mode, state, exact: this.exact.version > 0 };
  }

  #tellProgress(now: number): void {
    const { progress } = this.#duties;
    if (this.#busy.has('progress') || !progress.due(now)) return;
    if (!this.#stale.progress && this.#rates.length < 2) return;
    progress.took(now, 0);
    this.#stale.progress = false;
    const { trainer } = this.run;
    this.#beside('progress', async () => {
      const { updates, iterations, rows } = await trainer.readOut();
      const at = performance.now();
      const alpha = rows.at(-1)?.values['charts/temperature'];
      if (alpha !== undefined) this.#alpha = alpha;
      this.#rates = this.running
        ? [...this.#rates.filter((one) => at - one.at <= RATE_MS), { at, updates, iterations }]
        : [];
      const first = this.#rates[0];
      const seconds = first ? (at - first.at) / 1000 : 0;
      const perSecond = (gained: number) => (seconds > 0 ? gained / seconds : 0);
      const { environments } = trainer.config;
      this.#post({
        type: 'progress',
        updates,
        iterations,
        environmentSteps: iterations * environments,
        updatesPerSecond: perSecond(updates - (first?.updates ?? 0)),
        stepsPerSecond: perSecond((iterations - (first?.iterations ?? 0)) * environments),
        rows,
      });
    });
  }

  #summarise(now: number): void {
    const { summary } = this.#duties;
    if (!this.#stale.summary || this.#busy.has('summary') || !summary.due(now)) return;
    summary.took(now, 0);
    this.#stale.summary = false;
    const { trainer, goals } = this.run;
    const { mode, state } = this.#look;
    this.#beside('summary', async () => {
      const positions = await trainer.gpu.read(trainer.env.observation);
      this.#post({ type: 'summary', view: 'world', text: worldSummary(positions, goals, this.#evaluation) });
      const text =
        mode === 'values'
          ? 'The soft value V over the plane, bright where it is high.'
          : energySummary(state, await this.#views.energy.logDensity());
      this.#post({ type: 'summary', view: 'energy', text });
    });
  }

  /** What is measured with training held up, each for a small share of the time: tests, the optimum, checkpoints. */
  async #measure(now: number): Promise<void> {
    const { evaluation, checkpoint, distance } = this.#duties;
    const { run, exact } = this;
    const { gpu } = run.trainer;
    exact.follow(gpu, { ...run.config, goals: run.goals, temperature: this.#settlingAlpha() }, now);
    if (exact.version > 0 !== (this.#exactShown !== '')) this.changed();
    if (exact.version === 0) this.#exactShown = '';
    const learned = run.trainer.updates > 0;
    const canTest = !exact.solving || !run.evaluatorIsStale;
    if (learned && canTest && this.#stale.evaluation && evaluation.due(now)) {
      this.#stale.evaluation = false;
      await this.#held(evaluation, async () => {
        const { updates } = run.trainer;
        this.#evaluation = await run.evaluate();
        this.#post({ type: 'evaluation', updates, evaluation: this.#evaluation });
      });
    } else if (learned && exact.version > 0 && canTest && distance.due(now)) {
      await this.#held(distance, async () => {
        const { updates, config } = run.trainer;
        const error = await exact.distance(await run.evaluator(), config.rewardScale);
        this.#post({ type: 'distance', updates, error: error.meanAbsolute, bias: error.bias });
      });
    } else if (learned && this.running && checkpoint.due(now)) {
      await this.#held(checkpoint, async () => this.#keeper.keep(await run.snapshot()));
    }
  }

  /** Holds training up for `work`; what was submitted before it does not count. */
  async #held(duty: Duty, work: () => Promise<void>): Promise<void> {
    await Promise.all(this.#inFlight);
    const start = performance.now();
    await work();
    const end = performance.now();
    this.#stopwatch.lap(start, end);
    duty.took(start, end - start);
  }

  /** The temperature that the run is going to, as far as that is known. */
  #settlingAlpha(): number {
    const { finalTemperature, targetEntropy } = this.run.config;
    if (targetEntropy !== null) return this.#alpha;
    return finalTemperature ?? this.run.config.temperature;
  }

  /** Sleeps until something is due or happens: a frame, an iteration, a command, a result. */
  async #rest(now: number): Promise<void> {
    if (this.#awake) return;
    const { world, energy, progress, summary } = this.#duties;
    const stale = this.#stale;
    const waits = [
      LONGEST_WAIT_MS,
      ...(this.running ? [this.pacer.wait(now)] : []),
      ...(this.#frame && stale.world ? [world.wait(now)] : []),
      ...(this.#frame && stale.energy ? [energy.wait(now)] : []),
      ...(stale.progress ? [progress.wait(now)] : []),
      ...(stale.summary ? [summary.wait(now)] : []),
    ];
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, Math.min(...waits)));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
