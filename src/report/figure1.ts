import * as Plot from '@observablehq/plot';
import { drawPlane, type PlaneData } from './plane.ts';
import { SOFT_INK, Sheet, formatNumber, frameAndAxes, wrapText } from './sheet.ts';
import { finiteExtent, interpolator, roundStep, type Surface } from './surface.ts';

/** What Figure 1 shows: rollouts on the plane, and the Q function with sampled actions at some states. */
export interface Figure1Data extends PlaneData {
  /** Heading, one line. */
  title: string;
  /** Line at the bottom: run, seed, temperature, success, shares of the goals. */
  caption: string;
  /** alpha > 0, in raw reward units; Q / alpha is then in nats. */
  temperature: number;
  /**
   * One panel per state: Q(state, .) in raw reward units, size x size over [-1, 1]^2 with both ends, y outer
   * ascending, and actions drawn from the policy there; a single one is the policy's only action.
   */
  panels: { state: [number, number]; q: Surface; actions: [number, number][] }[];
}

// Further below the maximum than this the density is under 1e-5 of its peak: more levels would only take
// colours away from the part of the surface that the policy sees.
const DEEPEST_NATS = 12;
// Below this, the differences are the rounding of float32 Q values.
const FLAT_NATS = 1e-3;
const BANDS = 12;

const WIDTH = 1200;
const MARGIN = 16;
const LEFT = { x: 58, side: 304 } as const;
const RIGHT = { x: 428, gap: 24 } as const;
/** From the top of the frames to the last line of text that belongs to the panels. */
const BOTTOM_LINE = 356;

/** Q(state, .) over the square of actions, its colour scale below, and the sampled actions. */
function drawActionPanel(
  sheet: Sheet,
  panel: Figure1Data['panels'][number],
  index: number,
  temperature: number,
  box: { x: number; y: number; side: number },
): void {
  const { state, q, actions } = panel;
  const at = interpolator(q, -1, 1);
  const { least, greatest } = finiteExtent(q.values) ?? { least: 0, greatest: 0 };
  const depth = (greatest - least) / temperature;
  // A surface that is flat to the eye still needs a scale: one nat, of which it uses the top.
  const range = depth < FLAT_NATS ? 1 : Math.min(depth, DEEPEST_NATS);
  const step = roundStep(range, BANDS);
  const count = Math.max(1, Math.ceil(range / step - 1e-6));
  const bands = Array.from({ length: count }, (_, k) => (k - count) * step);
  const floor = -count * step;
  // The value of a band is its lower end, so the topmost band, at -step, takes the brightest colour.
  const color = {
    type: 'linear',
    domain: count > 1 ? [floor, -step] : [floor - step, floor],
    scheme: 'viridis',
  } as const;

  sheet.panel(
    'panel action',
    { x: box.x, y: box.y, width: box.side, height: box.side, left: 48, bottom: 44, right: 10, top: 6 },
    {
      x: { domain: [-1, 1], axis: null },
      y: { domain: [-1, 1], axis: null },
      color,
      marks: [
        // Shows through where Q is not a number.
        Plot.frame({ fill: '#d0d0d0' }),
        Plot.contour({
          className: 'q',
          x1: -1,
          y1: -1,
          x2: 1,
          y2: 1,
          value: (x: number, y: number) => Math.max(floor, (at(x, y) - greatest) / temperature),
          fill: 'value',
          stroke: '#ffffff',
          strokeWidth: 0.4,
          strokeOpacity: 0.5,
          thresholds: bands,
        }),
        Plot.dot(actions, {
          className: 'actions',
          r: 2,
          fill: '#ffffff',
          stroke: '#111111',
          strokeWidth: 0.8,
        }),
        ...frameAndAxes('velocity x', index === 0 ? 'velocity y' : null, [-1, -0.5, 0, 0.5, 1]),
      ],
    },
  );
  const [x, y] = state.map((v) => formatNumber(v));
  const shown = actions.length === 1 ? 'the action' : `${actions.length} sampled actions`;
  sheet.heading(box.x, box.y, letterOf(index), `s = (${x}, ${y})`, `Q and ${shown}`);

  const stride = Math.ceil(count / 4);
  const ticks = bands.map((band) => band + step).filter((_, k) => (count - 1 - k) % stride === 0);
  if (count % stride === 0) ticks.unshift(floor);
  const barTop = box.y + LEFT.side - 10;
  if (depth > range) {
    // The usual sign that the lowest colour also stands for all that lies below the scale.
    const tip = `M${box.x},${barTop}l-8,5l8,5z`;
    sheet.shape(
      `<path class="below-scale" d="${tip}" fill="#440154" stroke="${SOFT_INK}" stroke-width="0.8"/>`,
    );
  }
  sheet.panel(
    'colour-scale',
    {
      x: box.x,
      y: barTop,
      width: box.side,
      height: 10,
      left: 14,
      right: 14,
      top: 2,
      bottom: 18,
    },
    {
      x: { domain: [floor, 0], axis: null },
      y: { axis: null },
      color,
      marks: [
        Plot.rect(bands, { x1: (d: number) => d, x2: (d: number) => d + step, fill: (d: number) => d }),
        Plot.frame({ stroke: SOFT_INK, strokeWidth: 0.8 }),
        Plot.axisX({
          ticks,
          tickSize: 4,
          color: SOFT_INK,
          fontSize: 10,
          label: null,
          tickFormat: (d: number) => formatNumber(d, 4),
        }),
      ],
    },
  );
  sheet.text(box.x + box.side / 2, box.y + LEFT.side + 34, '(Q \u2212 max Q) / \u03b1  [nats]', {
    size: 10,
    fill: SOFT_INK,
    anchor: 'middle',
  });
}

