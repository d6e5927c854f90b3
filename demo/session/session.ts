import {
  CheckpointError,
  DivergenceError,
  MULTIGOAL_BOUND,
  resolveConfig,
  UsageError,
  type Config,
  type Snapshot,
} from '../../src/index.ts';
import type { Command, OldTransitions, Point, Report, RunFiles } from '../protocol.ts';
import { hasFailed, openDevice, type Device } from './device.ts';
import { EnergyView } from './energy-view.ts';
import { Failure, type FailureCode } from './errors.ts';
import { Exact } from './exact.ts';
import { Keeper } from './keeper.ts';
import { Live, type Look } from './live.ts';
import { Pacer } from './pacer.ts';
import { Picture } from './picture.ts';
import { profileRun } from './profiler.ts';
import { runFilesOf, runNameOf, snapshotOf } from './run-files.ts';
import { goalsOf, goesOnWith, Run, type Views } from './run.ts';
import { WorldView } from './world-view.ts';

type Opening = Extract<Command, { type: 'open' }>;
type Why = Extract<Report, { type: 'ready' }>['why'];

/** The task that the page shows. */
const TASK = 'multigoal';
/** Iterations of an epoch. */
const EPOCH = 25;
/** Waits before a device is asked for again after a loss, milliseconds. */
const BACKOFF_MS = [100, 400, 1500, 4000];
/** A failed command may be told of before the loss of the device that made it fail. */
const LOSS_NOTICE_MS = 1000;
/** Commands of which only the newest counts when several wait. */
const COALESCED: readonly Command['type'][] = [
  'goals',
  'look',
  'temperature',
  'energy',
  'pace',
  'appearance',
];

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * One visitor's training: obeys commands between submits, survives a lost device, and never leaves a command without an
 * answer. Everything on the device belongs to a `Run`, which is made anew whenever something fixed about it changes.
 */
