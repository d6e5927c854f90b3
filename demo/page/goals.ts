import { MOST_GOALS, MULTIGOAL_BOUND, MULTIGOAL_GOALS } from '../../src/index.ts';
import type { Point } from '../protocol.ts';

/** Candidates for a new goal lie this far apart. */
const SPACING = 0.5;
/** A new goal keeps this distance to the walls, so that its circle is whole. */
const MARGIN = 1;
/** Digits after the point that a goal keeps: what a link and a label show. */
const DIGITS = 2;

/** A position on the plane: inside the walls and rounded to what a link can say. */
export function onPlane([x, y]: Point): Point {
  const clamp = (value: number) =>
    Number(Math.min(MULTIGOAL_BOUND, Math.max(-MULTIGOAL_BOUND, value)).toFixed(DIGITS));
  return [clamp(x), clamp(y)];
}

/** The goals with the one at `index` moved to `to`, inside the walls. */
export function moveGoal(goals: readonly Point[], index: number, to: Point): readonly Point[] {
  return goals.map((goal, i) => (i === index ? onPlane(to) : goal));
}

/** The goals with one more at `at`, or where there is most room; unchanged when there are `MOST_GOALS` already. */
export function addGoal(goals: readonly Point[], at: Point = roomiest(goals)): readonly Point[] {
  return goals.length < MOST_GOALS ? [...goals, onPlane(at)] : goals;
}

/** The goals without the one at `index`; unchanged when it is the last one. */
export function removeGoal(goals: readonly Point[], index: number): readonly Point[] {
  return goals.length > 1 ? goals.filter((_, i) => i !== index) : goals;
}

/** Whether these are the four goals of the task as it comes, in their order. */
export function areDefaultGoals(goals: readonly Point[]): boolean {
  return (
    goals.length === MULTIGOAL_GOALS.length &&
    goals.every(([x, y], i) => x === MULTIGOAL_GOALS[i]![0] && y === MULTIGOAL_GOALS[i]![1])
  );
}

/** The position of a lattice that is farthest from every goal and from the start, the origin. */
function roomiest(goals: readonly Point[]): Point {
  const taken: readonly Point[] = [...goals, [0, 0]];
  const reach = MULTIGOAL_BOUND - MARGIN;
  let best: Point = [0, 0];
  let most = -1;
  for (let x = -reach; x <= reach; x += SPACING) {
    for (let y = -reach; y <= reach; y += SPACING) {
      const room = Math.min(...taken.map(([gx, gy]) => Math.hypot(gx - x, gy - y)));
      if (room > most) [most, best] = [room, [x, y]];
    }
  }
  return best;
}
