import * as Plot from '@observablehq/plot';
import { drawPlane, type PlaneData } from './plane.ts';
import { SOFT_INK, Sheet, formatNumber, frameAndAxes, wrapText } from './sheet.ts';
import { finiteExtent, interpolator, roundStep, type Surface } from './surface.ts';

/** A policy at one state. */
export interface ActionPlane {
  /**
   * log density in nats, (Q(s, .) - V(s)) / alpha: size x size over [-1, 1]^2 with both ends, y outer ascending. The
   * uniform density is at -log 4 = -1.39.
   */
  logDensity: Surface;
  /** Actions drawn from the policy. */
  actions: [number, number][];
}

/** What Figure 1 shows: rollouts on the plane, and densities with sampled actions at some states. */
export interface Figure1Data extends PlaneData {
  /** Heading, one line. */
  title: string;
  /** Line at the bottom: run, seed, temperature, success, shares of the goals. */
  caption: string;
  /**
   * One column per state. `learned`: the critic's density exp((Q - V) / alpha) and actions of the policy,
   * a single one if it has no other. `exact`, in all
   * columns or none: pi* with its own draws, and KL(policy || pi*), of which `nats` may be a lower bound.
   */
  panels: {
    state: [number, number];
    learned: ActionPlane;
    exact?: ActionPlane & { divergence: { nats: number; lowerBound: boolean } };
  }[];
}

// Further below the maximum than this the density is under 1e-5 of its peak: more levels would only take
// colours away from the part of the surface that the policy sees.
const DEEPEST_NATS = 12;
// Below this, the differences are the rounding of float32 Q values over the temperature.
const FLAT_NATS = 1e-3;
const BANDS = 12;

const WIDTH = 1200;
const MARGIN = 16;
const COLUMN_GAP = 24;
/** Between the learned row and the exact one, for a divergence and a heading. */
const ROW_GAP = 52;
const PLANE_LEFT = 58;
/** Between the plane and the first column, for the axis they do not share. */
const PLANE_GAP = 66;
/** Side of the plane beside one row; beside two it is as high as they are. */
const PLANE_SIDE = 304;
/** From the bottom of a frame to the last line of text that belongs to it: below the plane, and below the columns. */
const BELOW = { plane: 52, columns: 102 } as const;
/** The colour bar: its height, and its distance from the frame above, whose axis lies between. */
const BAR = { height: 10, gap: 58 } as const;

/** The colours of a column's densities, which its panels share so that equal colours are equal densities. */
interface Scale {
  /** Lower ends of the bands, rising, nats. */
  readonly bands: readonly number[];
  readonly step: number;
  /** Whether there is density below the lowest band. */
  readonly cut: boolean;
  readonly color: Plot.ScaleOptions;
}

function scaleOf(surfaces: readonly Surface[]): Scale {
  const { least, greatest } = finiteExtent(surfaces.flatMap(({ values }) => values)) ?? {
    least: 0,
    greatest: 0,
  };
  const depth = greatest - least;
  // A surface that is flat to the eye still needs a scale: one nat, of which it uses the top.
  const range = depth < FLAT_NATS ? 1 : Math.min(depth, DEEPEST_NATS);
  const step = roundStep(range, BANDS);
  const top = Math.ceil(greatest / step - 1e-6);
  const bottom = Math.min(top - 1, Math.floor((greatest - range) / step + 1e-6));
  const bands = Array.from({ length: top - bottom }, (_, k) => (bottom + k) * step);
  const [floor = 0, brightest = 0] = [bands[0], bands.at(-1)];
  return {
    bands,
    step,
    cut: least < floor - step * 1e-6,
    // The value of a band is its lower end, so the topmost band takes the brightest colour.
    color: {
      type: 'linear',
      domain: brightest > floor ? [floor, brightest] : [floor - step, floor],
      scheme: 'viridis',
    },
  };
}

/** The density over the square of actions and the sampled actions; `labels` of the axes, null where they are shared. */
function drawActionPanel(
  sheet: Sheet,
  { logDensity, actions }: ActionPlane,
  { bands, color }: Scale,
  labels: { x: string | null; y: string | null; name: string; detail: string },
  box: { x: number; y: number; side: number },
): void {
  const at = interpolator(logDensity, -1, 1);
  const floor = bands[0] ?? 0;
  sheet.panel(
    'panel action',
    { x: box.x, y: box.y, width: box.side, height: box.side, left: 48, bottom: 44, right: 10, top: 6 },
    {
      x: { domain: [-1, 1], axis: null },
      y: { domain: [-1, 1], axis: null },
      color,
      marks: [
        // Shows through where the density is not a number.
        Plot.frame({ fill: '#d0d0d0' }),
        Plot.contour({
          className: 'density',
          x1: -1,
          y1: -1,
          x2: 1,
          y2: 1,
          value: (x: number, y: number) => Math.max(floor, at(x, y)),
          fill: 'value',
          stroke: '#ffffff',
          strokeWidth: 0.4,
          strokeOpacity: 0.5,
          thresholds: [...bands],
        }),
        Plot.dot(actions, {
          className: 'actions',
          r: 2,
          fill: '#ffffff',
          stroke: '#111111',
          strokeWidth: 0.8,
        }),
        ...frameAndAxes(labels.x, labels.y, [-1, -0.5, 0, 0.5, 1]),
      ],
    },
  );
  sheet.text(box.x, box.y - 9, labels.name, { size: 10, bold: true });
  sheet.text(box.x + box.side, box.y - 9, labels.detail, { size: 10, fill: SOFT_INK, anchor: 'end' });
}

