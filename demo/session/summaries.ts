import type { Evaluation } from '../../src/index.ts';
import type { Point } from '../protocol.ts';
import { percent } from '../words.ts';
import { LATTICE } from './energy-view.ts';

/** A peak of a density must be this many nats above everything within `PEAK_REACH` of it, in actions. */
const PEAK_REACH = 0.25;
/** Peaks lower than this below the highest, in nats, are not worth words. */
const PEAK_DEPTH = 3;

/** One decimal, and no minus before a zero. */
const decimal = (value: number) => value.toFixed(1).replace(/^-(0\.0)$/, '$1');
const point = ([x, y]: Point) => `(${decimal(x)}, ${decimal(y)})`;

/** What the world shows, in words: `positions` (E, 2). */
export function worldSummary(
  positions: Float32Array,
  goals: readonly Point[],
  evaluation: Evaluation | null,
): string {
  const environments = positions.length / 2;
  const near = goals.map(() => 0);
  for (let i = 0; i < positions.length; i += 2) {
    const away = goals.map(([x, y]) => Math.hypot(positions[i]! - x, positions[i + 1]! - y));
    near[away.indexOf(Math.min(...away))]!++;
  }
  const shares = near.map((count, g) => `goal ${g + 1} ${percent(count / environments)}`).join(', ');
  const reached = evaluation
    ? ` In the last test ${percent(evaluation.success)} of ${evaluation.rollouts} episodes reached a goal: ` +
      `${evaluation.outcomeShares.map((share, g) => `${g + 1} ${percent(share)}`).join(', ')}.`
    : '';
  return `${environments.toLocaleString('en')} points on the plane; nearest goals: ${shares}.${reached}`;
}

/** What the energy shows in mode 'actions': `logDensity` in nats at every place of `LATTICE`. */
export function energySummary(state: Point, logDensity: Float32Array): string {
  const peaks = peaksOf(logDensity).map(
    ({ action, nats }) => `${point(action)} with log density ${decimal(nats)}`,
  );
  const count = peaks.length === 1 ? 'one peak' : `${peaks.length} peaks`;
  return `At state ${point(state)} the learned density over the actions has ${count}: ${peaks.join('; ')}.`;
}

/** Local maxima, highest first, no two within `PEAK_REACH` of one another. */
function peaksOf(logDensity: Float32Array): { action: Point; nats: number }[] {
  const order = Array.from(logDensity.keys()).sort((a, b) => logDensity[b]! - logDensity[a]!);
  const top = logDensity[order[0]!]!;
  const side = Math.sqrt(logDensity.length);
  const peaks: { action: Point; nats: number }[] = [];
  for (const i of order) {
    const nats = logDensity[i]!;
    if (nats < top - PEAK_DEPTH) break;
    const action = LATTICE[i]!;
    const higher = [-1, 1, -side, side].some((step) => (logDensity[i + step] ?? -Infinity) > nats);
    const taken = peaks.some(
      (peak) => Math.hypot(peak.action[0] - action[0], peak.action[1] - action[1]) < PEAK_REACH,
    );
    if (!higher && !taken) peaks.push({ action, nats });
  }
  return peaks;
}
