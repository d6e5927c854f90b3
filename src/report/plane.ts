import * as Plot from '@observablehq/plot';
import { INK, SOFT_INK, type Sheet, formatNumber, frameAndAxes } from './sheet.ts';
import { finiteExtent, interpolator, roundStep, type Surface } from './surface.ts';

/** A plane with goals, and what a policy did on it. */
export interface PlaneData {
  /**
   * The plane [low, high]^2. `reward` holds size x size samples of the reward of standing still at (x, y),
   * row-major, y outer ascending, spanning the plane with both ends; raw reward units.
   */
  world: { low: number; high: number; goals: [number, number][]; goalRadius: number; reward: Surface };
  /** Positions from the start state to the last one, and the index of the goal reached (null: none). */
  trajectories: { positions: [number, number][]; goal: number | null }[];
}

/** Okabe and Ito's colours that stand apart under every common colour blindness; a shape goes with each. */
export const GOAL_COLOURS = ['#0072b2', '#d55e00', '#009e73', '#aa4499', '#e69f00', '#56b4e9'] as const;
const GOAL_SYMBOLS = ['circle', 'square', 'triangle', 'diamond', 'star', 'wye'] as const;
const NO_GOAL = '#8a8a8a';

function goalColour(goal: number | null): string {
  return goal === null ? NO_GOAL : (GOAL_COLOURS[goal % GOAL_COLOURS.length] ?? NO_GOAL);
}

function goalSymbol(goal: number): (typeof GOAL_SYMBOLS)[number] {
  return GOAL_SYMBOLS[goal % GOAL_SYMBOLS.length] ?? 'circle';
}

/** The reward as a surface without the goals' bonus, its levels, and the step between them. */
function rewardLevels(world: PlaneData['world']) {
  const { low, high, goals, goalRadius, reward } = world;
  const at = interpolator(reward, low, high);
  const cell = (high - low) / (reward.size - 1);
  const outside = reward.values.filter((_, k) => {
    const x = low + (k % reward.size) * cell;
    const y = low + Math.floor(k / reward.size) * cell;
    return goals.every(([gx, gy]) => Math.hypot(x - gx, y - gy) > goalRadius + cell);
  });
  // The bonus is a cliff at the disc's edge. Capped, no level traces that edge in the steps of the sampling
  // grid; the disc is drawn as the circle it is.
  const extent = finiteExtent(outside) ?? finiteExtent(reward.values) ?? { least: 0, greatest: 0 };
  const range = extent.greatest - extent.least || 1;
  const step = roundStep(range, 11);
  const first = Math.floor(extent.least / step);
  const levels = Array.from({ length: Math.ceil(range / step) + 1 }, (_, k) => (first + k) * step).filter(
    (level, k) => k === 0 || level < extent.greatest,
  );
  const bottom = levels[0] ?? extent.least;
  const value = (x: number, y: number) => Math.max(bottom, Math.min(extent.greatest, at(x, y)));
  return { value, levels, step };
}

