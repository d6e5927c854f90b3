import type { Config } from '../../src/index.ts';
import type { Appearance, Command, Settings } from '../protocol.ts';
import { ALGORITHM_NAMES } from '../words.ts';
import { COMMON, LiveRun, settingsFor, type News } from './live-run.ts';
import type { Listener, Session } from './session.ts';

/** Where a second learner is shown. */
export interface Stage {
  /** Shows `learner`, and gives canvases that no session has had. */
  open(learner: LiveRun): Extract<Command, { type: 'open' }>['canvases'];
  /** Tells `learner` the sizes of its canvases. */
  measure(): void;
  /** Takes it away. */
  close(): void;
}

/**
 * The learner beside the first: a session of its own, on a device of its own, which hears every command that is about
 * both. It is there while the first run wants to be compared, and gone, worker and device, when it does not.
 */
export class Companion {
  readonly #run: LiveRun;
  readonly #stage: Stage;
  readonly #start: (listener: Listener) => Session;
  readonly #appearance: () => Appearance;
  readonly #notify: (sentence: string) => void;
  readonly #listeners = new Set<(news: News) => void>();
  #open: { readonly learner: LiveRun; readonly session: Session } | null = null;

  constructor(
    run: LiveRun,
    options: {
      readonly stage: Stage;
      /** Starts a session whose reports go to `listener`. */
      readonly start: (listener: Listener) => Session;
      readonly appearance: () => Appearance;
      /** Tells the visitor what becomes of the second learner. */
      readonly notify: (sentence: string) => void;
    },
  ) {
    this.#run = run;
    this.#stage = options.stage;
    this.#start = options.start;
    this.#appearance = options.appearance;
    this.#notify = options.notify;
    run.listen((news) => this.#hear(news));
  }

  /** The second learner; null while there is none. */
  get learner(): LiveRun | null {
    return this.#open?.learner ?? null;
  }

  /** Calls `listener` with everything that happens to the second learner, its coming and going among it. */
  listen(listener: (news: News) => void): void {
    this.#listeners.add(listener);
  }

  /** The first learner's session, as one that both learners obey. */
  alongside(session: Session): Session {
    return {
      send: (command) => {
        session.send(command);
        if (this.learner) this.#follow(this.learner, command);
      },
      close: () => session.close(),
    };
  }

  #hear(news: News): void {
    const { adapter, compare, running } = this.#run;
    // Not before the first learner is there: it is to be seen at once.
    const wanted = adapter === '' ? null : compare;
    if (wanted === null) this.#close();
    else if (!this.learner) this.#begin(wanted);
    else this.#catchUp(this.learner, news);
    // The first may have stopped by itself.
    if (this.learner && this.learner.running !== running) this.learner.setRunning(running);
  }

  #begin(algorithm: Config['algorithm']): void {
    try {
      this.#launch(algorithm);
    } catch (error) {
      // Whoever else hears of the first learner has no part in it.
      this.#end((error as Error).message);
    }
    this.#tell({ type: 'edited' });
  }

  #launch(algorithm: Config['algorithm']): void {
    const { goals, look, running, pace, mode, exact } = this.#run;
    const learner = new LiveRun({ settings: this.#settings(algorithm), goals, look, compare: null });
    const session = this.#start((report) => {
      // A report may still be on its way from a worker that has been ended.
      if (this.learner === learner) learner.receive(report);
    });
    this.#open = { learner, session };
    if (!running) learner.setRunning(false);
    learner.open(session, this.#stage.open(learner), this.#appearance());
    this.#stage.measure();
    if (pace !== null) learner.setPace(pace);
    learner.setMode(mode);
    if (exact.state !== 'off') learner.setExact(true);
    let refusal = '';
    learner.listen((news) => {
      if (news.type === 'failed') return this.#end(news.message);
      if (news.type === 'refused') {
        refusal = news.message;
        this.#notify(`${ALGORITHM_NAMES[learner.config.algorithm]}: ${refusal}`);
      }
      // What was refused is known when it says what holds instead; asked again, it would refuse again.
      const answers = news.type === 'refused' || (news.type === 'ready' && news.why === 'kept');
      if (answers && this.#differs(learner)) this.#end(refusal);
      else this.#tell(news);
    });
  }

  /** Gives the comparison up, and says why. */
  #end(why: string): void {
    const { compare } = this.#run;
    if (compare === null) return;
    const name = ALGORITHM_NAMES[compare];
    this.#notify(`The comparison with ${name} has ended, and the first learner goes on. ${why}`);
    this.#run.setCompare(null);
  }

  #close(): void {
    if (!this.#open) return;
    this.#open.session.close();
    this.#open = null;
    this.#stage.close();
    this.#tell({ type: 'edited' });
  }

  /** Obeys a command to the first learner, as far as it is about both. */
  #follow(learner: LiveRun, command: Command): void {
    switch (command.type) {
      case 'run':
      case 'pause':
        learner.setRunning(command.type === 'run');
        break;
      case 'step':
        learner.step(command.size);
        break;
      case 'pace':
        learner.setPace(command.iterationsPerSecond);
        break;
      case 'temperature':
        learner.setTemperature(command.alpha);
        break;
      case 'goals':
        learner.setGoals(command.goals, command.transitions);
        break;
      case 'look':
        learner.pin(command.state);
        break;
      case 'energy':
        learner.setMode(command.mode);
        break;
      case 'exact':
        learner.setExact(command.on);
        break;
      case 'appearance':
        learner.send(command);
        break;
      case 'restart':
        learner.begin(this.#settings());
        break;
      case 'change':
        // Most of what can be changed is the first algorithm's own.
        if (this.#differs(learner)) learner.change(this.#settings());
        break;
      case 'open':
      case 'resize':
      case 'profile':
      case 'save':
      case 'load':
      case 'picture':
        break;
    }
  }

  /** Begins anew where another algorithm is wanted, or the first has come to other goals or settings by itself. */
  #catchUp(learner: LiveRun, news: News): void {
    const byItself = news.type === 'ready' && (news.why === 'loaded' || news.why === 'kept');
    const isOther = byItself ? this.#differs(learner) : learner.config.algorithm !== this.#run.compare;
    const moved = learner.goals.join() !== this.#run.goals.join();
    if (moved) learner.setGoals(this.#run.goals, 'drop');
    if (moved || isOther) learner.begin(this.#settings());
  }

  /** Whether `learner` is not what the first is to be compared with. */
  #differs({ config }: LiveRun): boolean {
    const isOther = (key: keyof Config) => String(config[key]) !== String(this.#run.config[key]);
    return config.algorithm !== this.#run.compare || COMMON.some(isOther);
  }

  /** The first learner's settings for another algorithm. */
  #settings(algorithm = this.#run.compare!): Settings {
    return settingsFor(algorithm, this.#run.shared.settings);
  }

  #tell(news: News): void {
    for (const listener of this.#listeners) listener(news);
  }
}
