import { describe, expect, test } from 'vitest';
import { Companion } from '../../demo/page/companion.ts';
import { START } from '../../demo/page/link.ts';
import { LiveRun } from '../../demo/page/live-run.ts';
import type { Listener } from '../../demo/page/session.ts';
import type { Command, Report, Settings } from '../../demo/protocol.ts';
import { resolveConfig } from '../../src/index.ts';

const APPEARANCE = { dark: false, reducedMotion: false };
const CANVASES = {} as Extract<Command, { type: 'open' }>['canvases'];

function ready(
  settings: Settings,
  why: Extract<Report, { type: 'ready' }>['why'] = 'opened',
  goals = START.goals,
): Report {
  return {
    type: 'ready',
    adapter: 'none',
    config: resolveConfig(settings),
    goals,
    updates: 0,
    why,
  };
}

/** A page's first learner and its companion, on sessions that only write down what they are told. */
function pair(settings: Settings = {}, beforeStart = () => undefined as void) {
  const run = new LiveRun({ ...START, settings });
  const toFirst: Command[] = [];
  const toSecond: Command[] = [];
  const shown: string[] = [];
  const notices: string[] = [];
  let report: Listener = () => undefined;
  const companion = new Companion(run, {
    stage: {
      open: () => (shown.push('open'), CANVASES),
      measure: () => shown.push('measure'),
      close: () => shown.push('close'),
    },
    start(listener) {
      beforeStart();
      report = listener;
      return { send: (command) => toSecond.push(command), close: () => shown.push('ended') };
    },
    appearance: () => APPEARANCE,
    notify: (sentence) => notices.push(sentence),
  });
  const first = { send: (command: Command) => toFirst.push(command), close: () => undefined };
  run.open(companion.alongside(first), CANVASES, APPEARANCE);
  /** What the second is told by `act`. */
  const told = (act: () => void) => {
    toSecond.length = 0;
    act();
    return [...toSecond];
  };
  return { run, companion, toFirst, told, shown, notices, report: (what: Report) => report(what) };
}

