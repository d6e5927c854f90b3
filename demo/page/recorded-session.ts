import type { Appearance, Command, Point, Report, ViewName } from '../protocol.ts';
import { percent } from '../words.ts';
import { drawEnergy, drawWorld, type Pen } from './pictures.ts';
import { decodeRecording, type Frame, type Recording } from './recording.ts';
import type { Listener, Session } from './session.ts';

/** Steps of the world that a recorded frame is shown for, and how many of them a second has. */
const STEPS_PER_FRAME = 14;
const STEPS_PER_SECOND = 16;
/** Milliseconds between two pictures, and between two of them for someone who wants no motion. */
const PICTURE_MS = 33;
const STILL_MS = 500;
const SUMMARY_MS = 1000;

/** A run that was recorded, as a session: it plays, and can be moved to any of its frames. */
export class RecordedSession implements Session {
  readonly #recording: Recording;
  readonly #report: Listener;
  readonly #onFrame: (frame: number) => void;
  readonly #pens = new Map<ViewName, Pen>();
  #appearance: Appearance = { dark: false, reducedMotion: false };
  #running = false;
  #state = 0;
  #exact = false;
  /** Steps of the world since the first frame began. */
  #time = 0;
  #shown = -1;
  #stale = true;
  #lastTick = 0;
  #lastSummary = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  /** Reports to `listener`, and calls `onFrame` with the index of the frame that is shown. */
  constructor(recording: Recording, listener: Listener, onFrame: (frame: number) => void) {
    this.#onFrame = onFrame;
    this.#recording = recording;
    this.#report = listener;
    this.#timer = setInterval(() => this.#tick(), PICTURE_MS);
  }

  /** How many frames there are. */
  get frames(): number {
    return this.#recording.frames.length;
  }

