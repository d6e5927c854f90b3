import type { Command, Report } from '../protocol.ts';
import { Session } from './session.ts';

/** The worker that trains and draws: takes commands, posts reports. */

const session = new Session((report: Report, transfer: Transferable[] = []) => {
  self.postMessage(report, { transfer });
});

self.addEventListener('message', ({ data }: MessageEvent<Command>) => session.send(data));

/** Where a worker has no frames of its own, 60 a second. */
const FRAME_MS = 1000 / 60;
const nextFrame: (then: () => void) => unknown =
  typeof requestAnimationFrame === 'function' ? requestAnimationFrame : (then) => setTimeout(then, FRAME_MS);

function onFrame(): void {
  session.frame();
  nextFrame(onFrame);
}
nextFrame(onFrame);
