import { expect, test } from 'vitest';
import { decodeRecording, encodeRecording, NATS, type Recording } from '../../demo/page/recording.ts';
import { resolveConfig } from '../../src/index.ts';

const EVALUATION = {
  rollouts: 2,
  success: 0.5,
  meanReturn: -3,
  meanLength: 4,
  outcomeShares: [0.5, 0],
  outcomeEntropy: 0,
};

test('a recording is read back as finely as a screen shows it', async () => {
  const recording: Recording = {
    adapter: 'some adapter',
    config: resolveConfig({ seed: 3 }),
    goals: [[5, 0]],
    states: [
      [0, 0],
      [2.5, 2.5],
    ],
    side: 2,
    optimum: [
      [0, -1, -2, -3],
      [-6, -5, -4, 0],
    ],
    frames: [25, 50].map((updates) => ({
      updates,
      environmentSteps: updates * 10,
      rows: [{ updates, iteration: updates, values: { a: 1 } }],
      evaluation: EVALUATION,
      episodes: [
        [
          [0, 0],
          [-7, 6.9],
        ],
        [[1, 1]],
      ],
      energies: [
        [0, -updates, -0.5, -1],
        [-1, -2, 0, -3],
      ],
      actions: [[[0.5, -0.5]], [[-1, 1]]],
    })),
  };
  const read = await decodeRecording(new Blob([await encodeRecording(recording)]));
  const { frames, optimum, ...head } = read;
  const { frames: written, optimum: writtenOptimum, ...writtenHead } = recording;
  expect(head).toEqual(writtenHead);
  expect(frames.map(({ updates, rows, evaluation }) => [updates, rows, evaluation])).toEqual(
    written.map(({ updates, rows, evaluation }) => [updates, rows, evaluation]),
  );
  // Half a step of a byte: of 14 units of the plane, of 2 of an action, of NATS.
  const near = (found: unknown, wanted: unknown, step: number) => {
    const [a, b] = [[found].flat(9) as number[], [wanted].flat(9) as number[]];
    expect(a).toHaveLength(b.length);
    a.forEach((value, i) =>
      expect(Math.abs(value - Math.max(b[i]!, -7))).toBeLessThanOrEqual(step / 510 + 1e-9),
    );
  };
  near(optimum, writtenOptimum, NATS);
  for (const [i, frame] of frames.entries()) {
    expect(frame.episodes.map(({ length }) => length)).toEqual([2, 1]);
    near(frame.episodes, written[i]!.episodes, 14);
    near(frame.actions, written[i]!.actions, 2);
    // What is lower than the range is its lowest.
    near(
      frame.energies,
      written[i]!.energies.map((grid) => grid.map((nats) => Math.max(nats, -NATS))),
      NATS,
    );
  }
});
