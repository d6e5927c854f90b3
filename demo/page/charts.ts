import './language.ts';
import uPlot from 'uplot';
import { MOST_GOALS } from '../../src/index.ts';
import { percent } from '../words.ts';
import 'uplot/dist/uPlot.min.css';
import type { Companion } from './companion.ts';
import { saveButton } from './control-rows.ts';
import { byId, download, element } from './dom.ts';
import type { History } from './history.ts';
import { COLUMNS, type LiveRun, type News } from './live-run.ts';
import { goalColours, MARKS, SECOND_DASH } from './marks.ts';

/** A line of a chart. */
interface Line {
  readonly column: string;
  /** Index of the goal whose colour and shape it has. */
  readonly goal?: number;
}

/** A chart: its lines over the updates of the run. Of a second learner it has the last of them as well. */
interface ChartSpec {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly Line[];
  /** Fixed ends of the y axis. */
  readonly range?: readonly [number, number];
  readonly logarithmic?: boolean;
  readonly format: (value: number) => string;
  /** What stands there while there is nothing to draw. */
  readonly empty?: string;
}

const short = (value: number) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));

const RETURN: ChartSpec = {
  title: 'Return',
  unit: 'of an episode',
  lines: [{ column: 'charts/episodic_return' }],
  format: short,
};
const GOALS: ChartSpec = {
  title: 'Goals reached',
  unit: 'all · each',
  lines: [
    ...Array.from({ length: MOST_GOALS }, (_, goal) => ({ column: COLUMNS.share(goal), goal })),
    { column: COLUMNS.success },
  ],
  range: [0, 1],
  format: percent,
};
const POLICY_ENTROPY: ChartSpec = {
  title: 'Entropy',
  unit: 'of the policy, nats',
  lines: [{ column: 'losses/policy_entropy' }],
  format: short,
};
const OUTCOME_ENTROPY: ChartSpec = {
  title: 'Evenness',
  unit: 'of the goals’ shares',
  lines: [{ column: COLUMNS.outcomeEntropy }],
  range: [0, 1],
  format: (value) => value.toFixed(2),
};
const BELLMAN: ChartSpec = {
  title: 'Bellman error',
  unit: 'loss of eq. 11',
  lines: [{ column: 'losses/critic_loss' }],
  logarithmic: true,
  format: short,
};
const DISTANCE: ChartSpec = {
  title: 'Distance to optimum',
  unit: 'in Q, nats',
  lines: [{ column: COLUMNS.distance }],
  format: short,
  empty: 'Measured while the exact optimum is on',
};
const TEMPERATURE: ChartSpec = {
  title: 'Temperature α',
  unit: 'reward per nat',
  lines: [{ column: 'charts/temperature' }],
  format: short,
};

/** The x axis is at least this long, so that the first rows do not fill it. */
const LEAST_UPDATES = 250;
/** Milliseconds between two drawings of the charts. */
const REDRAW_MS = 250;
/** Stands before the columns of a second learner. */
const SECOND = 'second/';
const AXIS_FONT = '10px system-ui, sans-serif';
const Y_AXIS_WIDTH = 38;
const X_AXIS_HEIGHT = 20;

/** Live charts over one shared x axis, updates. */
export class Charts {
  readonly #run: LiveRun;
  readonly #companion: Companion;
  readonly #charts: Chart[];
  #isDue = false;

  constructor(run: LiveRun, companion: Companion) {
    this.#run = run;
    this.#companion = companion;
    const host = byId('charts');
    const specs = [RETURN, GOALS, OUTCOME_ENTROPY, BELLMAN, DISTANCE, TEMPERATURE];
    this.#charts = specs.map((spec, i) => new Chart(host, spec, i === specs.length - 1));
    const hear = ({ type }: News) => {
      if (['edited', 'progress', 'evaluation', 'distance', 'ready'].includes(type)) this.#soon();
    };
    run.listen(hear);
    companion.listen(hear);
  }

  /** Draws again with the theme's colours. */
  recolour(): void {
    for (const chart of this.#charts) chart.redraw();
  }

  #soon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setTimeout(() => void this.#show(), REDRAW_MS);
  }

