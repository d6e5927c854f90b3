import type { Config } from '../../src/index.ts';
import { byId, element } from './dom.ts';
import { moveGoal } from './goals.ts';
import { START } from './link.ts';
import type { LiveRun } from './live-run.ts';

/** A stop of the tour: what it says, about what, and what it does to the page. */
interface Stop {
  readonly title: string;
  readonly text: string;
  /** What it says instead to those algorithms, for which it does nothing. */
  readonly without?: { readonly algorithms: readonly Config['algorithm'][]; readonly text: string };
  /** Id of the element that it talks about. */
  readonly about: string;
  /** Id of the place that the card may cover: not where something is to be seen. */
  readonly over: string;
  /** Drives the page when the stop is reached, and gives what puts back how it was, for when the stop is left. */
  readonly show: (run: LiveRun) => (() => void) | undefined;
}

/** Temperature at which the two modes of the diagonal state have merged and goals are still reached. */
const WARM = 14;
const COLD = 4;
/** Where styles/narrow.css keeps the card at the bottom, so that what it talks about has to be at the top. */
const NARROW = matchMedia('(max-width: 680px)');
/** Pixels that the card keeps from the edge of the window, and that a place's head is high. */
const EDGE = 10;
const HEAD = 44;

const STOPS: readonly Stop[] = [
  {
    title: 'A world with four right answers',
    text: 'Every dot is an environment. Steps cost effort, distance costs more, and any of the four goals ends the episode. The policy starts out random and learns while you watch.',
    about: 'world-plot',
    over: 'energy-place',
    show: (run) => {
      run.setPace(null);
      run.setRunning(true);
      return undefined;
    },
  },
  {
    title: 'Between two goals, two peaks',
    text: 'The energy shows Q over all velocities at the state you look at: here between two goals. Soft Q-learning draws from its exponential, so both peaks get actions. Point anywhere in the world to look there.',
    about: 'energy-plot',
    over: 'learning-place',
    show: (run) => {
      run.setMode('actions');
      run.pin(START.look);
      return undefined;
    },
  },
  {
    title: 'Raise α: the modes merge',
    text: `Temperature is now ${WARM}: entropy pays so well that the peaks melt into one plateau. Slide it to ${COLD} to see them part. From 15 on the best policy never arrives at all.`,
    about: 'alpha-row',
    over: 'learning-place',
    without: {
      algorithms: ['ddpg'],
      text: 'The temperature prices entropy: the more it pays, the flatter the peaks, until they melt into one plateau. DDPG, which you train, has no entropy, so nothing has changed now.',
    },
    show(run) {
      const { temperature, finalTemperature, targetEntropy } = run.config;
      run.setTemperature(WARM);
      return () => {
        if (finalTemperature === null && targetEntropy === null) run.setTemperature(temperature);
        else run.change({ temperature, finalTemperature, targetEntropy });
      };
    },
  },
  {
    title: 'Switch repulsion off: the particles collapse',
    text: 'The sampling network moves its actions uphill and apart. The second half is off now: within seconds all white dots crowd onto a peak.',
    about: 'repulsion-row',
    over: 'learning-place',
    without: {
      algorithms: ['sac', 'ddpg'],
      text: 'The sampling network of soft Q-learning moves its actions uphill and apart. Without the second half they all crowd onto a peak. The algorithm that you train has no such network, so nothing has changed now.',
    },
    show(run) {
      const { repulsion } = run.config;
      run.change({ repulsion: false });
      return () => {
        // A baseline may have been chosen meanwhile, which has no such setting.
        if (run.config.algorithm === 'soft-q') run.change({ repulsion });
      };
    },
  },
  {
    title: 'Drag a goal: watch Q move',
    text: 'One goal has just moved while training went on. Stored transitions were given their new reward, so Q follows at once. Drag any goal yourself, or add one with a double-click.',
    about: 'world-plot',
    over: 'learning-place',
    show(run) {
      const { goals } = run;
      run.setGoals(moveGoal(goals, 0, [5, 3.5]), 'relabel');
      return () => run.setGoals(goals, 'relabel');
    },
  },
  {
    title: 'The exact answer',
    text: 'This task is small enough to solve without a network. The second square is that solution, and the chart of the distance says how far training still has to go.',
    about: 'exact-button',
    over: 'controls-place',
    show(run) {
      if (run.exact.state === 'ready' || run.exact.state === 'solving') return undefined;
      run.setExact(true);
      return () => run.setExact(false);
    },
  },
  {
    title: 'DDPG commits to one goal',
    text: 'Two learners now share world, seed and goals. Soft Q-learning goes on to all four goals; DDPG, whose policy is deterministic, finds one good way and forgets the others. Drag a goal: it moves for both.',
    about: 'compare-row',
    over: 'learning-place',
    show(run) {
      const { settings, compare } = run.shared;
      // Beside DDPG itself, and instead of SAC, stands soft Q-learning.
      const { algorithm } = run.config;
      if (algorithm === 'sac') run.chooseAlgorithm('soft-q');
      run.setCompare(algorithm === 'ddpg' ? 'soft-q' : 'ddpg');
      return () => {
        if (algorithm === 'sac') run.begin(settings);
        run.setCompare(compare);
      };
    },
  },
  {
    title: 'Yours to keep',
    text: 'The address holds settings, goals and seed: send it, and someone else sees the same run. The command repeats it without a browser, and a saved run opens on either side.',
    about: 'copy-link',
    over: 'learning-place',
    show: () => undefined,
  },
];