describe('a second learner', () => {
  test('begins when it is wanted and the first is there, with what both have in common', () => {
    const { run, companion, told, shown } = pair({ seed: 3, environments: 64, repulsion: false });
    expect(told(() => run.setCompare('ddpg'))).toEqual([]);
    run.setRunning(false);
    run.setMode('values');
    const [open, ...rest] = told(() => run.receive(ready({ seed: 3, environments: 64, repulsion: false })));
    expect(open).toMatchObject({
      type: 'open',
      settings: { seed: 3, environments: 64, algorithm: 'ddpg' },
      goals: START.goals,
      running: false,
    });
    expect(rest).toEqual([
      { type: 'look', state: START.look },
      { type: 'energy', mode: 'values' },
    ]);
    expect(shown).toEqual(['open', 'measure']);
    expect(companion.learner?.config).toMatchObject({ algorithm: 'ddpg', seed: 3 });
    expect(told(() => run.setCompare(null))).toEqual([]);
    expect(shown).toEqual(['open', 'measure', 'ended', 'close']);
    expect(companion.learner).toBeNull();
  });

  test('hears what is about both, and nothing else', () => {
    const { run, told, toFirst } = pair();
    run.receive(ready({}));
    run.setCompare('sac');
    const goals = [[1, 2]] as const;
    expect(told(() => run.setGoals(goals, 'drop'))).toEqual([{ type: 'goals', goals, transitions: 'drop' }]);
    expect(told(() => run.pin([1, -1]))).toEqual([{ type: 'look', state: [1, -1] }]);
    expect(told(() => run.setTemperature(4))).toEqual([{ type: 'temperature', alpha: 4 }]);
    expect(told(() => run.setPace(15))).toEqual([{ type: 'pace', iterationsPerSecond: 15 }]);
    expect(told(() => run.setExact(true))).toEqual([{ type: 'exact', on: true }]);
    expect(told(() => run.step('critic'))).toEqual([{ type: 'pause' }, { type: 'step', size: 'critic' }]);
    toFirst.length = 0;
    expect(told(() => run.change({ repulsion: false }))).toEqual([]);
    expect(told(() => run.send({ type: 'save' }))).toEqual([]);
    expect(toFirst.map(({ type }) => type)).toEqual(['change', 'save']);
    expect(told(() => run.change({ environments: 64 }))).toEqual([
      { type: 'change', settings: { algorithm: 'sac', environments: 64, temperature: 4 } },
    ]);
    expect(told(() => run.restart())).toEqual([
      { type: 'restart', settings: { algorithm: 'sac', environments: 64, temperature: 4 } },
    ]);
  });

  test('changes places with the first when that becomes what it is', () => {
    const { run, companion, told } = pair({ seed: 2 });
    run.receive(ready({ seed: 2 }));
    run.setCompare('ddpg');
    expect(told(() => run.chooseAlgorithm('ddpg'))).toEqual([{ type: 'restart', settings: { seed: 2 } }]);
    expect(run.compare).toBe('soft-q');
    expect(companion.learner?.config.algorithm).toBe('soft-q');
    run.setCompare('ddpg');
    expect(run.compare).toBeNull();
  });

  test('follows a first learner that changes or stops by itself', () => {
    const { run, told } = pair();
    run.receive(ready({}));
    run.setCompare('ddpg');
    expect(told(() => run.receive(ready({ seed: 9, stein: 'raw' }, 'loaded')))).toEqual([
      { type: 'restart', settings: { algorithm: 'ddpg', seed: 9 } },
    ]);
    const failed: Report = { type: 'failed', code: 'diverged', message: '', files: null };
    expect(told(() => run.receive(failed))).toEqual([{ type: 'pause' }]);
    expect(told(() => run.receive({ type: 'running', running: true }))).toEqual([{ type: 'run' }]);
  });

  test.each([
    ['its own algorithm', {}, 'ddpg'],
    ["the second's", { algorithm: 'ddpg' }, 'soft-q'],
  ] as const)('comes to the goals of a file that the first loads, of %s', (_, settings, second) => {
    const { run, companion, told } = pair();
    run.receive(ready({}));
    run.setCompare('ddpg');
    const goals = [[1, 2]] as const;
    expect(told(() => run.receive(ready(settings, 'loaded', goals)))).toEqual([
      { type: 'goals', goals, transitions: 'drop' },
      { type: 'restart', settings: second === 'soft-q' ? {} : { algorithm: second } },
    ]);
    expect(companion.learner).toMatchObject({ goals, config: { algorithm: second } });
    expect(told(() => run.receive({ type: 'running', running: true }))).toEqual([]);
  });

  test('fits as many environments as the ring of the first takes', () => {
    // More than the ring of the defaults.
    const settings = { environments: 1_500_000, replayCapacity: 2_000_000 };
    const { run, companion, told } = pair(settings);
    run.receive(ready(settings));
    expect(told(() => run.setCompare('ddpg'))[0]).toMatchObject({ settings });
    expect(told(() => run.chooseAlgorithm('sac'))).toEqual([
      { type: 'restart', settings: { ...settings, algorithm: 'ddpg' } },
    ]);
    expect([run, companion.learner].map((one) => one?.config.replayCapacity)).toEqual([2e6, 2e6]);
  });

  test('that cannot begin is told of once, and whoever else listens to the first hears it all', () => {
    const start = () => {
      throw new Error('There are too many workers.');
    };
    const { run, companion, notices, shown } = pair({}, start);
    const heard: string[] = [];
    run.listen(({ type }) => heard.push(type));
    run.setCompare('ddpg');
    run.receive(ready({}));
    run.receive({ type: 'running', running: true });
    expect(heard).toEqual(['edited', 'edited', 'ready', 'running']);
    expect(notices).toEqual([
      'The comparison with DDPG has ended, and the first learner goes on. There are too many workers.',
    ]);
    expect([run.compare, companion.learner, ...shown]).toEqual([null, null]);
  });

  test('that refuses to become what is wanted is not asked again', () => {
    const { run, companion, told, notices, shown, report } = pair({ algorithm: 'sac' });
    run.receive(ready({ algorithm: 'sac' }));
    run.setCompare('ddpg');
    run.setCompare('soft-q');
    report({ type: 'refused', message: 'It does not fit.' });
    report(ready({ algorithm: 'ddpg' }, 'kept'));
    expect(told(() => run.receive({ type: 'running', running: true }))).toEqual([]);
    expect(notices).toEqual([
      'Soft Q: It does not fit.',
      'The comparison with Soft Q has ended, and the first learner goes on. It does not fit.',
    ]);
    expect([run.compare, companion.learner]).toEqual([null, null]);
    expect(shown.slice(-2)).toEqual(['ended', 'close']);
  });

  test('that refuses a step stays', () => {
    const { run, companion, notices, report } = pair();
    run.receive(ready({}));
    run.setCompare('ddpg');
    report({ type: 'refused', message: 'There is no transition yet.' });
    report(ready({ algorithm: 'ddpg' }, 'kept'));
    expect(notices).toEqual(['DDPG: There is no transition yet.']);
    expect(companion.learner).not.toBeNull();
  });

  test('is none where a recorded run plays', () => {
    const { run, companion, report } = pair();
    run.receive(ready({}));
    run.setCompare('ddpg');
    const { learner } = companion;
    run.recorded = true;
    run.receive(ready({}));
    expect(companion.learner).toBeNull();
    // What was under way from an ended worker changes nothing.
    report(ready({ algorithm: 'ddpg', seed: 8 }));
    expect(learner?.config.seed).toBe(0);
  });
});
