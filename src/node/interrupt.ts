/** Signals that ask a run to end; their exit codes are the shell's, 128 plus the number. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof EXIT_CODES;

/** npm and the terminal may both deliver one Ctrl-C: what comes this soon after the first is the same one. */
const SAME_PRESS_MS = 1000;

/** Turns the first signal into an abort, so that a run can save what it has; a later one ends the process. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Ends the run as a signal would, for a reason of the program's own. */
  abort(): void;
  /** The exit code of the signal that came, if one did. */
  readonly exitCode: number | undefined;
  /** Gives the signals back to Node. */
  release(): void;
}

/** Listens to Ctrl-C and its like until `release` is called. */
export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let first = 0;
  const onSignal = (signal: Signal) => {
    if (exitCode !== undefined && performance.now() - first > SAME_PRESS_MS) process.exit(EXIT_CODES[signal]);
    if (exitCode === undefined) first = performance.now();
    exitCode ??= EXIT_CODES[signal];
    controller.abort();
  };
  const signals = Object.keys(EXIT_CODES) as Signal[];
  for (const signal of signals) process.on(signal, onSignal);
  return {
    signal: controller.signal,
    abort: () => controller.abort(),
    get exitCode() {
      return exitCode;
    },
    release: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
