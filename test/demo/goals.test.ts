import { describe, expect, test } from 'vitest';
import { addGoal, areDefaultGoals, moveGoal, removeGoal } from '../../demo/page/goals.ts';
import type { Point } from '../../demo/protocol.ts';
import { MULTIGOAL_GOALS } from '../../src/index.ts';

describe('goals', () => {
  test('stay inside the walls and keep two digits when they are moved', () => {
    expect(moveGoal(MULTIGOAL_GOALS, 1, [-9.1, 1.23456])).toEqual([
      [5, 0],
      [-7, 1.23],
      [0, 5],
      [0, -5],
    ]);
  });

  test('are added where there is room: away from the others and from the start', () => {
    const goals = addGoal(MULTIGOAL_GOALS);
    expect(goals).toHaveLength(5);
    const [x, y] = goals[4]!;
    const away = [...MULTIGOAL_GOALS, [0, 0] as const].map(([gx, gy]) => Math.hypot(gx - x, gy - y));
    expect(Math.min(...away)).toBeGreaterThan(4);
    expect(Math.max(Math.abs(x), Math.abs(y))).toBeLessThanOrEqual(6);
  });

  test('are at most eight', () => {
    let goals: readonly Point[] = MULTIGOAL_GOALS;
    for (let i = 0; i < 6; i++) goals = addGoal(goals, [i, i]);
    expect(goals).toHaveLength(8);
    expect(goals[7]).toEqual([3, 3]);
  });

  test('are at least one', () => {
    expect(
      removeGoal(
        [
          [1, 1],
          [2, 2],
        ],
        0,
      ),
    ).toEqual([[2, 2]]);
    expect(removeGoal([[2, 2]], 0)).toEqual([[2, 2]]);
  });

  test('are known as those of the task, in their order', () => {
    expect(areDefaultGoals(MULTIGOAL_GOALS)).toBe(true);
    expect(areDefaultGoals(moveGoal(MULTIGOAL_GOALS, 3, [0, -4.9]))).toBe(false);
    expect(areDefaultGoals(MULTIGOAL_GOALS.slice(0, 3))).toBe(false);
  });
});