/** The letter of a panel of Q; the plane is `a`. */
function letterOf(panel: number): string {
  return String.fromCharCode('b'.charCodeAt(0) + panel);
}

/**
 * Draws Figure 1 of "Reinforcement Learning with Deep Energy-Based Policies" from recorded data: trajectories over
 * the reward's level curves, then Q over the actions at each state as (Q - max Q) / alpha, in nats, with the
 * policy's samples. Returns one self-contained SVG document, 1200 pixels wide; the same data gives the same
 * string. `document` makes the elements: the page's own, or linkedom's in Node.
 */
export function figure1(data: Figure1Data, document: Document): string {
  const { title, caption, temperature, panels } = data;
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new RangeError(
      `Figure 1 shows Q in units of the temperature, which must be positive: ${temperature}`,
    );
  }
  const sheet = new Sheet(document);
  const inner = WIDTH - 2 * MARGIN;
  const titleLines = wrapText(title, inner, 16, true);
  titleLines.forEach((line, k) => sheet.text(MARGIN, 30 + 20 * k, line, { size: 16, bold: true }));

  const top = 86 + 20 * Math.max(0, titleLines.length - 1);
  const states = panels.map(({ state: [x, y] }, k) => ({ x, y, letter: letterOf(k) }));
  drawPlane(sheet, data, states, { ...LEFT, y: top });
  const columns = Math.max(3, panels.length);
  const side = (WIDTH - MARGIN - RIGHT.x - (columns - 1) * RIGHT.gap) / columns;
  panels.forEach((panel, k) => {
    drawActionPanel(sheet, panel, k, temperature, { x: RIGHT.x + k * (side + RIGHT.gap), y: top, side });
  });

  const captionTop = top + BOTTOM_LINE + 30;
  const captionLines = wrapText(caption, inner, 11);
  captionLines.forEach((line, k) =>
    sheet.text(MARGIN, captionTop + 16 * k, line, { size: 11, fill: SOFT_INK }),
  );
  const height = captionTop + 16 * Math.max(0, captionLines.length - 1) + MARGIN;
  return sheet.toString(WIDTH, height, `${title}. ${caption}`);
}