  send(command: Command): void {
    this.#stale = true;
    switch (command.type) {
      case 'open': {
        const { config, goals, adapter } = this.#recording;
        for (const [view, canvas] of Object.entries(command.canvases)) {
          this.#pens.set(view as ViewName, canvas.getContext('2d', { willReadFrequently: true })!);
        }
        this.#appearance = command.appearance;
        this.#report({
          type: 'ready',
          adapter: `recorded on ${adapter}`,
          config,
          goals,
          updates: 0,
          why: 'opened',
        });
        this.#run(command.running);
        break;
      }
      case 'run':
      case 'pause':
        this.#run(command.type === 'run');
        break;
      case 'step':
        this.seek(Math.min(this.frames - 1, this.#frame + 1));
        break;
      case 'look':
        this.#state = nearest(this.#recording.states, command.state);
        break;
      case 'exact':
        this.#exact = command.on;
        this.#report({ type: 'exact', state: command.on ? 'ready' : 'off', message: '' });
        break;
      case 'resize': {
        const pen = this.#pens.get(command.view);
        if (pen) [pen.canvas.width, pen.canvas.height] = [command.width, command.height];
        break;
      }
      case 'appearance':
        this.#appearance = command.appearance;
        break;
      case 'picture':
        void this.#pens
          .get(command.view)
          ?.canvas.convertToBlob()
          .then((png) => this.#report({ type: 'picture', view: command.view, png }));
        break;
      case 'restart':
        this.seek(0);
        break;
      case 'change':
      case 'pace':
      case 'temperature':
      case 'goals':
      case 'energy':
      case 'profile':
      case 'save':
      case 'load':
        this.#report({
          type: 'refused',
          message: 'A recorded run cannot be changed; it can be played and looked at.',
        });
        break;
    }
  }

  /** Shows a frame, from 0 on. */
  seek(frame: number): void {
    this.#time = frame * STEPS_PER_FRAME;
    this.#stale = true;
    this.#show();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  get #frame(): number {
    return Math.min(this.frames - 1, Math.floor(this.#time / STEPS_PER_FRAME));
  }

  #run(running: boolean): void {
    if (running && this.#frame === this.frames - 1) this.seek(0);
    this.#running = running;
    this.#lastTick = performance.now();
    this.#report({ type: 'running', running });
  }

  #tick(): void {
    const now = performance.now();
    const passed = now - this.#lastTick;
    if (this.#running && passed >= (this.#appearance.reducedMotion ? STILL_MS : PICTURE_MS)) {
      this.#lastTick = now;
      this.#time += (passed / 1000) * STEPS_PER_SECOND;
      this.#stale = true;
    }
    if (this.#stale && this.#pens.size > 0) this.#show();
  }

  #show(): void {
    this.#stale = false;
    const index = this.#frame;
    const frame = this.#recording.frames[index]!;
    if (index !== this.#shown) this.#reportFrames(index);
    this.#draw(frame);
    const now = performance.now();
    if (now - this.#lastSummary < SUMMARY_MS) return;
    this.#lastSummary = now;
    for (const summary of this.#summaries(frame)) this.#report(summary);
  }

  /** Reports what training would have reported since the frame shown before; from the start after a step back. */
  #reportFrames(index: number): void {
    const { frames, config, goals, adapter } = this.#recording;
    let first = this.#shown + 1;
    if (index < this.#shown) {
      const ready = { config, goals, updates: 0, why: 'restarted' } as const;
      this.#report({ type: 'ready', adapter: `recorded on ${adapter}`, ...ready });
      first = 0;
    }
    this.#shown = index;
    for (const { updates, environmentSteps, rows, evaluation } of frames.slice(first, index + 1)) {
      const counts = { updates, environmentSteps, iterations: environmentSteps / config.environments };
      this.#report({ type: 'progress', ...counts, updatesPerSecond: 0, stepsPerSecond: 0, rows });
      this.#report({ type: 'evaluation', updates, evaluation });
    }
    this.#onFrame(index);
  }

  #draw(frame: Frame): void {
    const { goals, states, side, optimum } = this.#recording;
    const world = this.#pens.get('world')!;
    const { dark, reducedMotion } = this.#appearance;
    const time = reducedMotion ? STEPS_PER_FRAME : this.#time;
    drawWorld(world, { goals, episodes: frame.episodes, time, look: states[this.#state]!, dark });
    const energy = this.#pens.get('energy')!;
    const { width, height } = energy.canvas;
    const size = Math.min(width, height);
    energy.clearRect(0, 0, width, height);
    drawEnergy(
      energy,
      { grid: frame.energies[this.#state]!, side, actions: frame.actions[this.#state]! },
      { left: 0, top: 0, size },
    );
    if (!this.#exact) return;
    const left = width > height ? width - size : 0;
    drawEnergy(
      energy,
      { grid: optimum[this.#state]!, side, actions: [] },
      { left, top: height - size, size },
    );
  }

  #summaries({ updates, evaluation }: Frame): Report[] {
    const { states } = this.#recording;
    const shares = evaluation.outcomeShares.map((share, goal) => `goal ${goal + 1} ${percent(share)}`);
    return [
      {
        type: 'summary',
        view: 'world',
        text: `After ${updates} updates ${percent(evaluation.success)} of episodes reach a goal: ${shares.join(', ')}.`,
      },
      {
        type: 'summary',
        view: 'energy',
        text: `Q/α over the actions at (${states[this.#state]!.join(', ')}), with draws of the policy.`,
      },
    ];
  }
}

/** Loads the recording that comes with the page. */
export async function loadRecording(): Promise<Recording> {
  const response = await fetch(new URL('../recording/default.bin', import.meta.url));
  if (!response.ok) throw new Error(`The recorded run could not be loaded (HTTP ${response.status}).`);
  return decodeRecording(await response.blob());
}

function nearest(states: readonly Point[], [x, y]: Point): number {
  const distances = states.map(([sx, sy]) => Math.hypot(sx - x, sy - y));
  return distances.indexOf(Math.min(...distances));
}
