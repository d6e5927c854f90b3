import { element, svg } from './dom.ts';
import { EXPLANATIONS, type Topic } from './explanations.ts';

let made = 0;

/** A fresh id, for labels and descriptions. */
function fresh(name: string): string {
  return `${name}-${++made}`;
}

/** A control that shows a value and takes another. */
export interface Choice<Value extends string> {
  readonly element: HTMLElement;
  set(value: Value): void;
}

/** Few options side by side, as radio buttons. */
export function choice<Value extends string>(
  options: readonly (readonly [value: Value, label: string])[],
  start: Value,
  onChoose: (value: Value) => void,
  label: string,
): Choice<Value> {
  const name = fresh('choice');
  const inputs = options.map(([value]) =>
    element('input', {
      type: 'radio',
      name,
      value,
      id: `${name}-${value}`,
      checked: value === start,
      on: { change: () => onChoose(value) },
    }),
  );
  const labels = options.map(([value, text]) => element('label', { for: `${name}-${value}`, text }));
  return {
    element: element(
      'div',
      { class: 'segmented', role: 'radiogroup', 'aria-label': label },
      ...inputs.flatMap((input, i) => [input, labels[i]!]),
    ),
    set: (value) => inputs.forEach((input) => (input.checked = input.value === value)),
  };
}

/** Many options in a list that opens. */
export function list<Value extends string>(
  options: readonly (readonly [value: Value, label: string])[],
  onChoose: (value: Value) => void,
): Choice<Value> {
  const select = element(
    'select',
    { on: { change: () => onChoose(select.value as Value) } },
    ...options.map(([value, text]) => element('option', { value, text })),
  );
  return { element: select, set: (value) => (select.value = value) };
}

/** A whole number to type. */
export function wholeNumber(
  limits: { readonly min: number; readonly max: number },
  onChange: (value: number) => void,
): { readonly element: HTMLInputElement; set(value: number): void } {
  let typing = false;
  const input = element('input', {
    type: 'number',
    step: 1,
    inputmode: 'numeric',
    ...limits,
    on: {
      input: () => (typing = true),
      blur: () => (typing = false),
      change: () => {
        typing = false;
        onChange(input.valueAsNumber);
      },
    },
  });
  return {
    element: input,
    set(value) {
      // Not while someone is typing there.
      if (!typing) input.valueAsNumber = value;
    },
  };
}

/** A small button that saves what stands beside it. */
export function saveButton(what: string, onSave: () => void): HTMLButtonElement {
  const arrow = svg(
    'svg',
    { viewBox: '0 0 14 14', 'aria-hidden': 'true' },
    svg('path', { d: 'M7 1.5V9M3.8 6L7 9.2L10.2 6M2 12.2H12' }),
  );
  const label = `Save ${what} as PNG`;
  return element(
    'button',
    { type: 'button', class: 'icon', 'aria-label': label, title: label, on: { click: onSave } },
    arrow,
  );
}

/** A row of a form: a name, a control, and its explanation for whoever points at it or focuses it. */
export function row(topic: Topic, name: string, control: HTMLElement): HTMLElement {
  const isField = control.matches('input, select');
  const id = (control.id ||= fresh(topic));
  const label = isField
    ? element('label', { class: 'name', for: id, text: name })
    : element('span', { class: 'name', text: name });
  const made = element('div', { class: 'row' }, label, control);
  explain(made, topic);
  return made;
}

/** Gives every control in `target` (or itself) its explanation: read out with it, and shown in the tip. */
export function explain(target: HTMLElement, topic: Topic): void {
  target.dataset['topic'] = topic;
  const controls = target.matches('button, input, select')
    ? [target]
    : target.querySelectorAll('button, input, select');
  for (const control of controls) control.setAttribute('aria-describedby', `about-${topic}`);
}

/** Milliseconds that the pointer rests on a control before its explanation shows. */
const PATIENCE_MS = 450;
/** Pixels between a control and its tip, and between the tip and the edge of the window. */
const GAP = 10;

/**
 * Shows the explanation of the control under the pointer or with the keyboard's focus, beside it. Escape puts it away;
 * it stays while the pointer is on it.
 */
export function installTips(): void {
  const texts = Object.entries(EXPLANATIONS).map(([topic, { text, source }]) =>
    element('p', { id: `about-${topic}`, text: `${text} (${source})` }),
  );
  const source = element('span', { class: 'source' });
  const text = element('span');
  const tip = element('div', { class: 'tip', 'aria-hidden': 'true', hidden: true }, text, source);
  document.body.append(element('div', { hidden: true }, ...texts), tip);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hide = () => {
    clearTimeout(timer);
    tip.hidden = true;
  };
  const show = (target: HTMLElement) => {
    const about = EXPLANATIONS[target.dataset['topic'] as Topic];
    text.textContent = about.text;
    source.textContent = about.source;
    tip.hidden = false;
    beside(tip, target.getBoundingClientRect());
  };
  let pressed: Element | null = null;
  const topicOf = (event: Event) =>
    event.target instanceof Element ? event.target.closest<HTMLElement>('[data-topic]') : null;
  document.addEventListener('pointerover', (event) => {
    if (event.pointerType === 'touch' || tip.contains(event.target as Node)) return;
    clearTimeout(timer);
    const target = topicOf(event);
    if (target !== pressed) pressed = null;
    if (pressed) return;
    timer = setTimeout(target ? () => show(target) : hide, PATIENCE_MS);
  });
  document.addEventListener('focusin', (event) => {
    const target = topicOf(event);
    if (target && (event.target as Element).matches(':focus-visible')) show(target);
    else hide();
  });
  document.addEventListener('focusout', hide);
  document.addEventListener('pointerdown', (event) => {
    // Whoever uses a control knows what it does, until the next visit.
    pressed = topicOf(event);
    hide();
  });
  document.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') hide();
  });
  document.addEventListener('scroll', hide, { passive: true });
}

/** Puts `card` to the left of `target`, or to its right, or below, wherever it fits into the window. */
function beside(card: HTMLElement, target: DOMRect): void {
  const { offsetWidth: width, offsetHeight: height } = card;
  const fitsLeft = target.left - GAP - width > GAP;
  const fitsRight = target.right + GAP + width < innerWidth - GAP;
  const left = fitsLeft
    ? target.left - GAP - width
    : fitsRight
      ? target.right + GAP
      : (innerWidth - width) / 2;
  const top = fitsLeft || fitsRight ? target.top + target.height / 2 - height / 2 : target.bottom + GAP;
  const below = Math.min(top, innerHeight - height - GAP);
  card.style.left = `${Math.max(GAP, left)}px`;
  card.style.top = `${Math.max(GAP, below)}px`;
}
