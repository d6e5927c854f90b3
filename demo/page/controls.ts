import { hoverWarning, PRESETS, type Config } from '../../src/index.ts';
import type { StepSize } from '../protocol.ts';
import { ALGORITHM_NAMES } from '../words.ts';
import { choice, explain, list, row, wholeNumber } from './control-rows.ts';
import { byId, element } from './dom.ts';
import type { LiveRun } from './live-run.ts';

/** Ends of the temperature's slider, raw reward units, and its steps. */
const COLDEST = 1;
const HOTTEST = 30;
const ALPHA_STEPS = 200;
/** From here on most optimal episodes never end; marked on the slider. */
const HOVERS = 15;
const COMMITS = 'Low commits to the best action, high spreads over all.';
const WITHOUT_ENTROPY = 'DDPG has no entropy, so α does nothing.';
const ALPHA_TICKS = [1, 2, 5, 10, HOVERS, 30];
/** Iterations a second in slow motion. */
const PACES = [1, 4, 15, 60, null] as const;
const ENVIRONMENTS = [64, 256, 1024, 4096, 16384] as const;
const MOST_PARTICLES = 64;
/** Presets that learn while one watches; the other two take hours. */
const WATCHABLE = ['default', 'tiny', 'sharp', 'accurate'] as const;
const STEPS: readonly (readonly [StepSize, string])[] = [
  ['environment', 'Act'],
  ['critic', 'Critic'],
  ['stein', 'Stein'],
  ['epoch', 'Epoch'],
];

/** The warning of the temperature in a line or two; `hoverWarning` has the numbers. */
function hovering(alpha: number): string {
  return alpha >= HOVERS
    ? 'The best policy never arrives: entropy pays more than any goal.'
    : 'Episodes grow long: entropy pays for staying away from goals.';
}

const ALGORITHMS = Object.entries(ALGORITHM_NAMES) as [Config['algorithm'], string][];

/** A control bound to one setting: it shows the value in force. */
type Field = (config: Config) => void;

/** Everything that steers a run. Each control shows what the session has in force and sends what is chosen. */
export class Controls {
  readonly #run: LiveRun;
  readonly #fields: Field[] = [];
  readonly #running: HTMLButtonElement;
  /** What a recorded run cannot do. */
  readonly #live: HTMLFieldSetElement;