  /** Draws all charts, each in a task of its own: together they would hold the page up. */
  async #show(): Promise<void> {
    this.#isDue = false;
    const { learner } = this.#companion;
    const history = learner ? this.#run.history.joined(learner.history, SECOND) : this.#run.history;
    // With an automatic temperature, and by SAC, the policy's own entropy is measured: not what two have in common.
    const hasEntropy = learner === null && history.latest('losses/policy_entropy') !== null;
    const entropy = hasEntropy ? POLICY_ENTROPY : OUTCOME_ENTROPY;
    for (let i = 0; i < this.#charts.length; i++) {
      await new Promise((resolve) => setTimeout(resolve));
      const chart = this.#charts[i]!;
      if (chart.spec === POLICY_ENTROPY || chart.spec === OUTCOME_ENTROPY) {
        if (chart.spec !== entropy) this.#charts[i] = chart.replaceBy(entropy);
      }
      this.#charts[i]!.show(history);
    }
  }
}

/** One chart: a title with the newest value, or that under the pointer, over a uPlot. */
class Chart {
  readonly spec: ChartSpec;
  readonly #box: HTMLElement;
  readonly #value = element('output', { class: 'value' });
  readonly #second = element('output', { class: 'value second' });
  readonly #empty: HTMLElement;
  readonly #plot: uPlot;
  readonly #isLast: boolean;
  readonly #resized: ResizeObserver;

  constructor(host: Element, spec: ChartSpec, isLast: boolean, before: Element | null = null) {
    this.spec = spec;
    this.#isLast = isLast;
    const head = element(
      'div',
      { class: 'chart-head' },
      element('h3', { text: spec.title }),
      element('small', { text: spec.unit }),
      this.#value,
      this.#second,
      saveButton(`the chart ${spec.title}`, () => this.#save()),
    );
    const canvas = element('div', { class: 'chart-canvas is-empty', role: 'img', 'aria-label': spec.title });
    this.#empty = element('p', { class: 'chart-empty', text: spec.empty ?? '' });
    canvas.append(this.#empty);
    this.#box = element('div', { class: isLast ? 'chart last' : 'chart' }, head, canvas);
    host.insertBefore(this.#box, before);
    this.#plot = new uPlot(
      optionsOf(spec, isLast, (row) => this.#say(row)),
      [[]],
      canvas,
    );
    // Not within the frame that lays all charts out anew.
    this.#resized = new ResizeObserver(() =>
      setTimeout(() => this.#plot.setSize({ width: canvas.clientWidth, height: canvas.clientHeight })),
    );
    this.#resized.observe(canvas);
  }

  show(history: History): void {
    const columns = columnsOf(this.spec);
    this.#plot.setData([
      history.updates as number[],
      ...columns.map((column) => history.column(column) as number[]),
    ]);
    const isEmpty = !columns.some((column) => history.latest(column) !== null);
    this.#empty.hidden = !isEmpty;
    this.#empty.parentElement!.classList.toggle('is-empty', isEmpty);
    this.#say(null);
  }

  redraw(): void {
    this.#plot.redraw(false, true);
  }

  /** Puts a chart of something else into this one's place. */
  replaceBy(spec: ChartSpec): Chart {
    const next = this.#box.nextElementSibling;
    const host = this.#box.parentElement!;
    this.#resized.disconnect();
    this.#plot.destroy();
    this.#box.remove();
    return new Chart(host, spec, this.#isLast, next);
  }

  /** The values of both learners at a row of the data, or the newest. */
  #say(row: number | null): void {
    const mine = this.#text(-2, row);
    const second = this.#text(-1, row);
    this.#value.textContent = mine;
    this.#second.textContent = second;
    const both = second === '' ? mine : `${mine || 'nothing yet'}, second learner ${second}`;
    this.#box
      .querySelector('.chart-canvas')!
      .setAttribute('aria-label', `${this.spec.title}, ${this.spec.unit}: ${both || 'nothing yet'}`);
  }

  /** The last known value up to a row of one of the lines, counted from the end; empty without any. */
  #text(line: number, row: number | null): string {
    if (this.#plot.data.length < 3) return '';
    const values = this.#plot.data.at(line)!;
    let index = row ?? values.length - 1;
    while (index >= 0 && (values[index] === null || values[index] === undefined)) index--;
    const value = values[index];
    return typeof value === 'number' ? this.spec.format(value) : '';
  }

  /** The chart with its title on the page's paper, as a file. */
  #save(): void {
    const { canvas } = this.#plot.ctx;
    const scale = devicePixelRatio;
    const margin = 26 * scale;
    const sheet = new OffscreenCanvas(canvas.width, canvas.height + margin);
    const pen = sheet.getContext('2d')!;
    pen.fillStyle = colour('--paper');
    pen.fillRect(0, 0, sheet.width, sheet.height);
    pen.fillStyle = colour('--ink');
    pen.font = `600 ${13 * scale}px system-ui, sans-serif`;
    pen.fillText(`${this.spec.title} (${this.spec.unit})`, 8 * scale, 18 * scale);
    pen.drawImage(canvas, 0, margin);
    void sheet
      .convertToBlob()
      .then((png) => download(`softq-${this.spec.title.toLowerCase().replace(/\W+/g, '-')}.png`, png));
  }
}