export class Session {
  readonly #post: (report: Report, transfer?: Transferable[]) => void;
  readonly #queue: Command[] = [];
  readonly #keeper = new Keeper();
  readonly #pacer = new Pacer();
  readonly #exact: Exact;
  readonly #look: Look = {
    appearance: { dark: false, reducedMotion: false },
    state: [0, 0],
    mode: 'actions',
  };
  #views: Views | undefined;
  #device: Device | null = null;
  #lost: Device | null = null;
  #live: Live | null = null;
  /** What is made again after a loss, also when there is no run at the moment. */
  #recipe: { readonly config: Config; readonly goals: readonly Point[] } | null = null;
  /** What the visitor last chose for transitions of the old world. */
  #oldTransitions: OldTransitions = 'keep';
  #running = false;
  #wake: () => void = () => undefined;

  /** `post` takes reports to the page, with the buffers that move there. */
  constructor(post: (report: Report, transfer?: Transferable[]) => void) {
    this.#post = post;
    this.#exact = new Exact(post);
    void this.#serve();
  }

  /** Takes a command; it is obeyed when the work under way is submitted. */
  send(command: Command): void {
    const last = this.#queue.at(-1);
    const replaces =
      last?.type === command.type &&
      COALESCED.includes(command.type) &&
      !(last.type === 'goals' && command.type === 'goals' && last.transitions !== command.transitions);
    if (replaces) this.#queue.pop();
    this.#queue.push(command);
    this.#wake();
    this.#live?.wake();
  }

  /** The screen takes another frame. */
  frame(): void {
    this.#live?.frame();
  }

  async #serve(): Promise<never> {
    for (;;) {
      try {
        if (this.#lost) await this.#recover();
        const command = this.#queue.shift();
        if (command) await this.#obey(command);
        else if (this.#live) await this.#live.turn();
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      } catch (error) {
        await this.#failed(error);
      }
    }
  }

  async #obey(command: Command): Promise<void> {
    const live = this.#live;
    switch (command.type) {
      case 'open':
        return this.#open(command);
      case 'restart':
        return this.#restart(resolveConfig(command.settings));
      case 'change':
        return this.#change(resolveConfig(command.settings));
      case 'load':
        return this.#load(command.files);
      case 'run':
      case 'pause':
        return this.#setRunning(command.type === 'run');
      case 'look':
        this.#look.state = within(command.state);
        return live?.changed();
      case 'energy':
        this.#look.mode = command.mode;
        return live?.changed();
      case 'appearance':
        this.#look.appearance = command.appearance;
        return live?.changed();
      case 'resize':
        this.#views?.[command.view].picture.resize(command.width, command.height);
        return live?.changed();
      case 'pace':
        return this.#pacer.setRate(command.iterationsPerSecond, performance.now());
      case 'exact':
        this.#exact.turn(command.on);
        return live?.changed();
      case 'goals':
        this.#oldTransitions = command.transitions;
        // Without a run they are for the next one.
        if (!live && this.#recipe) this.#recipe = { ...this.#recipe, goals: command.goals };
        return live ? this.#obeyRun(command, live) : undefined;
      case 'step':
      case 'temperature':
      case 'profile':
      case 'save':
      case 'picture':
        if (!live) throw new UsageError('There is no run at the moment: begin a new one first.');
        return this.#obeyRun(command, live);
    }
  }

  /** Commands that a run must be there for. */
  async #obeyRun(
    command: Extract<Command, { type: 'step' | 'temperature' | 'goals' | 'profile' | 'save' | 'picture' }>,
    live: Live,
  ): Promise<void> {
    const { run } = live;
    switch (command.type) {
      case 'step':
        if (command.size === 'epoch') run.trainer.advance(EPOCH);
        else run.trainer.step(command.size === 'stein' ? 'policy' : command.size);
        return live.moved();
      case 'temperature': {
        const config = resolveConfig({ ...run.config, temperature: command.alpha });
        if (run.setTemperature(command.alpha)) this.#recipe = { config, goals: run.goals };
        else await this.#change({ ...config, finalTemperature: null, targetEntropy: null });
        return this.#live?.moved();
      }
      case 'goals':
        await run.setGoals(command.goals, command.transitions);
        this.#recipe = { config: run.config, goals: run.goals };
        return live.moved();
      case 'profile':
        await live.settle();
        return this.#post(await profileRun(run.trainer.gpu, run.config));
      case 'save': {
        const snapshot = await run.snapshot();
        const files = await runFilesOf(snapshot);
        const buffers = Object.values(files).map(({ buffer }) => buffer);
        return this.#post({ type: 'saved', name: runNameOf(snapshot), files }, buffers);
      }
      case 'picture':
        return this.#post({ type: 'picture', view: command.view, png: await live.png(command.view) });
    }
  }

  async #open({ settings, goals, canvases, appearance, running }: Opening): Promise<void> {
    this.#views = {
      world: new WorldView(new Picture(canvases.world)),
      energy: new EnergyView(new Picture(canvases.energy)),
    };
    this.#look.appearance = appearance;
    this.#running = running;
    const config = resolveConfig(settings);
    this.#recipe = { config, goals };
    try {
      await this.#begin({ config, goals, snapshot: null, why: 'opened' });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw new Failure('error', error.message);
    }
  }

  async #restart(config: Config): Promise<void> {
    await this.#begin({ config, goals: this.#recipe!.goals, snapshot: null, why: 'restarted' });
  }

  async #change(config: Config): Promise<void> {
    const { config: before, goals } = this.#recipe!;
    const snapshot = goesOnWith(before, config) ? await this.#lastGood() : null;
    await this.#begin({ config, goals, snapshot, why: snapshot ? 'changed' : 'restarted' });
  }

  async #load(files: RunFiles): Promise<void> {
    const snapshot = await snapshotOf(files);
    const { environment } = snapshot.config;
    if (environment !== TASK)
      throw new UsageError(`This run is of '${environment}'; the page shows ${TASK}.`);
    await this.#begin({ config: snapshot.config, goals: goalsOf(snapshot), snapshot, why: 'loaded' });
  }

  #setRunning(running: boolean): void {
    this.#running = running;
    if (this.#live) {
      this.#live.running = running;
      this.#live.changed();
    }
    this.#post({ type: 'running', running: running && this.#live !== null });
  }

  /**
   * Replaces the run that there is, if any, by another.
   * @throws UsageError when the new one cannot be made; the old one goes on then.
   */
  async #begin(next: {
    readonly config: Config;
    readonly goals: readonly Point[];
    readonly snapshot: Snapshot | null;
    readonly why: Why;
  }): Promise<void> {
    const before = this.#live && this.#recipe;
    const kept = !before ? null : next.why === 'changed' ? next.snapshot : await this.#lastGood();
    await this.#leave();
    try {
      await this.#make(next.config, next.goals, next.snapshot);
    } catch (error) {
      if (!(error instanceof UsageError) || !before) throw error;
      await this.#make(before.config, before.goals, kept);
      throw error;
    }
    if (next.snapshot) this.#keeper.keep(next.snapshot);
    else this.#keeper.clear();
    this.#ready(next.why);
  }

  /** `transitions` is what becomes of stored ones where the snapshot's goals were others. */
  async #make(
    config: Config,
    goals: readonly Point[],
    snapshot: Snapshot | null,
    transitions: OldTransitions = 'keep',
  ): Promise<void> {
    const device = (this.#device ??= await this.#openDevice());
    const views = this.#views!;
    const run = await Run.create(device.pipelines, views, config, { goals, transitions }, snapshot);
    this.#recipe = { config: run.config, goals };
    this.#live = new Live(run, {
      views,
      look: this.#look,
      keeper: this.#keeper,
      exact: this.#exact,
      pacer: this.#pacer,
      software: device.pipelines.software,
      post: this.#post,
    });
    this.#live.running = this.#running;
  }

  /** Ends the run that there is and frees its memory. */
  async #leave(): Promise<void> {
    const live = this.#live;
    this.#live = null;
    await live?.settle();
    live?.run.free();
  }

  async #openDevice(): Promise<Device> {
    const device = await openDevice();
    void device.lost.then(() => {
      this.#lost = device;
      this.#wake();
      this.#live?.wake();
    });
    return device;
  }

  #ready(why: Why): void {
    const { run } = this.#live!;
    this.#post({
      type: 'ready',
      adapter: this.#device!.adapter,
      config: run.config,
      goals: run.goals,
      updates: run.trainer.updates,
      why,
    });
    this.#post({ type: 'running', running: this.#running });
  }

  /** The run's state, or the last one kept if that is no longer finite; null if there is none. */
  async #lastGood(): Promise<Snapshot | null> {
    if (!this.#live) return this.#keeper.snapshot;
    try {
      return await this.#live.run.snapshot();
    } catch (error) {
      if (error instanceof DivergenceError) return this.#keeper.snapshot;
      throw error;
    }
  }

  /** Makes everything again on another device, from the last state in memory. */
  async #recover(): Promise<void> {
    const lost = this.#lost;
    this.#lost = null;
    if (lost !== this.#device) return;
    this.#device = null;
    this.#post({ type: 'lost' });
    await this.#leave();
    if (!this.#keeper.lost(performance.now()) || !this.#recipe) {
      throw new Failure('lost', 'The GPU was lost twice within half a minute; it is left alone now.');
    }
    for (const wait of BACKOFF_MS) {
      await sleep(wait);
      this.#device = await this.#openDevice().catch(() => null);
      if (this.#device) break;
    }
    if (!this.#device) throw new Failure('lost', 'The GPU was lost and does not come back.');
    this.#exact.retry();
    const { config, goals } = this.#recipe;
    const { snapshot } = this.#keeper;
    // Goals that moved since the state was kept: its transitions are still of the old world.
    const moved =
      snapshot !== null && goalsOf(snapshot).flat().join() !== goals.flat().map(Math.fround).join();
    try {
      await this.#make(config, goals, snapshot, moved ? this.#oldTransitions : 'keep');
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw new Failure('lost', `The GPU is back, but the run no longer fits it. ${error.message}`);
    }
    this.#ready('recovered');
  }

  /** Tells the page of an error, after finding out whether a lost device was its cause. */
  async #failed(error: unknown): Promise<void> {
    const message = error instanceof Error ? error.message : String(error);
    const device = this.#device;
    const broken = device !== null && hasFailed(device);
    if ((error instanceof UsageError || error instanceof CheckpointError) && !broken) {
      this.#post({ type: 'refused', message });
      // The page may show what was refused: this is what holds.
      if (this.#live) this.#ready('kept');
      return;
    }
    if (device && !(error instanceof DivergenceError || error instanceof Failure)) {
      const lost = device.lost.then(() => true);
      if (await Promise.race([lost, sleep(LOSS_NOTICE_MS).then(() => false)])) return;
    }
    await this.#leave();
    if (broken) {
      // Out of memory, say: whatever comes next begins on a fresh device.
      this.#device = null;
      device.pipelines.gpu.dispose();
    }
    this.#post({ type: 'running', running: false });
    const { snapshot } = this.#keeper;
    const files = snapshot ? await runFilesOf(snapshot) : null;
    this.#post({ type: 'failed', code: codeOf(error), message, files });
  }
}

function codeOf(error: unknown): FailureCode {
  if (error instanceof Failure) return error.code;
  return error instanceof DivergenceError ? 'diverged' : 'error';
}

/** A state within the walls. */
function within([x, y]: Point): Point {
  const clip = (at: number) => Math.min(Math.max(at, -MULTIGOAL_BOUND), MULTIGOAL_BOUND);
  return [clip(x), clip(y)];
}