  constructor(run: LiveRun) {
    this.#run = run;
    const root = byId('controls');
    this.#running = element('button', {
      type: 'button',
      id: 'run-button',
      class: 'primary',
      on: { click: () => run.setRunning(!run.running) },
    });
    explain(this.#running, 'run');
    const transport = element(
      'div',
      { class: 'transport', role: 'group', 'aria-label': 'Run' },
      this.#running,
      this.#steps(),
    );
    this.#live = element(
      'fieldset',
      { class: 'live' },
      element('legend', { class: 'visually-hidden', text: 'Settings of the run' }),
      this.#temperature(),
      this.#pace(),
      this.#learner(),
      this.#sizes(),
      this.#stein(),
    );
    root.append(transport, this.#live);
    run.listen(({ type }) => {
      // After a refusal too: no control keeps a value that is not in force.
      if (['edited', 'ready', 'running', 'progress', 'refused'].includes(type)) this.#render();
    });
    this.#render();
  }

  /** A recorded run can only be played. */
  hideLive(): void {
    this.#live.hidden = true;
    byId('controls').querySelector<HTMLElement>('.steps')!.hidden = true;
  }

  #render(): void {
    const { running, config } = this.#run;
    this.#running.textContent = running ? 'Pause' : 'Run';
    this.#running.classList.toggle('is-running', running);
    for (const field of this.#fields) field(config);
  }

  #steps(): HTMLElement {
    const buttons = STEPS.map(([size, text]) => {
      const button = element('button', {
        type: 'button',
        text,
        id: `step-${size}`,
        on: { click: () => this.#run.step(size) },
      });
      explain(button, size);
      return button;
    });
    return element(
      'div',
      { class: 'steps', role: 'group', 'aria-label': 'One step' },
      element('span', { class: 'lead', text: 'One' }),
      ...buttons,
    );
  }

  #temperature(): HTMLElement {
    const run = this.#run;
    const toAlpha = (step: number) => COLDEST * (HOTTEST / COLDEST) ** (step / ALPHA_STEPS);
    const toStep = (alpha: number) => (Math.log(alpha / COLDEST) / Math.log(HOTTEST / COLDEST)) * ALPHA_STEPS;
    const value = element('output', { class: 'value', for: 'alpha' });
    const warning = element('p', { class: 'warning', role: 'status' });
    const slider = element('input', {
      type: 'range',
      id: 'alpha',
      min: 0,
      max: ALPHA_STEPS,
      step: 1,
      on: { input: () => run.setTemperature(Number(toAlpha(slider.valueAsNumber).toPrecision(3))) },
    });
    // Marks where they are on the logarithmic slider: the eye needs them more than the hand.
    const ticks = element('div', { class: 'alpha-ticks', 'aria-hidden': 'true' });
    for (const alpha of ALPHA_TICKS) {
      const tick = element('span', { text: String(alpha), class: alpha >= HOVERS ? 'hot' : '' });
      tick.style.left = `${(toStep(alpha) / ALPHA_STEPS) * 100}%`;
      ticks.append(tick);
    }
    this.#fields.push(({ algorithm, discount, targetEntropy, finalTemperature, temperature }) => {
      const scheduled = targetEntropy !== null || finalTemperature !== null;
      const alpha = scheduled ? (run.history.latest('charts/temperature') ?? temperature) : temperature;
      if (document.activeElement !== slider || scheduled) slider.valueAsNumber = toStep(alpha);
      slider.setAttribute('aria-valuetext', alpha.toPrecision(3));
      value.textContent = alpha.toPrecision(3);
      slider.disabled = algorithm === 'ddpg';
      // DDPG maximises reward alone: no temperature makes it hover.
      const why = hoverWarning(alpha, discount);
      warning.title = why ?? '';
      warning.classList.toggle('hot', why !== undefined && algorithm !== 'ddpg');
      const words = algorithm === 'ddpg' ? WITHOUT_ENTROPY : why ? hovering(alpha) : COMMITS;
      // Only what is new is read out.
      if (warning.textContent !== words) warning.textContent = words;
    });
    const label = element('label', { class: 'name', for: 'alpha', text: 'Temperature α' });
    const made = element(
      'div',
      { class: 'row slider', id: 'alpha-row' },
      label,
      value,
      slider,
      ticks,
      warning,
    );
    explain(made, 'temperature');
    return made;
  }

  #pace(): HTMLElement {
    const run = this.#run;
    const value = element('output', { class: 'value', for: 'pace' });
    const slider = element('input', {
      type: 'range',
      id: 'pace',
      min: 0,
      max: PACES.length - 1,
      step: 1,
      on: { input: () => run.setPace(PACES[slider.valueAsNumber]!) },
    });
    this.#fields.push(() => {
      slider.valueAsNumber = PACES.indexOf(run.pace as (typeof PACES)[number]);
      value.textContent = run.pace === null ? 'full speed' : `${run.pace} a second`;
      slider.setAttribute('aria-valuetext', value.textContent);
    });
    const label = element('label', { class: 'name', for: 'pace', text: 'Pace' });
    const made = element('div', { class: 'row pace' }, label, slider, value);
    explain(made, 'pace');
    return made;
  }

  #learner(): HTMLElement {
    const run = this.#run;
    const algorithm = choice<Config['algorithm']>(
      ALGORITHMS,
      run.config.algorithm,
      (value) => run.chooseAlgorithm(value),
      'Algorithm',
    );
    const compare = list<Config['algorithm'] | ''>([['', 'none'], ...ALGORITHMS], (value) =>
      run.setCompare(value || null),
    );
    compare.element.id = 'compare';
    const preset = list(
      WATCHABLE.map((name) => [name as string, name]),
      (name) => run.choosePreset(name),
    );
    const seed = wholeNumber({ min: 0, max: 0xffffffff }, (value) => run.restart({ seed: value }));
    const restart = element('button', {
      type: 'button',
      id: 'restart-button',
      text: 'Restart',
      on: { click: () => run.restart() },
    });
    this.#fields.push((config) => {
      algorithm.set(config.algorithm);
      compare.set(run.compare ?? '');
      for (const option of compare.element.querySelectorAll('option'))
        option.disabled = option.value === config.algorithm;
      preset.set(config.preset);
      preset.element.title = PRESETS[config.preset as keyof typeof PRESETS].doc;
      seed.set(config.seed);
    });
    const algorithmRow = row('algorithm', 'Algorithm', algorithm.element);
    algorithmRow.id = 'algorithm-row';
    const seedRow = row('seed', 'Seed', seed.element);
    seedRow.classList.add('seed');
    seedRow.append(restart);
    const compareRow = row('compare', 'Compare with', compare.element);
    compareRow.id = 'compare-row';
    return element(
      'div',
      { class: 'group' },
      algorithmRow,
      compareRow,
      row('preset', 'Preset', preset.element),
      seedRow,
    );
  }

  #sizes(): HTMLElement {
    const run = this.#run;
    const environments = list(
      ENVIRONMENTS.map((count) => [String(count), count.toLocaleString('en')]),
      (count) => run.change({ environments: Number(count) }),
    );
    const particles = { min: 2, max: MOST_PARTICLES };
    const fixed = wholeNumber(particles, (value) => run.change({ fixedParticles: value }));
    const updated = wholeNumber(particles, (value) => run.change({ updatedParticles: value }));
    const pair = (
      [
        ['fixedParticles', 'Fixed particles M', fixed.element],
        ['updatedParticles', 'Moved particles K', updated.element],
      ] as const
    ).map(([topic, name, input]) => {
      input.setAttribute('aria-label', name);
      const cell = element('span', {}, input);
      explain(cell, topic);
      return cell;
    });
    this.#fields.push((config) => {
      environments.set(String(config.environments));
      fixed.set(config.fixedParticles);
      updated.set(config.updatedParticles);
    });
    return element(
      'div',
      { class: 'group' },
      row('environments', 'Environments', environments.element),
      this.#onlySoftQ(
        element(
          'div',
          { class: 'row pair' },
          element('span', { class: 'name', text: 'Particles M, K' }),
          ...pair,
        ),
      ),
    );
  }

  #stein(): HTMLElement {
    const run = this.#run;
    const proposal = list<Config['proposal']>(
      (['lattice', 'uniform', 'uniform-shared', 'mixture'] as const).map((name) => [name, name]),
      (value) => run.change({ proposal: value }),
    );
    const stein = list<Config['stein']>(
      (['tanh-kernel', 'raw', 'released'] as const).map((name) => [name, name]),
      (value) => run.change({ stein: value }),
    );
    const repulsion = element('input', {
      type: 'checkbox',
      class: 'switch',
      role: 'switch',
      id: 'repulsion',
      on: { change: () => run.change({ repulsion: repulsion.checked }) },
    });
    this.#fields.push((config) => {
      proposal.set(config.proposal);
      stein.set(config.stein);
      repulsion.checked = config.repulsion;
    });
    const repulsionRow = row('repulsion', 'Repulsion', repulsion);
    repulsionRow.id = 'repulsion-row';
    return element(
      'div',
      { class: 'group' },
      this.#onlySoftQ(row('proposal', 'Proposal', proposal.element)),
      this.#onlySoftQ(row('steinDirection', 'Stein direction', stein.element)),
      this.#onlySoftQ(repulsionRow),
    );
  }

  /** Takes a row out of use while a baseline trains, which has no such setting. */
  #onlySoftQ(made: HTMLElement): HTMLElement {
    this.#fields.push(({ algorithm }) => {
      const isOff = algorithm !== 'soft-q';
      made.classList.toggle('off', isOff);
      for (const control of made.querySelectorAll<HTMLInputElement | HTMLSelectElement>('input, select'))
        control.disabled = isOff;
    });
    return made;
  }
}
