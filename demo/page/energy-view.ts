import { MULTIGOAL_BOUND } from '../../src/index.ts';
import type { EnergyMode } from '../protocol.ts';
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

/** The energy: Q(s, .) / alpha at the state that is looked at, or V over the plane, and the exact answer beside it. */
export class EnergyView {
  readonly plot: Plot;
  readonly #mode: HTMLElement;

  constructor(run: LiveRun) {
    this.plot = createPlot(
      byId('energy-plot'),
      'energy',
      { axes: AXES[run.mode], label: 'Energy landscape', describedBy: 'energy-words' },
      (width, height) => run.send({ type: 'resize', view: 'energy', width, height }),
    );
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
    const panels = element(
      'div',
      { class: 'panels', 'aria-hidden': 'true' },
      element('span', { text: 'learned' }),
      element('span', { text: 'exact' }),
    );
    this.plot.frame.append(panels);
    byId('energy-plot').append(
      element(
        'div',
        { class: 'legend' },
        element('span', { text: 'worse' }),
        element('span', { class: 'ramp', 'aria-hidden': 'true' }),
        element('span', { text: 'better' }),
        element('span', { class: 'sample', text: 'action drawn' }),
      ),
    );
    const render = () => {
      const { state, message } = run.exact;
      mode.set(run.mode);
      exact.textContent = EXACT_TEXT[state];
      exact.title = message;
      exact.dataset['state'] = state;
      exact.setAttribute('aria-pressed', String(state === 'solving' || state === 'ready'));
      byId('energy-plot').classList.toggle('split', state === 'ready');
      byId('energy-plot').classList.toggle('values', run.mode === 'values');
      this.plot.setAxes(AXES[run.mode], state === 'ready' && run.mode === 'actions' ? 2 : 1);
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
