import { FIGURE1_STATES, MOST_GOALS, MULTIGOAL_GOALS } from '../../src/index.ts';
import type { OldTransitions } from '../protocol.ts';
import { choice, row } from './control-rows.ts';
import { byId, element } from './dom.ts';
import { areDefaultGoals } from './goals.ts';
import type { LiveRun } from './live-run.ts';
import { Plane, positionText } from './plane.ts';
import type { Plot } from './plot.ts';

/** What is to be seen at each of Figure 1's states. */
const SEEN = ['near one goal', 'in the middle', 'between two'];

/** The world of the first learner, and what can be done to it. */
export class WorldView {
  readonly plot: Plot;
  readonly #run: LiveRun;
  readonly #plane: Plane;
  readonly #add = element('button', { type: 'button', text: 'Add a goal' });
  readonly #reset = element('button', { type: 'button', text: 'Put back' });
  readonly #states: HTMLButtonElement[];

  constructor(run: LiveRun) {
    this.#run = run;
    this.#plane = new Plane(run, 'world', 'Environments moving on the plane', (width, height) =>
      run.send({ type: 'resize', view: 'world', width, height }),
    );
    this.plot = this.#plane.plot;
    this.#add.addEventListener('click', () => this.#plane.addGoal());
    this.#reset.addEventListener('click', () => run.setGoals(MULTIGOAL_GOALS));
    this.#states = FIGURE1_STATES.map((state, i) => {
      const button = element('button', { type: 'button', title: `Look at ${positionText(state)}` });
      button.append(
        element('span', { class: 'number', text: positionText(state) }),
        element('small', { text: SEEN[i]! }),
      );
      button.addEventListener('click', () => run.pin(state));
      return button;
    });
    const transitions = choice<OldTransitions>(
      [
        ['keep', 'keep'],
        ['relabel', 'relabel'],
        ['drop', 'drop'],
      ],
      run.oldTransitions,
      (value) => (run.oldTransitions = value),
      'Old transitions',
    );
    byId('world-tools').append(
      row(
        'look',
        'Look at',
        element(
          'div',
          { class: 'states', role: 'group', 'aria-label': 'States of Figure 1' },
          ...this.#states,
        ),
      ),
      row('goals', 'Goals', element('div', { class: 'buttons' }, this.#add, this.#reset)),
      row('transitions', 'Old transitions', transitions.element),
    );
    run.listen(({ type }) => {
      if (type === 'edited' || type === 'ready') this.#render();
    });
    this.#render();
  }

  /** A recorded world keeps its goals. */
  fixGoals(): void {
    this.#plane.fixGoals();
    for (const row of byId('world-tools').querySelectorAll<HTMLElement>(
      '[data-topic=goals], [data-topic=transitions]',
    )) {
      row.hidden = true;
    }
  }

  #render(): void {
    const { goals, look } = this.#run;
    this.#add.disabled = goals.length >= MOST_GOALS;
    this.#reset.disabled = areDefaultGoals(goals);
    FIGURE1_STATES.forEach((state, i) =>
      this.#states[i]!.setAttribute('aria-pressed', String(state.join() === this.#run.pinned.join())),
    );
    byId('energy-caption').textContent =
      this.#run.mode === 'actions' ? `at ${positionText(look)}` : 'V over the plane';
  }
}
