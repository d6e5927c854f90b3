import * as Plot from '@observablehq/plot';
import { formatNumber, Sheet, shortNumber, SOFT_INK, wrapText } from './sheet.ts';

/** What a sweep of one setting came to. */
export interface CostCurve {
  /** Words under the axis. */
  label: string;
  /** Above 0, at least one. Shares in [0, 1] and above where the roofline was measured too low. */
  points: { value: number; milliseconds: number; rooflineShare: number }[];
}

/** What one page of cost curves shows. */
export interface CostCurvesData {
  /** Heading. */
  title: string;
  /** Line at the bottom. */
  caption: string;
  /** A column of two panels each. */
  curves: CostCurve[];
}

const PANEL = { width: 250, height: 190, left: 58, right: 18, top: 34, bottom: 48 } as const;
const MARGIN = 16;
const BLUE = '#0072b2';
/** Numbers of an axis in each power of ten. */
const STEPS = [1, 2, 5];
/** Room over and under the curves on a logarithmic axis. */
const ROOM = 1.25;

/**
 * Draws, for each sweep, the time of an iteration against the value on logarithmic axes, with a dashed line of cost in
 * proportion to the value through the last point, and under it the share of the roofline.
 */
export function costCurves({ title, caption, curves }: CostCurvesData, document: Document): string {
  const sheet = new Sheet(document);
  const column = PANEL.left + PANEL.width + PANEL.right;
  const width = 2 * MARGIN + Math.max(2, curves.length) * column;
  const titleLines = wrapText(title, width - 2 * MARGIN, 16, true);
  titleLines.forEach((line, k) => sheet.text(MARGIN, 30 + 20 * k, line, { size: 16, bold: true }));
  const first = 20 + 20 * titleLines.length + PANEL.top;
  const second = first + PANEL.height + PANEL.bottom + PANEL.top;

  const all = curves.flatMap(({ points }) => points);
  const times = all.map(({ milliseconds }) => milliseconds);
  const [least, greatest] = [Math.min(...times) / ROOM, Math.max(...times) * ROOM];
  const highest = Math.max(...all.map(({ rooflineShare }) => rooflineShare)) * ROOM;
  curves.forEach(({ label, points }, k) => {
    const x = MARGIN + k * column + PANEL.left;
    const values = points.map(({ value }) => value);
    const [from, to] = [Math.min(...values), Math.max(...values)];
    const xScale = { type: 'log' as const, domain: [from / ROOM, to * ROOM], axis: null };
    const box = { ...PANEL, x };
    const last = points.reduce((a, b) => (b.value > a.value ? b : a));
    const foot = Math.max(from, (last.value * least) / last.milliseconds);
    const proportional = [foot, last.value].map((value) => ({
      value,
      milliseconds: (last.milliseconds * value) / last.value,
    }));
    const marks = (y: string, ticks: number | number[], tickFormat: (value: number) => string) => [
      Plot.gridY({ ticks, stroke: '#000000', strokeOpacity: 0.1 }),
      // As text: a logarithmic axis that is given a format leaves out the numbers that it finds too close.
      Plot.axisX(values, { ...axis, text: (value: number) => shortNumber(value), ...centred(label) }),
      Plot.axisY({ ...axis, ticks, tickFormat, label: null }),
      Plot.frame({ stroke: SOFT_INK }),
      Plot.line(points, { x: 'value', y, stroke: BLUE, strokeWidth: 1.5, sort: 'value' }),
      Plot.dot(points, { x: 'value', y, fill: BLUE, r: 3 }),
    ];
    sheet.text(x, first - 8, 'milliseconds per iteration', { size: 11.5 });
    sheet.panel(
      'panel cost',
      { ...box, y: first },
      {
        x: xScale,
        y: { type: 'log', domain: [least, greatest], axis: null },
        marks: [
          ...marks('milliseconds', decades(least, greatest), (value) => formatNumber(value, 3)),
          Plot.line(proportional, {
            x: 'value',
            y: 'milliseconds',
            stroke: SOFT_INK,
            strokeDasharray: '4 3',
          }),
        ],
      },
    );
    sheet.text(x, second - 8, 'share of the roofline', { size: 11.5 });
    sheet.panel(
      'panel share',
      { ...box, y: second },
      {
        x: xScale,
        y: { domain: [0, highest], axis: null },
        marks: marks('rooflineShare', 4, (value) => `${formatNumber(100 * value, 1)} %`),
      },
    );
  });

  const bottom = second + PANEL.height + PANEL.bottom + 16;
  const lines = wrapText(caption, width - 2 * MARGIN, 11);
  lines.forEach((line, k) => sheet.text(MARGIN, bottom + 16 * k, line, { fill: SOFT_INK }));
  return sheet.toString(width, bottom + 16 * (lines.length - 1) + MARGIN, `${title}. ${caption}`);
}

const axis = { tickSize: 4, color: SOFT_INK, fontSize: 10 };

function centred(label: string) {
  return { label, labelAnchor: 'center' as const, labelArrow: 'none' as const, labelOffset: 34 };
}

/** 1, 2 and 5 times the powers of ten from `least` to `greatest`. */
function decades(least: number, greatest: number): number[] {
  const [from, to] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(greatest))];
  const powers = Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
  return powers
    .flatMap((power) => STEPS.map((step) => step * power))
    .filter((value) => value >= least && value <= greatest);
}