/** The colours with their densities, below the frames of a column that end at `bottom`. */
function drawColourBar(
  sheet: Sheet,
  { bands, step, cut, color }: Scale,
  box: { x: number; bottom: number; side: number },
): void {
  const floor = bands[0] ?? 0;
  const edges = [...bands, (bands.at(-1) ?? 0) + step];
  // Three to five numbers, counted from zero and by powers of two, so that they stay short beside the next bar's.
  const stride = bands.length > 8 ? 4 : 2;
  const ticks = edges.filter((edge) => Math.round(edge / step) % stride === 0);
  const top = box.bottom + BAR.gap;
  if (cut) {
    // The usual sign that the lowest colour also stands for all that lies below the scale.
    const tip = `M${box.x},${top}l-8,5l8,5z`;
    sheet.shape(
      `<path class="below-scale" d="${tip}" fill="#440154" stroke="${SOFT_INK}" stroke-width="0.8"/>`,
    );
  }
  sheet.panel(
    'colour-scale',
    { x: box.x, y: top, width: box.side, height: BAR.height, left: 14, right: 14, top: 2, bottom: 18 },
    {
      x: { domain: [floor, edges.at(-1) ?? 0], axis: null },
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
  sheet.text(box.x + box.side / 2, box.bottom + BELOW.columns, 'log density (Q \u2212 V) / \u03b1  [nats]', {
    size: 10,
    fill: SOFT_INK,
    anchor: 'middle',
  });
}

/** The panels of one state above one another, and their colour bar. */
function drawColumn(
  sheet: Sheet,
  { state, learned, exact }: Figure1Data['panels'][number],
  index: number,
  box: { x: number; y: number; side: number },
): void {
  const { x, y, side } = box;
  const scale = scaleOf([learned.logDensity, ...(exact ? [exact.logDensity] : [])]);
  const [sx, sy] = state.map((v) => formatNumber(v));
  sheet.text(x, y - 24, letterOf(index), { size: 13, bold: true });
  sheet.text(x + 16, y - 24, `s = (${sx}, ${sy})`, { size: 12 });
  const yLabel = index === 0 ? 'velocity y' : null;
  drawActionPanel(
    sheet,
    learned,
    scale,
    {
      x: exact ? null : 'velocity x',
      y: yLabel,
      name: 'learned',
      detail: learned.actions.length === 1 ? 'the action' : `${learned.actions.length} sampled actions`,
    },
    box,
  );
  let bottom = y + side;
  if (exact) {
    const { nats, lowerBound } = exact.divergence;
    // A bound is rounded down, so that it stays one. An estimate may be negative, which a divergence never is.
    const divergence = lowerBound ? `\u2265 ${Math.floor(nats)}` : `= ${Math.max(0, nats).toFixed(2)}`;
    sheet.text(x + side / 2, bottom + 18, `KL(\u03c0 \u2016 \u03c0*) ${divergence} nats`, {
      size: 10,
      anchor: 'middle',
    });
    const below = { x, y: bottom + ROW_GAP, side };
    const detail = `${exact.actions.length} draws of \u03c0*`;
    drawActionPanel(sheet, exact, scale, { x: 'velocity x', y: yLabel, name: 'exact', detail }, below);
    bottom = below.y + side;
  }
  drawColourBar(sheet, scale, { x, bottom, side });
}

/** The letter of a panel of Q; the plane is `a`. */
function letterOf(panel: number): string {
  return String.fromCharCode('b'.charCodeAt(0) + panel);
}

/**
 * Draws Figure 1 of "Reinforcement Learning with Deep Energy-Based Policies" from recorded data: trajectories over
 * the reward's level curves, then the learned density of the actions at each state, in nats, with the policy's
 * samples, and the exact one below it where there is one. Returns one self-contained SVG document, 1200 pixels wide;
 * the same data gives the same string. `document` makes the elements: the page's own, or linkedom's in Node.
 */
export function figure1(data: Figure1Data, document: Document): string {
  const { title, caption, panels } = data;
  const sheet = new Sheet(document);
  const inner = WIDTH - 2 * MARGIN;
  const titleLines = wrapText(title, inner, 16, true);
  titleLines.forEach((line, k) => sheet.text(MARGIN, 30 + 20 * k, line, { size: 16, bold: true }));

  const top = 86 + 20 * Math.max(0, titleLines.length - 1);
  const states = panels.map(({ state: [x, y] }, k) => ({ x, y, letter: letterOf(k) }));
  const columns = Math.max(3, panels.length);
  const twoRows = panels.some(({ exact }) => exact);
  const forFrames = WIDTH - PLANE_LEFT - PLANE_GAP - MARGIN - (columns - 1) * COLUMN_GAP;
  // Whole pixels where the side decides how high the sheet is.
  const side = twoRows
    ? Math.floor((forFrames - ROW_GAP) / (columns + 2))
    : (forFrames - PLANE_SIDE) / columns;
  const height = twoRows ? 2 * side + ROW_GAP : side;
  const planeSide = twoRows ? height : PLANE_SIDE;
  drawPlane(sheet, data, states, { x: PLANE_LEFT, y: top, side: planeSide });
  const right = PLANE_LEFT + planeSide + PLANE_GAP;
  panels.forEach((panel, k) =>
    drawColumn(sheet, panel, k, { x: right + k * (side + COLUMN_GAP), y: top, side }),
  );

  const captionTop = top + Math.max(planeSide + BELOW.plane, height + BELOW.columns) + 30;
  const captionLines = wrapText(caption, inner, 11);
  captionLines.forEach((line, k) =>
    sheet.text(MARGIN, captionTop + 16 * k, line, { size: 11, fill: SOFT_INK }),
  );
  const bottom = captionTop + 16 * Math.max(0, captionLines.length - 1) + MARGIN;
  return sheet.toString(WIDTH, bottom, `${title}. ${caption}`);
}