/** The columns of a chart's series: of its lines, and of the second learner's. */
function columnsOf({ lines }: ChartSpec): string[] {
  return [...lines.map(({ column }) => column), SECOND + lines.at(-1)!.column];
}

function optionsOf(spec: ChartSpec, isLast: boolean, onCursor: (row: number | null) => void): uPlot.Options {
  const axis = {
    stroke: () => colour('--muted'),
    font: AXIS_FONT,
    grid: { stroke: () => colour('--hair'), width: 1 },
    ticks: { show: false },
  };
  const goal = (line: Line) => goalColours(isDark())[line.goal!]!;
  return {
    width: 240,
    height: 80,
    padding: [6, 10, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'run' }, y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { time: false, range: (_, __, most) => [0, Math.max(LEAST_UPDATES, most ?? 0)] },
      y: {
        ...(spec.range && { range: () => [...spec.range!] as [number, number] }),
        ...(spec.logarithmic && { distr: 3 as const }),
      },
    },
    axes: [
      { ...axis, size: isLast ? X_AXIS_HEIGHT : 4, gap: 2, space: 48, ...(!isLast && { values: () => [] }) },
      {
        ...axis,
        size: Y_AXIS_WIDTH,
        gap: 4,
        space: 24,
        ...(spec.range && { splits: () => [0, 0.5, 1] }),
        ...(spec.logarithmic && { splits: decades }),
      },
    ],
    series: [
      {},
      ...spec.lines.map((line) => ({
        stroke: () => (line.goal === undefined ? colour('--ink') : goal(line)),
        width: line.goal === undefined ? 1.75 : 1.5,
        dash: line.goal === undefined ? [] : [...MARKS[line.goal]!.dash],
        spanGaps: true,
        // A line of one number is a point; goals have their marks instead.
        points: line.goal === undefined ? { size: 4 } : { show: false },
      })),
      {
        stroke: () => colour('--second'),
        width: 1.75,
        dash: [...SECOND_DASH],
        spanGaps: true,
        points: { show: false },
      },
    ],
    hooks: {
      draw: [(plot) => drawMarks(plot, spec)],
      setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
    },
  };
}

/** Ticks of a logarithmic axis: powers of ten, and their doubles and fives where there are few. */
function decades(_: uPlot, __: number, least: number, most: number): number[] {
  // An axis without data has no ends yet.
  if (!(least > 0 && Number.isFinite(most))) return [];
  const first = Math.floor(Math.log10(least));
  const last = Math.ceil(Math.log10(most));
  const factors = last - first > 2 ? [1] : [1, 3];
  const all = Array.from({ length: last - first + 1 }, (_, i) =>
    factors.map((factor) => factor * 10 ** (first + i)),
  );
  return all.flat().filter((value) => value >= least && value <= most);
}

/** A goal's shape at the end of its line. */
function drawMarks(plot: uPlot, spec: ChartSpec): void {
  const { ctx, data } = plot;
  for (const [i, { goal }] of spec.lines.entries()) {
    if (goal === undefined) continue;
    const column = data[i + 1] ?? [];
    const row = column.findLastIndex((value) => value !== null && value !== undefined);
    if (row < 0) continue;
    ctx.save();
    ctx.translate(plot.valToPos(data[0][row]!, 'x', true), plot.valToPos(column[row]!, 'y', true));
    ctx.scale(4 * devicePixelRatio, 4 * devicePixelRatio);
    const shape = new Path2D(MARKS[goal]!.path);
    ctx.fillStyle = goalColours(isDark())[goal]!;
    ctx.strokeStyle = colour('--paper');
    ctx.lineWidth = 0.4;
    ctx.fill(shape);
    ctx.stroke(shape);
    ctx.restore();
  }
}

function isDark(): boolean {
  return document.documentElement.dataset['theme'] === 'dark';
}

/** A colour of the style sheets under the theme in force. */
function colour(property: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}
