import type { Command } from '../protocol.ts';
import { ALGORITHM_NAMES, percent } from '../words.ts';
import type { Stage } from './companion.ts';
import { byId, element, svg } from './dom.ts';
import { EnergyMap } from './energy-view.ts';
import type { LiveRun } from './live-run.ts';
import { MARKS, SECOND_DASH } from './marks.ts';
import { Plane } from './plane.ts';

/** A goal counts as one that the policy goes to when it ends this share of the test episodes. */
const LEAST_SHARE = 0.05;

/** Two learners side by side: the second's pictures, and beside each world who learns there and where it gets to. */
export class Comparison implements Stage {
  readonly #run: LiveRun;
  readonly #world: Plane;
  readonly #energy: EnergyMap;
  readonly #scores: readonly [Score, Score];
  #learner: LiveRun | null = null;
  /** Whether the second learner's device is lost, and not yet there again. */
  #isLost = false;

  constructor(run: LiveRun) {
    this.#run = run;
    const resize = (view: 'world' | 'energy') => (width: number, height: number) =>
      this.#learner?.send({ type: 'resize', view, width, height });
    // Whatever is done to the second world is done to the first, and comes to the second from there.
    this.#world = new Plane(run, 'second-world', 'Environments of the second learner', resize('world'));
    this.#energy = new EnergyMap('second-energy', 'Energy landscape of the second learner', resize('energy'));
    this.#scores = [new Score('world-score', []), new Score('second-world-score', SECOND_DASH)];
    run.listen(({ type }) => {
      if (['edited', 'ready', 'progress', 'evaluation'].includes(type)) this.#render();
    });
  }

  open(learner: LiveRun): Extract<Command, { type: 'open' }>['canvases'] {
    this.#learner = learner;
    this.#isLost = false;
    learner.listen((news) => {
      if (this.#learner !== learner) return;
      if (news.type === 'summary') byId(`second-${news.view}-words`).textContent = news.text;
      if (news.type === 'lost' || news.type === 'ready') this.#isLost = news.type === 'lost';
      this.#render();
    });
    this.#render();
    return {
      world: this.#world.plot.renew(),
      energy: this.#energy.plot.renew(),
    };
  }

  measure(): void {
    // A task of its own: it has the whole page laid out.
    setTimeout(() => {
      this.#world.plot.measure();
      this.#energy.plot.measure();
    });
  }

  close(): void {
    this.#learner = null;
    // The worker's canvases go with it.
    this.#world.plot.renew();
    this.#energy.plot.renew();
    for (const view of ['world', 'energy']) byId(`second-${view}-words`).textContent = '';
    this.#render();
  }

  #render(): void {
    const learner = this.#learner;
    byId('places').classList.toggle('comparing', learner !== null);
    for (const id of ['world-score', 'second-world', 'second-energy-plot', 'second-energy-words', 'lines'])
      byId(id).hidden = learner === null;
    if (!learner) return;
    const both = [this.#run, learner] as const;
    both.forEach((one, i) => this.#scores[i]!.show(one, this.#run.goals.length));
    if (this.#isLost) this.#scores[1].say('Device lost, recovering…');
    this.#energy.show({
      mode: learner.mode,
      exact: learner.exact.state === 'ready',
      learner: ALGORITHM_NAMES[learner.config.algorithm],
    });
    byId('lines').replaceChildren(
      ...both.map((one, i) =>
        element(
          'span',
          { class: i === 0 ? 'line' : 'line second' },
          lineSample(i === 0 ? [] : SECOND_DASH),
          ALGORITHM_NAMES[one.config.algorithm],
        ),
      ),
    );
  }
}

/** Who learns in a world and how it does: its name, its updates, and which goals its test episodes end at. */
class Score {
  readonly #name = element('span');
  readonly #reached = element('strong');
  readonly #of = element('span');
  readonly #shares = element('ul', { class: 'shares' });
  readonly #note = element('p', { class: 'note' });

  constructor(id: string, dash: readonly number[]) {
    byId(id).append(
      element('h3', {}, lineSample(dash), this.#name),
      element('p', { class: 'reached' }, this.#reached, this.#of),
      this.#shares,
      this.#note,
    );
  }

  /** A line below the goals. */
  say(text: string): void {
    this.#note.textContent = text;
  }

  show({ config, evaluation, updates }: LiveRun, goals: number): void {
    this.#name.textContent = ALGORITHM_NAMES[config.algorithm];
    const shares = evaluation?.outcomeShares ?? [];
    const reached = shares.filter((share) => share >= LEAST_SHARE).length;
    this.#reached.textContent = evaluation ? String(reached) : '–';
    this.#of.textContent = ` of ${goals} ${goals === 1 ? 'goal' : 'goals'} reached`;
    this.say(`${updates.toLocaleString('en')} updates`);
    while (this.#shares.childElementCount > goals) this.#shares.lastElementChild!.remove();
    while (this.#shares.childElementCount < goals)
      this.#shares.append(shareRow(this.#shares.childElementCount));
    [...this.#shares.children].forEach((row, goal) => {
      const share = shares[goal] ?? 0;
      (row as HTMLElement).style.setProperty('--share', String(share));
      row.querySelector('.value')!.textContent = evaluation ? percent(share) : '';
    });
  }
}

/** A goal's sign, a bar and a number. */
function shareRow(goal: number): HTMLLIElement {
  const made = element(
    'li',
    {},
    svg(
      'svg',
      { viewBox: '-1.4 -1.4 2.8 2.8', 'aria-hidden': 'true' },
      svg('path', { d: MARKS[goal]!.path }),
    ),
    element('span', { class: 'visually-hidden', text: `Goal ${goal + 1}` }),
    element('span', { class: 'bar-track', 'aria-hidden': 'true' }),
    element('span', { class: 'value' }),
  );
  made.style.setProperty('--colour', `var(--goal-${goal + 1})`);
  return made;
}

/** A piece of the line that a learner has in the charts. */
function lineSample(dash: readonly number[]): SVGSVGElement {
  return svg(
    'svg',
    { class: 'sample-line', viewBox: '0 0 26 6', 'aria-hidden': 'true' },
    svg('path', { d: 'M0 3H26', 'stroke-dasharray': dash.join(' ') || 'none' }),
  );
}