/** A walk through the page: a card beside each stop, which drives the real thing and can be left at any time. */
export class Tour {
  readonly #run: LiveRun;
  readonly #card: HTMLElement;
  readonly #title = element('h2', { id: 'tour-title', tabindex: '-1' });
  readonly #text = element('p', { id: 'tour-text' });
  readonly #count = element('span', { class: 'count' });
  readonly #back = element('button', { type: 'button', class: 'quiet', text: 'Back' });
  readonly #next = element('button', { type: 'button', class: 'primary' });
  #at = -1;
  #undo: (() => void) | undefined;
  #restore: (() => void) | undefined;
  #opener: HTMLElement | null = null;

  constructor(run: LiveRun) {
    this.#run = run;
    const close = element('button', {
      type: 'button',
      class: 'quiet',
      text: 'Leave',
      on: { click: () => this.close() },
    });
    this.#back.addEventListener('click', () => this.#go(this.#at - 1));
    this.#next.addEventListener('click', () => this.#go(this.#at + 1));
    this.#card = element(
      'div',
      {
        class: 'tour',
        role: 'dialog',
        'aria-modal': 'false',
        'aria-labelledby': 'tour-title',
        'aria-describedby': 'tour-text',
        hidden: true,
      },
      this.#count,
      this.#title,
      this.#text,
      element(
        'div',
        { class: 'buttons' },
        close,
        element('span', { class: 'space' }),
        this.#back,
        this.#next,
      ),
    );
    this.#card.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.close();
      else if (event.key === 'ArrowRight') this.#go(this.#at + 1);
      else if (event.key === 'ArrowLeft' && this.#at > 0) this.#go(this.#at - 1);
      else return;
      event.preventDefault();
    });
    // Before the notices, so that it comes early for someone who moves by keyboard.
    byId('banner').before(this.#card);
    addEventListener('resize', () => this.#place());
  }

  /** Begins at the first stop. */
  open(): void {
    this.#opener = document.activeElement as HTMLElement | null;
    this.#card.hidden = false;
    if (this.#at < 0) this.#restore = restorer(this.#run);
    this.#go(0);
  }

  /** Leaves the page as it was before the tour, with the focus where that was called from; nothing if it is not open. */
  close(): void {
    if (this.#at < 0) return;
    this.#leave();
    this.#restore?.();
    this.#at = -1;
    this.#card.hidden = true;
    this.#opener?.focus();
  }

  #leave(): void {
    const stop = STOPS[this.#at];
    this.#undo?.();
    this.#undo = undefined;
    if (stop) byId(stop.about).classList.remove('toured');
  }

  #go(index: number): void {
    if (index >= STOPS.length) {
      this.close();
      return;
    }
    this.#leave();
    this.#at = index;
    const { title, text, without, about, show } = STOPS[index]!;
    const instead = without?.algorithms.includes(this.#run.config.algorithm) ? without.text : null;
    this.#title.textContent = title;
    this.#text.textContent = instead ?? text;
    this.#count.textContent = `${index + 1} of ${STOPS.length}`;
    this.#back.disabled = index === 0;
    this.#next.textContent = index === STOPS.length - 1 ? 'Done' : 'Next';
    if (instead === null) this.#undo = show(this.#run);
    const target = byId(about);
    target.classList.add('toured');
    target.scrollIntoView({ block: NARROW.matches ? 'start' : 'nearest' });
    this.#place();
    this.#title.focus({ preventScroll: true });
  }

  /** Puts the card over its place; on a narrow screen styles/narrow.css keeps it at the bottom. */
  #place(): void {
    const stop = STOPS[this.#at];
    if (!stop) return;
    const place = byId(stop.over).getBoundingClientRect();
    const target = byId(stop.about).getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.#card;
    const within = (value: number, most: number) => Math.max(EDGE, Math.min(value, most - EDGE));
    const left = within(place.left + (place.width - width) / 2, innerWidth - width);
    const top = within(Math.max(target.top, place.top + HEAD), innerHeight - height);
    this.#card.style.left = `${left}px`;
    this.#card.style.top = `${top}px`;
  }
}

/**
 * What puts back how the run was paced and looked at, which the whole tour needs as its first stops have it. What the
 * visitor has set meanwhile stays.
 */
function restorer(run: LiveRun): () => void {
  const { running, pace, mode, pinned } = run;
  return () => {
    if (run.running && !running) run.setRunning(false);
    if (run.pace === null) run.setPace(pace);
    if (run.mode === 'actions') run.setMode(mode);
    if (run.pinned.join() === START.look.join()) run.pin(pinned);
  };
}
