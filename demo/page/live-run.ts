import { resolveConfig, type Config, type Evaluation } from '../../src/index.ts';
import type {
  Appearance,
  Command,
  EnergyMode,
  OldTransitions,
  Point,
  Report,
  Settings,
  StepSize,
} from '../protocol.ts';
import { onPlane } from './goals.ts';
import { History } from './history.ts';
import type { Shared } from './link.ts';
import type { Session } from './session.ts';

/** What the views are told: a session's report, or that the visitor changed something. */
export type News = Report | { readonly type: 'edited' };

/** Columns of the history that do not come from the metrics of training. */
export const COLUMNS = {
  success: 'evaluation/success',
  share: (goal: number) => `evaluation/share_goal_${goal + 1}`,
  outcomeEntropy: 'evaluation/outcome_entropy',
  distance: 'exact/q_error',
  bias: 'exact/q_bias',
} as const;

/** Settings that outlive a change of algorithm: every algorithm reads them. */
export const COMMON = [
  'preset',
  'seed',
  'environments',
  'replayCapacity',
  'temperature',
  'finalTemperature',
] as const satisfies readonly (keyof Config)[];

/**
 * The page's side of a run: what the visitor has chosen, what the session has reported, and the commands that the one
 * makes of the other. Views read it and listen to it; none talks to the session by itself.
 */
export class LiveRun {
  readonly history = new History();
  #session: Session | null = null;
  #settings: Settings;
  #config: Config;
  #goals: readonly Point[];
  #pinned: Point;
  #hovered: Point | null = null;
  #running = true;
  #mode: EnergyMode = 'actions';
  #exact: Extract<Report, { type: 'exact' }> = { type: 'exact', state: 'off', message: '' };
  #pace: number | null = null;
  #compare: Config['algorithm'] | null;
  #adapter = '';
  #updates = 0;
  #evaluation: Evaluation | null = null;
  readonly #listeners = new Set<(news: News) => void>();
  /** What to do with transitions of the old world when goals move. */
  oldTransitions: OldTransitions = 'relabel';
  /** Whether a recorded run plays: nothing about it can be changed. */
  recorded = false;

  constructor({ settings, goals, look, compare }: Shared) {
    this.#settings = settings;
    this.#config = resolveConfig(settings);
    this.#goals = goals;
    this.#pinned = look;
    this.#compare = compare;
  }

