import { describe, expect, test } from 'vitest';
import { Duty, Pacer, Stopwatch } from '../../demo/session/pacer.ts';

describe('iterations of a submit', () => {
  test('settle at about 8 ms of work, at least one', () => {
    const pacer = new Pacer();
    for (let i = 0; i < 20; i++) pacer.took(pacer.take(0), pacer.take(0) * 0.1);
    expect(pacer.take(0)).toBe(80);
    for (let i = 0; i < 20; i++) pacer.took(pacer.take(0), pacer.take(0) * 50);
    expect(pacer.take(0)).toBe(1);
  });

  test('at most double or halve at a time: one odd measurement does not decide', () => {
    const pacer = new Pacer();
    pacer.took(1, 0.001);
    expect(pacer.take(0)).toBe(2);
    pacer.took(2, 0);
    expect(pacer.take(0)).toBe(4);
    pacer.took(4, 1e6);
    expect(pacer.take(0)).toBe(2);
  });
});

describe('a limited pace', () => {
  test('gives its iterations over time and no more', () => {
    const pacer = new Pacer();
    pacer.setRate(4, 0);
    let taken = 0;
    for (let now = 0; now <= 10_010; now += 7) taken += pacer.take(now);
    // One at once, then four a second.
    expect(taken).toBe(41);
  });

  test('says when the next one is due, and how far it is', () => {
    const pacer = new Pacer();
    pacer.setRate(2, 1000);
    expect(pacer.take(1000)).toBe(1);
    expect(pacer.take(1000)).toBe(0);
    expect(pacer.wait(1100)).toBeCloseTo(400, 9);
    expect(pacer.progress(1250)).toBeCloseTo(0.5, 9);
    expect(pacer.wait(1500)).toBe(0);
    expect(pacer.take(1500)).toBe(1);
  });

  test('does not make up for a long sleep at once', () => {
    const pacer = new Pacer();
    for (let i = 0; i < 20; i++) pacer.took(pacer.take(0), 0);
    pacer.setRate(100, 0);
    pacer.take(0);
    expect(pacer.take(60_000)).toBe(11);
  });

  test('ends when there is none', () => {
    const pacer = new Pacer();
    pacer.setRate(1, 0);
    expect(pacer.isBelow(20)).toBe(true);
    pacer.setRate(null, 0);
    expect(pacer.isBelow(20)).toBe(false);
    expect(pacer.wait(0)).toBe(0);
    expect(pacer.progress(0)).toBe(1);
  });
});

describe('a duty', () => {
  test('keeps its interval while it is cheap, and its share when it is not', () => {
    const duty = new Duty({ interval: 100, share: 0.25 });
    expect(duty.due(0)).toBe(true);
    duty.took(0, 5);
    expect([duty.due(99), duty.due(100)]).toEqual([false, true]);
    duty.took(100, 50);
    expect([duty.due(299), duty.due(300)]).toEqual([false, true]);
    expect(duty.wait(250)).toBe(50);
  });

  test('is put off by one slow time only so far', () => {
    const duty = new Duty({ interval: 100, share: 0.1, longest: 500 });
    duty.took(0, 4000);
    expect([duty.due(499), duty.due(500)]).toEqual([false, true]);
  });
});

test('a piece of work is timed without what was before it on the device', () => {
  const stopwatch = new Stopwatch();
  expect(stopwatch.lap(0, 10)).toBe(10);
  // Submitted while the first one ran.
  expect(stopwatch.lap(2, 16)).toBe(6);
  // Both were told of together.
  expect(stopwatch.lap(14, 16)).toBe(0);
  expect(stopwatch.lap(30, 35)).toBe(5);
});
