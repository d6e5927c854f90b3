import { adviceOn, obstacle, type Obstacle } from './page/advice.ts';
import { installAppearance } from './page/appearance.ts';
import { Charts } from './page/charts.ts';
import { Companion } from './page/companion.ts';
import { Comparison } from './page/comparison.ts';
import { installTips } from './page/control-rows.ts';
import { Controls } from './page/controls.ts';
import { byId, element } from './page/dom.ts';
import { EnergyView } from './page/energy-view.ts';
import { Keep, nameOf, saveRun } from './page/keep.ts';
import { readHash } from './page/link.ts';
import { LiveRun } from './page/live-run.ts';
import { notify, showBanner, type Remedy } from './page/notices.ts';
import { installProfile } from './page/profile.ts';
import { startWorker, type Session } from './page/session.ts';
import { installStatus } from './page/status.ts';
import { Tour } from './page/tour.ts';
import { WorldView } from './page/world-view.ts';
import type { Report } from './protocol.ts';

type Failure = Extract<Report, { type: 'failed' }>;

const link = readHash(location.hash);
const run = new LiveRun(link);
const world = new WorldView(run);
const energy = new EnergyView(run);
const companion = new Companion(run, {
  stage: new Comparison(run),
  start: startWorker,
  appearance: () => appearance(),
  notify,
});
const charts = new Charts(run, companion);
const controls = new Controls(run);
const keep = new Keep(run, companion);
const tour = new Tour(run);
let session: Session | null = null;

const appearance = installAppearance((chosen) => {
  run.send({ type: 'appearance', appearance: chosen });
  charts.recolour();
});
installTips();
installProfile(run);
installStatus(run);
byId('tour-button').addEventListener('click', () => tour.open());
// A link pasted into the same tab changes the hash alone.
addEventListener('hashchange', () => location.reload());
run.listen((news) => {
  if (news.type === 'refused') notify(news.message);
  if (news.type === 'lost')
    showBanner({
      title: 'The graphics device was lost.',
      text: 'Going on from the last state kept in memory…',
    });
  // Above a recorded run it stays: it says why nothing is trained.
  if (news.type === 'ready' && !run.recorded) showBanner(null);
  if (news.type === 'ready' && news.why === 'recovered')
    notify(`Recovered: training goes on from update ${news.updates}.`);
  if (news.type === 'failed') fail(news);
});
if (link.problem) notify(link.problem);

const blocked = obstacle();
if (blocked) void play(blocked, '');
else open((listener) => startWorker(listener));

/** Begins on a new session, with canvases that no other has had. */
function open(start: (listener: (report: Report) => void) => Session): void {
  session?.close();
  const canvases = {
    world: world.plot.renew(),
    energy: energy.plot.renew(),
  };
  session = start((report) => run.receive(report));
  run.open(companion.alongside(session), canvases, appearance());
  world.plot.measure();
  energy.plot.measure();
}

/** Says what happened, and shows the recorded run where nothing can be trained at all. */
function fail({ code, message, files }: Failure): void {
  if (code === 'no-webgpu' || code === 'no-adapter' || code === 'no-device') {
    void play(code, message);
    return;
  }
  const remedies: Remedy[] = [{ text: 'Start again', act: () => location.reload() }];
  if (files) remedies.unshift({ text: 'Download the run', act: () => void saveRun(nameOf(run), files) });
  showBanner({ ...adviceOn(code, message, files !== null), remedies });
}

/** Plays the recorded run, under words that say why it is not a live one. */
async function play(why: Obstacle, message: string): Promise<void> {
  try {
    // Loaded here only: who can train needs none of it.
    const { loadRecording, RecordedSession } = await import('./page/recorded-session.ts');
    const recording = await loadRecording();
    // It drives what a recorded run does not have.
    tour.close();
    byId('tour-button').hidden = true;
    run.recorded = true;
    const scrub = element('input', {
      type: 'range',
      id: 'scrub',
      min: 0,
      max: recording.frames.length - 1,
      value: 0,
    });
    open((listener) => {
      const recorded = new RecordedSession(recording, listener, (frame) => (scrub.valueAsNumber = frame));
      scrub.addEventListener('input', () => recorded.seek(scrub.valueAsNumber));
      return recorded;
    });
    const label = element('label', { for: 'scrub', text: 'Recorded run' });
    byId('controls').prepend(element('div', { class: 'row slider scrub' }, label, scrub));
    controls.hideLive();
    world.fixGoals();
    energy.hideValues();
    keep.hideSaving();
  } catch (error) {
    message = `${message} ${(error as Error).message}`;
  }
  showBanner(adviceOn(why, message));
}
