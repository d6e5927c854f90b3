import { PANEL_GAP } from '../session/panels.ts';
import { element } from './dom.ts';

/** A square picture that the session draws, in a frame of axes that the page draws. */
export interface Plot {
  /** The frame around the picture: overlays go into it, in its own coordinates. */
  readonly frame: HTMLElement;
  /** Puts a fresh canvas in place and gives what a session draws on: one that a worker has cannot be taken back. */
  renew(): OffscreenCanvas;
  /** Tells the size again, to a session that has not heard it. */
  measure(): void;
  /**
   * Values at the ticks and what they are; a picture that changes its meaning changes its axes. Of two squares, one lies below
   * the other.
   */
  setAxes(axes: Axes, squares?: number): void;
}

/** A square's axes: both alike. */
export interface Axes {
  /** The square reaches from -half to half. */
  readonly half: number;
  readonly ticks: readonly number[];
  readonly x: string;
  readonly y: string;
}

/** Builds a plot into `host` with a canvas `<name>-canvas`; `onResize` gets its size in device pixels when that changes. */
export function createPlot(
  host: HTMLElement,
  name: string,
  options: { readonly axes: Axes; readonly label: string; readonly describedBy: string },
  onResize: (width: number, height: number) => void,
): Plot {
  const makeCanvas = () =>
    element('canvas', {
      class: 'picture',
      id: `${name}-canvas`,
      role: 'img',
      'aria-label': options.label,
      'aria-describedby': options.describedBy,
    });
  let canvas = makeCanvas();
  const frame = element('div', { class: 'frame' }, canvas);
  const yTicks = element('div', { class: 'ticks y', 'aria-hidden': 'true' });
  const xTicks = element('div', { class: 'ticks x', 'aria-hidden': 'true' });
  host.append(yTicks, frame, xTicks);
  const setAxes = ({ half, ticks, x, y }: Axes, squares = 1) => {
    const label = (value: number) => element('span', { text: String(value).replace('-', '−') });
    xTicks.replaceChildren(
      ...ticks.map((value) => {
        const tick = label(value);
        tick.style.left = `${50 * (value / half + 1)}%`;
        return tick;
      }),
      element('span', { class: 'axis', text: x }),
    );
    yTicks.replaceChildren(
      ...Array.from({ length: squares }, (_, square) =>
        ticks.map((value) => {
          const tick = label(value);
          const side = squares === 1 ? 1 : (1 - PANEL_GAP) / 2;
          tick.style.top = `${100 * (square * (1 - side) + ((1 - value / half) / 2) * side)}%`;
          return tick;
        }),
      ).flat(),
      element('span', { class: 'axis', text: y }),
    );
  };
  setAxes(options.axes);
  const measure = () => {
    const scale = devicePixelRatio;
    onResize(Math.round(frame.clientWidth * scale), Math.round(frame.clientHeight * scale));
  };
  new ResizeObserver(measure).observe(frame);
  return {
    frame,
    renew() {
      const fresh = makeCanvas();
      // Before it is in the page: there it would have the whole page laid out first.
      const drawn = fresh.transferControlToOffscreen();
      canvas.replaceWith(fresh);
      canvas = fresh;
      return drawn;
    },
    measure,
    setAxes,
  };
}

/** A position in a frame as a point of the square around the origin that it shows. */
export function pointAt(frame: HTMLElement, event: MouseEvent, half: number): [number, number] {
  const box = frame.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width;
  const y = (event.clientY - box.top) / box.height;
  return [(2 * x - 1) * half, (1 - 2 * y) * half];
}
