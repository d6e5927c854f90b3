import { expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { program } from '../../src/gpu/program.ts';
import { view } from '../../src/gpu/tensor.ts';
import { Draws, normalPair, randomBits } from '../oracles/random.ts';
import { expectClose } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';
import { NORMALS, STREAMS } from '../support/networks.ts';

const gpuOf = useGpu();

test('exploration noise follows its own path in every episode, and leaves random environments alone', async () => {
  const gpu = gpuOf();
  const [members, environments, actionSize, randomEnvironments] = [2, 7, 3, 2];
  const [theta, sigma] = [0.15, 0.3];
  const seeds = [11, 12];
  const clock = new Clock(gpu);
  const size = members * environments * actionSize;
  const draws = new Draws(8);
  const policy = Float32Array.from({ length: size }, () => draws.uniform(-1, 1));
  // Episode lengths lie in a field of each member's statistics: second of three here.
  const episode = gpu.tensor('episode', [members, 3, environments]);
  const noise = gpu.tensor('noise', [members, environments, actionSize]);
  const action = gpu.tensor('action', [members, environments, actionSize]);
  const dispatch = gpu.kernel('rl/ornstein_uhlenbeck.wgsl').bind(
    {
      clock: clock.tensor,
      seeds: gpu.tensorOf('seeds', Uint32Array.from(seeds)),
      episode_length: view(episode, 'length', environments, [environments]),
      noise,
      action,
    },
    {
      threads: [environments, members],
      params: {
        environments,
        random_environments: randomEnvironments,
        action_size: actionSize,
        episode_stride: 3 * environments,
        theta,
        sigma,
      },
    },
  );
  const step = program('noise', [dispatch, clock.tick({ iterations: 1 })]);
  const reference = new Array<number>(size).fill(0);
  let clipped = 0;
  for (let t = 0; t < 12; t++) {
    // Each environment begins an episode at steps of its own; everything but the lengths is nonzero.
    const begins = (e: number) => (t + e) % 5 === 0;
    const lengths = Array.from({ length: environments }, (_, e) => (begins(e) ? 0 : 1));
    const other = new Array<number>(environments).fill(9);
    gpu.write(episode, Float32Array.from([...other, ...lengths, ...other, ...other, ...lengths, ...other]));
    gpu.write(action, policy);
    await gpu.run(step);
    const [x, a] = [await gpu.read(noise), await gpu.read(action)];
    const expected = policy.map((value, at) => {
      const member = Math.floor(at / (environments * actionSize));
      const index = at % (environments * actionSize);
      const e = Math.floor(index / actionSize);
      if (e < randomEnvironments) return value;
      const bits = randomBits(index, t, STREAMS['STREAM_EXPLORATION']!, seeds[member]!);
      const last = begins(e) ? 0 : reference[at]!;
      reference[at] = last - theta * last + sigma * normalPair(bits[0], bits[1])[0];
      if (Math.abs(value + reference[at]) > 1) clipped++;
      return Math.min(1, Math.max(-1, value + reference[at]));
    });
    expectClose(x, reference, NORMALS);
    expectClose(a, expected, NORMALS);
    const untouched = (at: number) => at % (environments * actionSize) < randomEnvironments * actionSize;
    expect(a.filter((_, at) => untouched(at))).toEqual(policy.filter((_, at) => untouched(at)));
  }
  expect(clipped).toBeGreaterThan(10);
});
