import cliProgress from 'cli-progress';

const SECONDS_BETWEEN_LINES = 5;

/** Tells people how far a run is: a bar on a terminal, a plain line every few seconds elsewhere. */
export interface ProgressReport {
  update(done: number, note: string): void;
  stop(): void;
}

/** Progress towards `total` updates, on `stream` (stderr: stdout is for results). */
export function reportProgress(total: number, stream: NodeJS.WriteStream = process.stderr): ProgressReport {
  const begin = performance.now();
  const rate = (done: number) => done / ((performance.now() - begin) / 1000);
  const text = (done: number, note: string) => {
    const perSecond = rate(done);
    const left = perSecond > 0 ? `${Math.ceil((total - done) / perSecond)} s left` : '';
    return [`${perSecond.toFixed(0)} updates/s`, left, note].filter(Boolean).join(', ');
  };
  if (stream.isTTY) {
    const bar = new cliProgress.SingleBar(
      { format: '{bar} {value}/{total} updates  {note}', hideCursor: true, stream, barsize: 24 },
      cliProgress.Presets.shades_classic,
    );
    bar.start(total, 0, { note: '' });
    return {
      update: (done, note) => bar.update(done, { note: text(done, note) }),
      stop: () => bar.stop(),
    };
  }
  let last = begin;
  return {
    update(done, note) {
      if (performance.now() - last < SECONDS_BETWEEN_LINES * 1000) return;
      last = performance.now();
      stream.write(`${done}/${total} updates, ${text(done, note)}\n`);
    },
    stop() {},
  };
}
