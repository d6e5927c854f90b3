import { MULTIGOAL_BOUND } from '../../src/index.ts';
import type { EnergyMode } from '../protocol.ts';
import { ALGORITHM_NAMES } from '../words.ts';
import { choice, explain } from './control-rows.ts';
import { byId, element } from './dom.ts';
import type { LiveRun } from './live-run.ts';
import { createPlot, type Axes, type Plot } from './plot.ts';

const AXES: Readonly<Record<EnergyMode, Axes>> = {
  actions: { half: 1, ticks: [-1, 0, 1], x: 'velocity x', y: 'velocity y' },
  values: { half: MULTIGOAL_BOUND, ticks: [-5, 0, 5], x: 'x', y: 'y' },
};
const EXACT_TEXT = {
  off: 'Exact',
  solving: 'Solving',
  ready: 'Exact',
  failed: 'Not solved',
} as const;

/** A learner's energy: its picture in axes, and names of what the picture shows. */
export class EnergyMap {
  readonly plot: Plot;
  readonly #host: HTMLElement;
  readonly #learned = element('span');

  /** Builds it into `<name>-plot`, described by `<name>-words`; `onResize` gets the picture's size in device pixels. */
  constructor(name: string, label: string, onResize: (width: number, height: number) => void) {
    this.#host = byId(`${name}-plot`);
    this.plot = createPlot(
      this.#host,
      name,
      { axes: AXES.actions, label, describedBy: `${name}-words` },
      onResize,
    );
    const exact = element('span', { text: 'exact' });
    this.plot.frame.append(element('div', { class: 'panels', 'aria-hidden': 'true' }, this.#learned, exact));
  }

  /**
   * Says what the session draws. Of one learner the exact density has a square of its own, below the learned one; of one
   * that is compared and so has a name, the right half of the only square.
   */
  show(shown: { readonly mode: EnergyMode; readonly exact: boolean; readonly learner: string | null }): void {
    const { mode, learner } = shown;
    const exact = shown.exact && mode === 'actions';
    const two = exact && learner === null;
    this.#learned.textContent = learner ?? 'learned';
    this.#host.classList.toggle('split', two);
    this.#host.classList.toggle('halved', exact && !two);
    this.#host.classList.toggle('named', learner !== null);
    this.plot.setAxes(AXES[mode], two ? 2 : 1);
  }
}

/** The energy: Q(s, .) / alpha at the state that is looked at, or V over the plane, and the exact answer beside it. */
export class EnergyView {
  readonly plot: Plot;
  readonly #mode: HTMLElement;

  constructor(run: LiveRun) {
    const map = new EnergyMap('energy', 'Energy landscape', (width, height) =>
      run.send({ type: 'resize', view: 'energy', width, height }),
    );
    this.plot = map.plot;
    const mode = choice<EnergyMode>(
      [
        ['actions', 'Q(s, ·)/α'],
        ['values', 'V(s)'],
      ],
      run.mode,
      (value) => run.setMode(value),
      'What the energy shows',
    );
    const exact = element('button', {
      type: 'button',
      class: 'toggle',
      id: 'exact-button',
      'aria-pressed': 'false',
    });
    exact.addEventListener('click', () =>
      run.setExact(run.exact.state === 'off' || run.exact.state === 'failed'),
    );
    explain(mode.element, 'actions');
    explain(exact, 'exact');
    this.#mode = mode.element;
    byId('energy-tools').append(mode.element, exact);
    const sample = element('span', { class: 'sample', text: 'action drawn' });
    byId('energy-legend').append(
      element('span', { text: 'worse' }),
      element('span', { class: 'ramp', 'aria-hidden': 'true' }),
      element('span', { text: 'better' }),
      sample,
    );
    const render = () => {
      const { state, message } = run.exact;
      mode.set(run.mode);
      exact.textContent = EXACT_TEXT[state];
      exact.title = message;
      exact.dataset['state'] = state;
      exact.setAttribute('aria-pressed', String(state === 'solving' || state === 'ready'));
      sample.hidden = run.mode === 'values';
      const learner = run.compare && ALGORITHM_NAMES[run.config.algorithm];
      map.show({ mode: run.mode, exact: state === 'ready', learner });
    };
    run.listen(({ type }) => {
      if (type === 'edited' || type === 'exact' || type === 'ready') render();
    });
    render();
  }

  /** A recorded run has no values over the plane. */
  hideValues(): void {
    this.#mode.hidden = true;
  }
}
