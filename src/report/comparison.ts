import * as Plot from '@observablehq/plot';
import { GOAL_COLOURS } from './plane.ts';
import { formatNumber, Sheet, SOFT_INK, wrapText } from './sheet.ts';

/** One learner's run in a panel of divergences. */
export interface DivergencePoint {
  readonly learner: string;
  /** KL(pi || pi*) in nats; of a policy without a density a lower bound. */
  readonly nats: number;
  readonly lowerBound: boolean;
}

/** What the comparison of learners shows. */
export interface ComparisonData {
  readonly title: string;
  readonly caption: string;
  /** Learners from top to bottom. */
  readonly learners: readonly string[];
  /** A panel each: rows by state, columns by temperature. */
  readonly divergences: readonly {
    readonly temperature: number;
    readonly state: readonly [number, number];
    /** KL of the best squashed Gaussian. */
    readonly floor: number;
    readonly points: readonly DivergencePoint[];
  }[];
  /** Names of the goals, and their shares in every run of some learners. */
  readonly goals: readonly string[];
  readonly shares: readonly {
    readonly learner: string;
    readonly runs: readonly { readonly seed: number; readonly shares: readonly number[] }[];
  }[];
}

const WIDTH = 1200;
const MARGIN = 16;
const LABELS = 190;
const PANEL = { width: 300, gap: 28, row: 22, below: 74 } as const;
const TOP = 96;
/** Divergences beyond this are drawn at the edge: what is wrong by nats need not be told apart. */
const GREATEST_NATS = 2;
const BAR = { height: 7, gap: 2 } as const;

/** Draws how far each learner's density lies from the optimum in every run, and which goals its runs reach. */
export function comparison(data: ComparisonData, document: Document): string {
  const sheet = new Sheet(document);
  const inner = WIDTH - 2 * MARGIN;
  sheet.text(MARGIN, 30, data.title, { size: 16, bold: true });
  const temperatures = [...new Set(data.divergences.map(({ temperature }) => temperature))];
  const states = [...new Set(data.divergences.map(({ state }) => state.join()))];
  const height = PANEL.row * data.learners.length;
  for (const panel of data.divergences) {
    const column = temperatures.indexOf(panel.temperature);
    const row = states.indexOf(panel.state.join());
    drawDivergences(sheet, data.learners, panel, {
      x: MARGIN + LABELS + column * (PANEL.width + PANEL.gap),
      y: TOP + row * (height + PANEL.below),
      height,
      labelled: column === 0,
    });
  }
  const below = TOP + states.length * (height + PANEL.below) + 20;
  const bottom = drawShares(sheet, data, below) + 24;
  const lines = wrapText(data.caption, inner, 11);
  lines.forEach((line, k) => sheet.text(MARGIN, bottom + 16 * k, line, { fill: SOFT_INK }));
  const end = bottom + 16 * (lines.length - 1) + MARGIN;
  return sheet.toString(WIDTH, end, `${data.title}. ${data.caption}`);
}

function drawDivergences(
  sheet: Sheet,
  learners: readonly string[],
  panel: ComparisonData['divergences'][number],
  box: { x: number; y: number; height: number; labelled: boolean },
): void {
  const { temperature, state, floor, points } = panel;
  const at = (nats: number) => Math.min(Math.max(nats, 0), GREATEST_NATS);
  const beyond = points.filter(({ nats, lowerBound }) => lowerBound || nats > GREATEST_NATS);
  const within = points.filter((point) => !beyond.includes(point));
  sheet.panel(
    'panel divergence',
    { x: box.x, y: box.y, width: PANEL.width, height: box.height, left: 8, right: 12, top: 6, bottom: 44 },
    {
      x: { domain: [0, GREATEST_NATS], axis: null },
      // Half a step of padding puts each learner in the middle of its row, where its label is.
      y: { type: 'point', domain: learners, axis: null, padding: 0.5 },
      marks: [
        Plot.ruleY(learners, { stroke: '#000000', strokeOpacity: 0.08 }),
        Plot.ruleX([floor], {
          stroke: '#d55e00',
          strokeWidth: 1.5,
          strokeDasharray: '5 3',
          className: 'floor',
        }),
        Plot.dot(within, {
          x: ({ nats }: DivergencePoint) => at(nats),
          y: 'learner',
          r: 3.2,
          fill: '#0072b2',
          fillOpacity: 0.55,
          stroke: '#003a5c',
          strokeWidth: 0.6,
          className: 'runs',
        }),
        Plot.dot(beyond, {
          x: GREATEST_NATS,
          y: 'learner',
          symbol: 'triangle',
          rotate: 90,
          r: 3.6,
          fill: '#0072b2',
          className: 'beyond',
        }),
        Plot.axisX({
          ticks: [0, 0.5, 1, 1.5, 2],
          tickSize: 4,
          tickFormat: (nats: number) => formatNumber(nats),
          color: SOFT_INK,
          fontSize: 10,
          label: 'KL(\u03c0 \u2016 \u03c0*), nats',
          labelAnchor: 'center',
          labelArrow: 'none',
          labelOffset: 34,
        }),
        Plot.frame({ stroke: SOFT_INK }),
      ],
    },
  );
  const [x, y] = state.map((one) => formatNumber(one));
  sheet.text(box.x, box.y - 12, `\u03b1 = ${formatNumber(temperature)}`, { size: 12, bold: true });
  sheet.text(box.x + PANEL.width, box.y - 12, `at s = (${x}, ${y})`, {
    size: 11,
    fill: SOFT_INK,
    anchor: 'end',
  });
  if (!box.labelled) return;
  const step = box.height / learners.length;
  learners.forEach((learner, k) => {
    sheet.text(box.x - 10, box.y + (k + 0.5) * step + 4, learner, { anchor: 'end' });
  });
}

/** A block of bars for each learner, one bar a run, split by goals; returns where it ends. */
function drawShares(sheet: Sheet, { shares, goals }: ComparisonData, top: number): number {
  sheet.text(MARGIN, top, 'Goals reached, one bar for each run', { size: 12, bold: true });
  goals.forEach((goal, k) => {
    const x = MARGIN + 290 + 90 * k;
    sheet.shape(`<rect x="${x}" y="${top - 9}" width="10" height="10" fill="${GOAL_COLOURS[k]}"/>`);
    sheet.text(x + 15, top, goal, { fill: SOFT_INK });
  });
  const width = (WIDTH - 2 * MARGIN - PANEL.gap * (shares.length - 1)) / Math.max(1, shares.length);
  const first = top + 40;
  let bottom = first;
  shares.forEach(({ learner, runs }, column) => {
    const x = MARGIN + column * (width + PANEL.gap);
    sheet.text(x, first - 10, learner, { size: 11 });
    runs.forEach((run, k) => {
      const y = first + k * (BAR.height + BAR.gap);
      sheet.shape(`<rect x="${x}" y="${y}" width="${width}" height="${BAR.height}" fill="#e8e8e8"/>`);
      let from = 0;
      run.shares.forEach((share, goal) => {
        const shape = `x="${(x + from * width).toFixed(1)}" y="${y}" width="${(share * width).toFixed(1)}"`;
        sheet.shape(`<rect ${shape} height="${BAR.height}" fill="${GOAL_COLOURS[goal]}"/>`);
        from += share;
      });
      bottom = Math.max(bottom, y + BAR.height);
    });
  });
  return bottom;
}