/** Draws the plane in `box` (pixels; the frame is a square), with a small letter at each of `states`. */
export function drawPlane(
  sheet: Sheet,
  { world, trajectories }: PlaneData,
  states: { x: number; y: number; letter: string }[],
  box: { x: number; y: number; side: number },
): void {
  const { low, high, goals, goalRadius } = world;
  const { value, levels, step } = rewardLevels(world);
  const inside = (v: number) => Math.min(high, Math.max(low, v));
  const points = trajectories.flatMap(({ positions, goal }, trajectory) =>
    positions.map(([x, y]) => ({ x: inside(x), y: inside(y), trajectory, goal })),
  );
  const ends = trajectories.flatMap(({ positions, goal }) => {
    const last = positions.at(-1);
    return last === undefined ? [] : [{ x: inside(last[0]), y: inside(last[1]), goal }];
  });
  const starts = trajectories.flatMap(({ positions }) => (positions[0] === undefined ? [] : [positions[0]]));
  const mean = (axis: 0 | 1) => starts.reduce((sum, p) => sum + p[axis], 0) / starts.length;
  const numbered = goals.map(([x, y], goal) => ({ x, y, goal }));
  const circles = numbered.flatMap(({ x, y, goal }) =>
    Array.from({ length: 65 }, (_, k) => {
      const angle = (k / 32) * Math.PI;
      return { x: x + goalRadius * Math.cos(angle), y: y + goalRadius * Math.sin(angle), goal };
    }),
  );
  const tick = roundStep(high - low, 7);
  const ticks: number[] = [];
  for (let k = Math.ceil(low / tick); k * tick <= high; k++) ticks.push(k * tick);
  const halo = { stroke: '#ffffff', strokeWidth: 3, paintOrder: 'stroke' };

  sheet.panel(
    'panel plane',
    { x: box.x, y: box.y, width: box.side, height: box.side, left: 54, bottom: 44, right: 10, top: 6 },
    {
      x: { domain: [low, high], axis: null },
      y: { domain: [low, high], axis: null },
      color: {
        domain: [levels[0] ?? 0, (levels.at(-1) ?? 0) + step],
        range: ['#dcdfe3', '#ffffff'],
        clamp: true,
      },
      marks: [
        Plot.contour({
          className: 'reward',
          x1: low,
          y1: low,
          x2: high,
          y2: high,
          value,
          fill: 'value',
          stroke: '#b9bec5',
          strokeWidth: 0.6,
          thresholds: levels,
        }),
        Plot.line(circles, {
          className: 'goal-discs',
          x: 'x',
          y: 'y',
          z: 'goal',
          stroke: (d: { goal: number }) => goalColour(d.goal),
          strokeWidth: 1,
          strokeDasharray: '3 2',
        }),
        Plot.line(points, {
          className: 'trajectories',
          x: 'x',
          y: 'y',
          z: 'trajectory',
          stroke: (d: { goal: number | null }) => goalColour(d.goal),
          strokeWidth: 0.9,
          strokeOpacity: 0.6,
          strokeLinejoin: 'round',
        }),
        Plot.dot(ends, {
          className: 'ends',
          x: 'x',
          y: 'y',
          r: 1.7,
          fill: (d: { goal: number | null }) => goalColour(d.goal),
          stroke: '#ffffff',
          strokeWidth: 0.4,
        }),
        ...numbered.map(({ x, y, goal }) =>
          Plot.dot([[x, y]], {
            className: 'goal',
            symbol: goalSymbol(goal),
            r: 5.5,
            fill: goalColour(goal),
            stroke: '#ffffff',
            strokeWidth: 1.2,
          }),
        ),
        Plot.dot(states, { className: 'state-dots', x: 'x', y: 'y', r: 2.6, fill: INK, stroke: '#ffffff' }),
        ...(starts.length === 0
          ? []
          : [
              Plot.dot([[inside(mean(0)), inside(mean(1))]], {
                className: 'start',
                symbol: 'circle',
                r: 4,
                fill: '#ffffff',
                stroke: INK,
                strokeWidth: 1.6,
              }),
            ]),
        Plot.text(states, {
          className: 'states',
          x: 'x',
          y: 'y',
          text: 'letter',
          fill: INK,
          fontSize: 12,
          fontWeight: 'bold',
          dx: 10,
          dy: -9,
          ...halo,
        }),
        ...frameAndAxes('x', 'y', ticks),
      ],
    },
  );
  sheet.heading(
    box.x,
    box.y,
    'a',
    'Trajectories of the policy',
    `reward: level curves every ${formatNumber(step)}`,
  );
  drawLegend(sheet, box.x, box.y + box.side + 52, box.side);
}

/** One row under the plane: what the marks are that are not explained by their place. */
function drawLegend(sheet: Sheet, x: number, y: number, width: number): void {
  const small = { size: 10, fill: SOFT_INK };
  const mid = y - 3.5;
  sheet.shape(`<circle cx="${x + 5}" cy="${mid}" r="4" fill="#ffffff" stroke="${INK}" stroke-width="1.6"/>`);
  sheet.text(x + 15, y, 'start', small);
  sheet.shape(
    `<circle cx="${x + 60}" cy="${mid}" r="5" fill="none" stroke="${SOFT_INK}" stroke-dasharray="3 2"/>`,
  );
  sheet.text(x + 70, y, 'goal region', small);
  sheet.shape(`<path d="M${x + 146},${mid}h18" stroke="${NO_GOAL}" stroke-width="1.4" fill="none"/>`);
  sheet.text(x + 169, y, 'no goal', small);
  sheet.text(x + width, y, 'b\u2013d: states of Q', { ...small, anchor: 'end' });
}
