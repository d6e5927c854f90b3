import { describe, expect, test } from 'vitest';
import {
  measureInTurns,
  measureUntil,
  median,
  summarise,
  type Stopwatch,
  type Work,
} from '../../bench/support/measure.ts';
import { select } from '../../bench/support/benchmarks.ts';

/** Work that takes `seconds` a time by a stopwatch that counts nothing else, and some real time. */
function pretend(seconds: number, size: number, turn: { at: number; log: string[] }, name: string): Work {
  return {
    size,
    run: async (times) => {
      turn.at += seconds * times;
      turn.log.push(name);
      await new Promise((resolve) => setTimeout(resolve, 60));
    },
  };
}

describe('measuring in turns', () => {
  test('gives rates by the stopwatch, their ratio and no spread where there is none', async () => {
    const turn = { at: 0, log: [] as string[] };
    const stopwatch: Stopwatch = { per: '/s', unit: 's', seconds: async () => turn.at };
    const ours = pretend(0.5, 3, turn, 'ours');
    const peer = pretend(2, 3, turn, 'peer');
    const [row] = await measureInTurns(ours, peer, [stopwatch]);
    expect(row!.ours).toBeCloseTo(6, 9);
    expect(row!.peer).toBeCloseTo(1.5, 9);
    expect(row!.ratio).toBeCloseTo(4, 9);
    expect(row!.spread).toBeCloseTo(0, 9);
    // After warming up, one of each in turns.
    const turns = turn.log.slice(-18);
    expect(turns).toEqual(Array.from({ length: 18 }, (_, i) => (i % 2 === 0 ? 'ours' : 'peer')));
  });

  test('takes medians of the pairs, and of their ratios', () => {
    const row = summarise([
      [2, 1],
      [9, 3],
      [4, 4],
    ]);
    expect(row).toEqual({ ours: 4, peer: 3, ratio: 2, spread: 1 });
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
});

describe('measuring until the end', () => {
  test('gives the seconds of the pieces, without those of looking, and how much was done', async () => {
    let now = 0;
    const stopwatch: Stopwatch = { per: '/s', unit: 's', seconds: async () => now };
    const pursuit = (seconds: number, end: number) => ({
      size: 10,
      advance: async () => {
        now += seconds;
      },
      arrived: async (done: number) => {
        now += 1000;
        return done >= end;
      },
    });
    const pairs = await measureUntil({ ours: pursuit(2, 30), peer: pursuit(3, 40) }, [stopwatch]);
    expect(pairs).toEqual([
      [6, 12],
      [30, 40],
    ]);
    expect(summarise([pairs[0]!], 'times').ratio).toBe(2);
  });
});

describe('choosing benchmarks', () => {
  test('takes names and groups, and says what there is', () => {
    expect(select(['dense/forward', 'update']).map(({ name }) => name)).toEqual([
      'update/jax-webgpu',
      'update/jax-wasm',
      'update/tfjs-webgpu',
      'update/tfjs-wasm',
      'dense/forward',
    ]);
    expect(select(undefined).length).toBeGreaterThan(select(['update']).length);
    expect(() => select(['updat'])).toThrow(/There is no benchmark 'updat'; there is update\/jax-webgpu/);
  });
});
