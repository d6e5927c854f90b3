import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { UsageError } from '../../src/gpu/errors.ts';
import { recordSize, ReplayBuffer } from '../../src/rl/replay-buffer.ts';
import { randomBits } from '../oracles/random.ts';
import { STREAMS } from '../support/networks.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();
const SEEDS = [17, 0xfffffff0, 3];

/** The row that member `member` must pick for row `index` of a minibatch: floor(bits * count / 2^32). */
function picked(index: number, updates: number, member: number, count: number): number {
  const [bits] = randomBits(index, updates, STREAMS['STREAM_REPLAY']!, SEEDS[member]!);
  return Number((BigInt(bits) * BigInt(count)) >> 32n);
}

/** A ring whose every number is its own position, one minibatch of it, and everything read back. */
async function sampled(options: {
  members: number;
  capacity: number;
  filled: number;
  rows: number;
  observationSize: number;
  actionSize: number;
  updates?: number;
}) {
  const gpu = gpuOf();
  const { members, capacity, filled, rows, updates = 0 } = options;
  const replay = new ReplayBuffer(gpu, options);
  gpu.write(
    replay.ring,
    Float32Array.from({ length: replay.ring.size }, (_, i) => i),
  );
  const clock = new Clock(gpu, { transitions: 1, capacity });
  clock.write({ updates, replaySize: filled, replayCursor: filled % capacity });
  const batch = replay.batch(rows);
  const seeds = gpu.tensorOf('seeds', Uint32Array.from(SEEDS.slice(0, members)));
  await gpu.run(replay.sample(batch, seeds, clock));
  const [stateAction, observation, nextObservation, reward, terminated] = await Promise.all([
    gpu.read(batch.stateAction),
    gpu.read(batch.observation),
    gpu.read(batch.nextObservation),
    gpu.read(batch.reward),
    gpu.read(batch.terminated),
  ]);
  return { stateAction, observation, nextObservation, reward, terminated };
}

describe('ReplayBuffer', () => {
  test.each([
    { members: 1, capacity: 1, filled: 1, rows: 1, observationSize: 1, actionSize: 1 },
    { members: 2, capacity: 11, filled: 7, rows: 37, observationSize: 2, actionSize: 2 },
    { members: 3, capacity: 13, filled: 13, rows: 16, observationSize: 5, actionSize: 3, updates: 9 },
    {
      members: 1,
      capacity: 4099,
      filled: 4099,
      rows: 65,
      observationSize: 3,
      actionSize: 1,
      updates: 0xffffffff,
    },
  ])(
    'gathers exactly the drawn records: $filled of $capacity, $members members, $rows rows',
    async (options) => {
      const { members, capacity, filled, rows, observationSize: s, actionSize: a, updates = 0 } = options;
      const got = await sampled(options);
      const record = recordSize(s, a);
      const stride = Math.ceil((s + a) / 4) * 4;
      const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
      const expected = range(0, members * rows).map((at) => {
        const member = Math.floor(at / rows);
        return (member * capacity + picked(at % rows, updates, member, filled)) * record;
      });
      const zeros = new Array<number>(stride - s - a).fill(0);
      expect([...got.stateAction]).toEqual(expected.flatMap((from) => [...range(from, s + a), ...zeros]));
      expect([...got.observation]).toEqual(expected.flatMap((from) => range(from, s)));
      expect([...got.nextObservation]).toEqual(expected.flatMap((from) => range(from + s + a + 1, s)));
      expect([...got.reward]).toEqual(expected.map((from) => from + s + a));
      // The terminated flag, not the truncated one behind it.
      expect([...got.terminated]).toEqual(expected.map((from) => from + 2 * s + a + 1));
    },
  );

  test('draws every record equally often, and none that is not there yet', async () => {
    const filled = 20;
    const rows = 20000;
    const sizes = { observationSize: 1, actionSize: 1 };
    const { reward } = await sampled({ members: 1, capacity: 32, filled, rows, ...sizes });
    const counts = new Array<number>(32).fill(0);
    for (const value of reward) counts[Math.floor(value / recordSize(1, 1))]!++;
    const expected = rows / filled;
    const chiSquare = counts.slice(0, filled).reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    expect(counts.slice(filled).every((n) => n === 0)).toBe(true);
    // 19 degrees of freedom: 43.8 is exceeded once in a thousand seeds.
    expect(chiSquare).toBeLessThan(43.8);
  });

  test('another update draws another minibatch, the same update the same', async () => {
    const options = { members: 1, capacity: 997, filled: 997, rows: 16, observationSize: 1, actionSize: 1 };
    const first = await sampled(options);
    expect((await sampled(options)).reward).toEqual(first.reward);
    expect((await sampled({ ...options, updates: 1 })).reward).not.toEqual(first.reward);
  });

  test('a ring that no binding holds is refused with the largest capacity', () => {
    const gpu = gpuOf();
    const options = { members: 2, capacity: 1e12, observationSize: 2, actionSize: 2 };
    expect(() => new ReplayBuffer(gpu, options)).toThrow(UsageError);
    const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
    const largest = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / (4 * 9 * 2));
    expect(() => new ReplayBuffer(gpu, options)).toThrow(`--replay-capacity ${largest} or less`);
  });
});
