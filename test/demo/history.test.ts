import { describe, expect, test } from 'vitest';
import { History } from '../../demo/page/history.ts';

describe('the history of a run', () => {
  test('joins rows of the same update and puts late ones where they belong', () => {
    const history = new History();
    history.add(25, { a: 1 });
    history.add(75, { a: 3 });
    history.add(50, { b: 20 });
    history.add(75, { b: 30 });
    expect(history.updates).toEqual([25, 50, 75]);
    expect(history.column('a')).toEqual([1, null, 3]);
    expect(history.column('b')).toEqual([null, 20, 30]);
    expect(history.column('c')).toEqual([null, null, null]);
    expect(history.latest('a')).toBe(3);
    expect(history.latest('c')).toBeNull();
  });

  test('leaves out what is not finite', () => {
    const history = new History();
    history.add(25, { a: NaN, b: Infinity, c: 1 });
    expect(history.names).toEqual(['c']);
  });

  test('is CSV with a line of names and empty fields', () => {
    const history = new History();
    history.add(25, { a: 1.5 });
    history.add(50, { b: -2e-7 });
    expect(history.csv()).toBe('updates,a,b\n25,1.5,\n50,,-2e-7\n');
  });

  test('halves its resolution when it is full, and keeps start, end and rare numbers', () => {
    const history = new History(8);
    for (let i = 1; i <= 9; i++) history.add(i * 25, { a: i, ...(i === 4 && { rare: 40 }) });
    expect(history.updates).toEqual([25, 75, 125, 175, 225]);
    expect(history.column('a')).toEqual([1, 3, 5, 7, 9]);
    expect(history.column('rare')).toEqual([null, null, 40, null, null]);
    history.add(250, { a: 10 });
    expect(history.updates.at(-1)).toBe(250);
  });

  test('of two learners is one table, in which rows of the same update join', () => {
    const first = new History();
    const second = new History();
    first.add(25, { a: 1 });
    first.add(75, { a: 3 });
    second.add(25, { a: 10, b: 5 });
    second.add(50, { a: 20 });
    second.add(100, { a: 40 });
    const both = first.joined(second, 'sac/');
    expect(both.csv()).toBe('updates,a,sac/a,sac/b\n25,1,10,5\n50,,20,\n75,3,,\n100,,40,\n');
    expect(first.joined(new History(), 'sac/').csv()).toBe(first.csv());
    expect(first.csv()).toBe('updates,a\n25,1\n75,3\n');
  });

  test('forgets everything when a run begins anew', () => {
    const history = new History();
    history.add(25, { a: 1 });
    history.clear();
    expect([history.updates, history.names, history.csv()]).toEqual([[], [], 'updates\n']);
  });
});
