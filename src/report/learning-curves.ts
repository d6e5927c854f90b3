import * as Plot from '@observablehq/plot';
import { SOFT_INK, Sheet, shortNumber, wrapText } from './sheet.ts';
import { finiteExtent } from './surface.ts';

/** What one page of learning curves shows. */
export interface LearningCurvesData {
  /** Heading. */
  title: string;
  /** Line at the bottom. */
  caption: string;
  /** One row per record; `updates` counts gradient updates. A metric may be absent from a row. */
  rows: { updates: number; [metric: string]: number }[];
  /** The metrics to draw, one panel each, and the words (with units) over the panel. */
  metrics: { key: string; label: string }[];
}

const COLUMNS = 3;
const WIDTH = 1000;
const MARGIN = 16;
const CELL = {
  width: (WIDTH - 2 * MARGIN) / COLUMNS,
  height: 210,
  left: 58,
  right: 14,
  top: 34,
  bottom: 42,
} as const;

/** Draws one small panel per metric against updates; values that are absent or not finite leave a gap. */
export function learningCurves(data: LearningCurvesData, document: Document): string {
  const { title, caption, rows, metrics } = data;
  const sheet = new Sheet(document);
  const inner = WIDTH - 2 * MARGIN;
  const titleLines = wrapText(title, inner, 16, true);
  titleLines.forEach((line, k) => sheet.text(MARGIN, 30 + 20 * k, line, { size: 16, bold: true }));
  const top = 40 + 20 * Math.max(0, titleLines.length - 1);

  const updates = finiteExtent(rows.map((row) => row.updates)) ?? { least: 0, greatest: 1 };
  const span: [number, number] = [updates.least, Math.max(updates.greatest, updates.least + 1)];
  metrics.forEach(({ key, label }, k) => {
    const x = MARGIN + (k % COLUMNS) * CELL.width + CELL.left;
    const y = top + Math.floor(k / COLUMNS) * CELL.height + CELL.top;
    const points = rows.map((row) => ({
      x: row.updates,
      y: Number.isFinite(row[key]) ? row[key] : undefined,
    }));
    const { least, greatest } = finiteExtent(points.flatMap((p) => p.y ?? [])) ?? { least: 0, greatest: 1 };
    // A constant metric still needs an axis of some length.
    const pad = 0.05 * (greatest - least) || Math.max(0.5, 0.05 * Math.abs(greatest));
    const axis = { tickSize: 4, tickFormat: shortNumber, color: SOFT_INK, fontSize: 10 };
    sheet.panel(
      'panel curve',
      {
        x,
        y,
        width: CELL.width - CELL.left - CELL.right,
        height: CELL.height - CELL.top - CELL.bottom,
        left: CELL.left,
        right: CELL.right,
        top: 8,
        bottom: CELL.bottom,
      },
      {
        x: { domain: span, axis: null },
        y: { domain: [least - pad, greatest + pad], axis: null },
        marks: [
          Plot.gridY({ ticks: 4, stroke: '#000000', strokeOpacity: 0.1 }),
          Plot.axisX({
            ...axis,
            ticks: 4,
            label: 'updates',
            labelAnchor: 'center',
            labelArrow: 'none',
            labelOffset: 32,
          }),
          Plot.axisY({ ...axis, ticks: 4, label: null }),
          Plot.frame({ stroke: SOFT_INK }),
          Plot.line(points, { x: 'x', y: 'y', stroke: '#0072b2', strokeWidth: 1.3, className: 'metric' }),
        ],
      },
    );
    sheet.text(x, y - 8, label, { size: 11.5 });
  });

  const bottom = top + Math.ceil(metrics.length / COLUMNS) * CELL.height + 20;
  const captionLines = wrapText(caption, inner, 11);
  captionLines.forEach((line, k) => sheet.text(MARGIN, bottom + 16 * k, line, { fill: SOFT_INK }));
  const height = bottom + 16 * Math.max(0, captionLines.length - 1) + MARGIN;
  return sheet.toString(WIDTH, height, `${title}. ${caption}`);
}