  /** What was chosen, for links and command lines. */
  get shared(): Shared {
    return { settings: this.#settings, goals: this.#goals, look: this.#pinned, compare: this.#compare };
  }

  /** All settings in force. */
  get config(): Config {
    return this.#config;
  }

  get goals(): readonly Point[] {
    return this.#goals;
  }

  /** The algorithm of a second learner that is wanted beside this one, never this one's own; null for none. */
  get compare(): Config['algorithm'] | null {
    return this.recorded ? null : this.#compare;
  }

  /** The state at which the energy is shown: under the pointer, or else pinned. */
  get look(): Point {
    return this.#hovered ?? this.#pinned;
  }

  get pinned(): Point {
    return this.#pinned;
  }

  get running(): boolean {
    return this.#running;
  }

  get mode(): EnergyMode {
    return this.#mode;
  }

  get exact(): Extract<Report, { type: 'exact' }> {
    return this.#exact;
  }

  /** Iterations a second at most; null as many as there are. */
  get pace(): number | null {
    return this.#pace;
  }

  get adapter(): string {
    return this.#adapter;
  }

  get updates(): number {
    return this.#updates;
  }

  get evaluation(): Evaluation | null {
    return this.#evaluation;
  }

  /** Calls `listener` with everything that happens from now on. */
  listen(listener: (news: News) => void): void {
    this.#listeners.add(listener);
  }

  /** Begins on `session`, which trains, or paints what was recorded, onto `canvases`. */
  open(
    session: Session,
    canvases: Extract<Command, { type: 'open' }>['canvases'],
    appearance: Appearance,
  ): void {
    this.#session = session;
    this.send({
      type: 'open',
      settings: this.#settings,
      goals: this.#goals,
      canvases,
      appearance,
      running: this.#running,
    });
    this.send({ type: 'look', state: this.look });
  }

  send(command: Command): void {
    this.#session?.send(command);
  }

  /** Takes in what a session reports. */
  receive(report: Report): void {
    switch (report.type) {
      case 'ready':
        this.#take(report.config);
        this.#adapter = report.adapter;
        // While a run is made ready the visitor may have moved goals on: those count, unless others came with a file.
        if (report.why === 'loaded' || this.recorded) this.#goals = report.goals;
        this.#updates = report.updates;
        // What is in force is not what was chosen here: it came with a file, or a choice was refused.
        if (report.why === 'loaded' || report.why === 'kept' || this.recorded)
          this.#settings = differences(report.config);
        if (report.why === 'restarted' || report.why === 'loaded') this.#forget();
        break;
      case 'running':
        this.#running = report.running;
        break;
      case 'progress':
        this.#updates = report.updates;
        for (const { updates, values } of report.rows) this.history.add(updates, values);
        break;
      case 'evaluation': {
        const { success, outcomeShares, outcomeEntropy } = report.evaluation;
        const shares = Object.fromEntries(outcomeShares.map((share, goal) => [COLUMNS.share(goal), share]));
        this.history.add(report.updates, {
          [COLUMNS.success]: success,
          ...shares,
          [COLUMNS.outcomeEntropy]: outcomeEntropy,
        });
        this.#evaluation = report.evaluation;
        break;
      }
      case 'distance':
        this.history.add(report.updates, { [COLUMNS.distance]: report.error, [COLUMNS.bias]: report.bias });
        break;
      case 'exact':
        this.#exact = report;
        break;
      case 'failed':
        this.#running = false;
        break;
      case 'refused':
      case 'summary':
      case 'lost':
      case 'profile':
      case 'saved':
      case 'picture':
        break;
    }
    this.#tell(report);
  }

  setRunning(running: boolean): void {
    this.#running = running;
    this.send({ type: running ? 'run' : 'pause' });
    this.#edited();
  }

  step(size: StepSize): void {
    if (this.#running) this.setRunning(false);
    this.send({ type: 'step', size });
  }

  setPace(iterationsPerSecond: number | null): void {
    this.#pace = iterationsPerSecond;
    this.send({ type: 'pace', iterationsPerSecond });
    this.#edited();
  }

  /** Another alpha, raw reward units, from the next update on; a schedule or a target entropy ends with it. */
  setTemperature(alpha: number): void {
    const fixed = { temperature: alpha, finalTemperature: null, targetEntropy: null };
    if (!this.#accept({ ...this.#settings, ...fixed })) return;
    this.send({ type: 'temperature', alpha });
    this.#edited();
  }

  /** Settings with which the run goes on. */
  change(settings: Settings): void {
    if (!this.#accept({ ...this.#settings, ...settings })) return;
    this.send({ type: 'change', settings: this.#settings });
    this.#edited();
  }

  /** A new run with other settings; without any, the same again. */
  restart(settings: Settings = {}): void {
    this.begin({ ...this.#settings, ...settings });
  }

  /** A new run with exactly these settings; what is known of the old one goes when the new one is ready. */
  begin(settings: Settings): void {
    if (!this.#accept(settings)) return;
    this.send({ type: 'restart', settings: this.#settings });
    this.#edited();
  }

  /** A new run by another algorithm, which keeps the settings that every algorithm reads. */
  chooseAlgorithm(algorithm: Config['algorithm']): void {
    this.begin(settingsFor(algorithm, this.#settings));
  }

  /** A new run by another preset, of which seed and algorithm alone are kept. */
  choosePreset(preset: string): void {
    const { seed, algorithm } = this.#settings;
    this.begin({
      ...(seed !== undefined && { seed }),
      ...(algorithm !== undefined && { algorithm }),
      preset,
    });
  }

  /** Wants a second learner of `algorithm` beside this one; null, or this one's own algorithm, wants none. */
  setCompare(algorithm: Config['algorithm'] | null): void {
    this.#compare = algorithm === this.#config.algorithm ? null : algorithm;
    this.#edited();
  }

  /** Moves, adds or removes goals while training goes on. */
  setGoals(goals: readonly Point[], transitions = this.oldTransitions): void {
    this.#goals = goals;
    this.send({ type: 'goals', goals, transitions });
    this.#edited();
  }

  /** Shows the energy at `state` while the pointer is there; null when it has left. */
  hover(state: Point | null): void {
    this.#hovered = state && onPlane(state);
    this.send({ type: 'look', state: this.look });
    this.#edited();
  }

  /** Shows the energy at `state` from now on. */
  pin(state: Point): void {
    this.#hovered = null;
    this.#pinned = onPlane(state);
    this.send({ type: 'look', state: this.look });
    this.#edited();
  }

  setMode(mode: EnergyMode): void {
    this.#mode = mode;
    this.send({ type: 'energy', mode });
    this.#edited();
  }

  setExact(on: boolean): void {
    this.#exact = { type: 'exact', state: on ? 'solving' : 'off', message: '' };
    this.send({ type: 'exact', on });
    this.#edited();
  }

  /** Takes settings that fit; for others the visitor is told why not. */
  #accept(settings: Settings): boolean {
    try {
      this.#take(resolveConfig(settings));
      this.#settings = differences(this.#config);
      return true;
    } catch (error) {
      this.#tell({ type: 'refused', message: (error as Error).message });
      return false;
    }
  }

  /** Holds another configuration. A learner that becomes what it was compared with changes places with it. */
  #take(config: Config): void {
    if (config.algorithm === this.#compare) this.#compare = this.#config.algorithm;
    this.#config = config;
  }

  #forget(): void {
    this.history.clear();
    this.#evaluation = null;
    this.#updates = 0;
  }

  #edited(): void {
    this.#tell({ type: 'edited' });
  }

  #tell(news: News): void {
    for (const listener of this.#listeners) listener(news);
  }
}

/** What another algorithm takes over from a run's settings: those that every algorithm reads. */
export function settingsFor(algorithm: Config['algorithm'], settings: Settings): Settings {
  const common = COMMON.flatMap((key) => (key in settings ? [[key, settings[key]]] : []));
  return { ...(Object.fromEntries(common) as Settings), algorithm };
}

/** What a complete configuration changes in its preset, as a link or a command line would say it. */
function differences(config: Config): Settings {
  const { preset, algorithm } = config;
  const start = resolveConfig({ preset, algorithm });
  const changed = Object.entries(config).filter(
    ([key, value]) => String(value) !== String(start[key as keyof Config]),
  );
  return {
    ...(preset !== 'default' && { preset }),
    ...(algorithm !== 'soft-q' && { algorithm }),
    ...Object.fromEntries(changed),
  };
}
