import type { Config, Evaluation, MetricRow } from '../src/index.ts';

/**
 * What page and session say to each other. The session trains and draws in a worker; the page has the controls, the
 * charts and the words. A recorded run speaks the same language where there is no WebGPU.
 */

/** A position on the plane, or an action: two numbers. */
export type Point = readonly [x: number, y: number];

/** Settings of a run as a user gives them: a preset and what differs from it, checked by `resolveConfig`. */
export type Settings = Readonly<Partial<Config>>;

/** The two pictures that the session draws. */
export type ViewName = 'world' | 'energy';

/** What the energy view shows: Q(s, .) / alpha over the actions at one state, or V over the plane. */
export type EnergyMode = 'actions' | 'values';

/** What happens to transitions that were collected before the goals moved. */
export type OldTransitions = 'keep' | 'relabel' | 'drop';

/** A single step of Algorithm 1: lines 4-8, line 20 alone, line 26 alone, or an epoch of 25 iterations. */
export type StepSize = 'environment' | 'critic' | 'stein' | 'epoch';

/** Colours of the drawn pictures follow the page's theme. */
export interface Appearance {
  readonly dark: boolean;
  /** `prefers-reduced-motion`: pictures change at most twice a second, without trails. */
  readonly reducedMotion: boolean;
}

/** Files of a run folder by name: `config.json` and those of its newest checkpoint. */
export type RunFiles = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** From the page to the session. */
export type Command =
  | {
      readonly type: 'open';
      readonly settings: Settings;
      readonly goals: readonly Point[];
      readonly canvases: Readonly<Record<ViewName, OffscreenCanvas>>;
      readonly appearance: Appearance;
      /** Whether to train at once. */
      readonly running: boolean;
    }
  /** Begins a new run from nothing. */
  | { readonly type: 'restart'; readonly settings: Settings }
  /** Goes on with other settings, keeping networks, replay and environments where they still fit. */
  | { readonly type: 'change'; readonly settings: Settings }
  | { readonly type: 'run' }
  | { readonly type: 'pause' }
  | { readonly type: 'step'; readonly size: StepSize }
  /** At most so many iterations a second; null as many as there are. */
  | { readonly type: 'pace'; readonly iterationsPerSecond: number | null }
  | { readonly type: 'temperature'; readonly alpha: number }
  | { readonly type: 'goals'; readonly goals: readonly Point[]; readonly transitions: OldTransitions }
  /** Which state the energy is shown at. */
  | { readonly type: 'look'; readonly state: Point }
  | { readonly type: 'energy'; readonly mode: EnergyMode }
  /** Solve the task and show the exact density and the distance to it; or stop that. */
  | { readonly type: 'exact'; readonly on: boolean }
  | { readonly type: 'resize'; readonly view: ViewName; readonly width: number; readonly height: number }
  | { readonly type: 'appearance'; readonly appearance: Appearance }
  | { readonly type: 'profile' }
  | { readonly type: 'save' }
  | { readonly type: 'load'; readonly files: RunFiles }
  | { readonly type: 'picture'; readonly view: ViewName };

/** One program's cost, from timestamp queries. */
export interface ProgramTime {
  readonly program: string;
  readonly dispatches: number;
  readonly milliseconds: number;
  /** Of the dense layers in it; null for programs without any. */
  readonly gflops: number | null;
  /** Share of the adapter's measured peak of multiply-adds; null where `gflops` is. */
  readonly rooflineShare: number | null;
}

/** From the session to the page. */
export type Report =
  /** A run is ready: at the start, after a restart, a change, a load or a recovery. */
  | {
      readonly type: 'ready';
      readonly adapter: string;
      readonly config: Config;
      readonly goals: readonly Point[];
      readonly updates: number;
      readonly why: 'opened' | 'restarted' | 'changed' | 'loaded' | 'recovered' | 'kept';
    }
  /** There is no going on; `code` says which advice to show. */
  | {
      readonly type: 'failed';
      readonly code: 'no-webgpu' | 'no-adapter' | 'no-device' | 'diverged' | 'lost' | 'error';
      readonly message: string;
      /** The last state that was kept in memory, if any, for the visitor to download. */
      readonly files: RunFiles | null;
    }
  /** A mistake of the visitor's, in one sentence; the session goes on as before. */
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'running'; readonly running: boolean }
  | {
      readonly type: 'progress';
      readonly updates: number;
      readonly iterations: number;
      readonly environmentSteps: number;
      /** Over about the last second; 0 while paused. */
      readonly updatesPerSecond: number;
      readonly stepsPerSecond: number;
      readonly rows: readonly MetricRow[];
    }
  /** Rollouts of the policy, apart from training. */
  | { readonly type: 'evaluation'; readonly updates: number; readonly evaluation: Evaluation }
  | {
      readonly type: 'exact';
      readonly state: 'off' | 'solving' | 'ready' | 'failed';
      readonly message: string;
    }
  /** mean |Q - Q*| and mean (Q - Q*) at state-action pairs of pi*, nats. */
  | { readonly type: 'distance'; readonly updates: number; readonly error: number; readonly bias: number }
  /** What the pictures show, in words; at most once a second. */
  | { readonly type: 'summary'; readonly view: ViewName; readonly text: string }
  | { readonly type: 'warning'; readonly text: string | null }
  /** The device was lost; a `ready` with why 'recovered' or a `failed` follows. */
  | { readonly type: 'lost' }
  | {
      readonly type: 'profile';
      readonly programs: readonly ProgramTime[];
      /** Step of the clock, nanoseconds; null where the browser gives no timestamps. */
      readonly timestampStep: number | null;
      /** GFLOP/s of pure multiply-adds on this adapter. */
      readonly roofline: number;
      readonly message: string;
    }
  | { readonly type: 'saved'; readonly name: string; readonly files: RunFiles }
  | { readonly type: 'picture'; readonly view: ViewName; readonly png: Blob };
