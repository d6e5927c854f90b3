import { MULTIGOAL_BOUND } from '../../src/index.ts';
import type { Point } from '../protocol.ts';
import { byId, element, svg } from './dom.ts';
import { addGoal, moveGoal, removeGoal } from './goals.ts';
import type { LiveRun } from './live-run.ts';
import { MARKS } from './marks.ts';
import { createPlot, pointAt, type Plot } from './plot.ts';

/** How far an arrow key moves a goal or the looked-at state, and how far with Shift. */
const STRIDE = 0.25;
const LONG_STRIDE = 1;
const ARROWS: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

/** A position in words, as `(2.5, −1)`. */
export function positionText([x, y]: Point): string {
  const text = (value: number) => String(Number(value.toFixed(2))).replace('-', '−');
  return `(${text(x)}, ${text(y)})`;
}

/** A learner's world to take hold of: its picture, goals to drag, and the state that is looked at. */
export class Plane {
  readonly plot: Plot;
  readonly #run: LiveRun;
  readonly #goals = element('div', { class: 'goals' });
  #fixed = false;

  /**
   * Builds it into `<name>-plot`, described by `<name>-words`. What is done to it is done to `run`; `onResize` gets the
   * picture's size in device pixels.
   */
  constructor(run: LiveRun, name: string, label: string, onResize: (width: number, height: number) => void) {
    this.#run = run;
    this.plot = createPlot(
      byId(`${name}-plot`),
      name,
      {
        axes: { half: MULTIGOAL_BOUND, ticks: [-5, 0, 5], x: '', y: '' },
        label,
        describedBy: `${name}-words`,
      },
      onResize,
    );
    const surface = element('div', {
      class: 'surface',
      id: `${name}-surface`,
      tabindex: '0',
      role: 'application',
      'aria-roledescription': 'plane',
      'aria-label': 'State to look at: arrow keys move it, with Shift in longer strides.',
    });
    this.plot.frame.append(surface, this.#goals);
    this.#listen(surface);
    run.listen(({ type }) => {
      if (type === 'edited' || type === 'ready') this.#render();
    });
    this.#render();
  }

  /** A recorded world keeps its goals. */
  fixGoals(): void {
    this.#fixed = true;
    this.#goals.hidden = true;
  }

  /** One more goal, where there is most room unless `at` says where, to take hold of at once. */
  addGoal(at?: Point): void {
    if (this.#fixed) return;
    this.#run.setGoals(addGoal(this.#run.goals, at));
    (this.#goals.lastElementChild as HTMLElement | null)?.focus();
  }

  #render(): void {
    const { goals } = this.#run;
    while (this.#goals.childElementCount > goals.length) this.#goals.lastElementChild!.remove();
    while (this.#goals.childElementCount < goals.length)
      this.#goals.append(this.#handle(this.#goals.childElementCount));
    goals.forEach((goal, index) => {
      const handle = this.#goals.children[index] as HTMLElement;
      put(handle, goal);
      handle.setAttribute('aria-label', `Goal ${index + 1}, ${MARKS[index]!.name}, at ${positionText(goal)}`);
    });
  }

  #listen(surface: HTMLElement): void {
    const run = this.#run;
    let pointer: MouseEvent | null = null;
    let frame = 0;
    // Once a picture: a mouse reports more often than anything is drawn.
    const flush = () => {
      frame = 0;
      if (pointer) run.hover(pointAt(surface, pointer, MULTIGOAL_BOUND));
    };
    surface.addEventListener('pointermove', (event) => {
      if (event.pointerType === 'touch') return;
      pointer = event;
      frame ||= requestAnimationFrame(flush);
    });
    surface.addEventListener('pointerleave', () => {
      pointer = null;
      run.hover(null);
    });
    surface.addEventListener('click', (event) => run.pin(pointAt(surface, event, MULTIGOAL_BOUND)));
    surface.addEventListener('dblclick', (event) => this.addGoal(pointAt(surface, event, MULTIGOAL_BOUND)));
    surface.addEventListener('keydown', (event) => {
      const stride = strideOf(event);
      if (!stride) return;
      event.preventDefault();
      const [x, y] = run.pinned;
      run.pin([x + stride[0], y + stride[1]]);
    });
  }

  /** A goal to take hold of: pointer, arrow keys, Delete. */
  #handle(index: number): HTMLElement {
    const run = this.#run;
    const mark = MARKS[index]!;
    const handle = element(
      'button',
      { type: 'button', class: `goal goal-${index + 1}`, title: 'Drag to move; Delete removes' },
      svg('svg', { viewBox: '-1.5 -1.5 3 3', 'aria-hidden': 'true' }, svg('path', { d: mark.path })),
    );
    handle.style.setProperty('--colour', `var(--goal-${index + 1})`);
    handle.addEventListener('pointerdown', (event) => {
      handle.setPointerCapture(event.pointerId);
      handle.classList.add('held');
      const drag = (moved: PointerEvent) =>
        run.setGoals(moveGoal(run.goals, index, pointAt(this.plot.frame, moved, MULTIGOAL_BOUND)));
      const drop = () => {
        handle.classList.remove('held');
        handle.removeEventListener('pointermove', drag);
      };
      handle.addEventListener('pointermove', drag);
      handle.addEventListener('lostpointercapture', drop, { once: true });
    });
    handle.addEventListener('keydown', (event) => {
      const stride = strideOf(event);
      if (stride) {
        const [x, y] = run.goals[index]!;
        run.setGoals(moveGoal(run.goals, index, [x + stride[0], y + stride[1]]));
      } else if (event.key === 'Delete' || event.key === 'Backspace') {
        run.setGoals(removeGoal(run.goals, index));
        (this.#goals.children[Math.min(index, run.goals.length - 1)] as HTMLElement).focus();
      } else {
        return;
      }
      event.preventDefault();
    });
    return handle;
  }
}

function strideOf(event: KeyboardEvent): Point | null {
  const arrow = ARROWS[event.key];
  const length = event.shiftKey ? LONG_STRIDE : STRIDE;
  return arrow ? [arrow[0] * length, arrow[1] * length] : null;
}

/** Moves an element of the frame to a position on the plane. */
function put(target: HTMLElement, [x, y]: Point): void {
  target.style.left = `${((x / MULTIGOAL_BOUND + 1) / 2) * 100}%`;
  target.style.top = `${((1 - y / MULTIGOAL_BOUND) / 2) * 100}%`;
}
