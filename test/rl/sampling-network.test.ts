import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { program } from '../../src/gpu/program.ts';
import { padded } from '../../src/gpu/tensor.ts';
import { act } from '../../src/rl/behaviour-policy.ts';
import { squash, type NoiseUse } from '../../src/rl/policy.ts';
import { SamplingNetwork } from '../../src/rl/sampling-network.ts';
import { mlpForward } from '../oracles/mlp.ts';
import { Draws, randomBits, uniform } from '../oracles/random.ts';
import { kolmogorovSmirnov, normalDistribution } from '../oracles/statistics.ts';
import { expectClose, LINEAR_ALGEBRA, TRANSCENDENTAL } from '../support/compare.ts';
import { unpadRows, useGpu } from '../support/gpu.ts';
import { noiseRows, NORMALS, oracleMlp, randomiseParameters, STREAMS } from '../support/networks.ts';

const gpuOf = useGpu();
const SEEDS = [5, 77, 123456789];

function networkOf(
  members: number,
  sizes: { observationSize: number; actionSize: number; latentSize: number },
) {
  const gpu = gpuOf();
  const clock = new Clock(gpu);
  const seeds = gpu.tensorOf('seeds', Uint32Array.from(SEEDS.slice(0, members)));
  const spec = { ...sizes, hidden: [9, 5], activation: 'relu' as const, members };
  const network = new SamplingNetwork(gpu, spec, clock, seeds);
  randomiseParameters(gpu, network.mlp, 8);
  return { gpu, clock, network };
}

describe('SamplingNetwork', () => {
  // Odd and even latent sizes: normals come in pairs.
  test.each([
    { members: 1, states: 1, particles: 1, observationSize: 1, actionSize: 1, latentSize: 1 },
    { members: 2, states: 5, particles: 7, observationSize: 2, actionSize: 2, latentSize: 2 },
    { members: 3, states: 13, particles: 6, observationSize: 4, actionSize: 5, latentSize: 3 },
  ])('a draw is f(xi; s) for every particle and state: $members x $particles x $states', async (one) => {
    const { members, states, particles, observationSize, latentSize, actionSize } = one;
    const { gpu, clock, network } = networkOf(members, one);
    clock.write({ iteration: 3, updates: 41 });
    const draws = new Draws(2);
    const observations = Array.from({ length: members }, () =>
      draws.normalRows(states, observationSize).map((row) => row.map(Math.fround)),
    );
    const observation = gpu.tensorOf('s', Float32Array.from(observations.flat(2)));
    const draw = network.draw('particles', { observation, states, particles, use: 'particles' });
    await gpu.run(draw.program);
    const rows = states * particles;
    const input = unpadRows(await gpu.read(draw.pass.input), observationSize + latentSize);
    const output = unpadRows(await gpu.read(draw.preTanh), actionSize);
    for (let m = 0; m < members; m++) {
      const mine = input.slice(m * rows, (m + 1) * rows);
      const states_ = mine.map((row) => row.slice(0, observationSize));
      expect(states_).toEqual(mine.map((_, row) => observations[m]![row % states]));
      const noise = noiseRows(rows, latentSize, 41, STREAMS['STREAM_PARTICLES']!, SEEDS[m]!);
      expectClose(
        mine.flatMap((row) => row.slice(observationSize)),
        noise.flat(),
        NORMALS,
      );
      const u = mlpForward(await oracleMlp(gpu, network.mlp, m), mine);
      expectClose(output.slice(m * rows, (m + 1) * rows).flat(), u.flat(), LINEAR_ALGEBRA);
    }
  });

  test('the noise is standard normal, and independent across particles and components', async () => {
    const { gpu, network } = networkOf(1, { observationSize: 1, actionSize: 1, latentSize: 3 });
    const states = 1000;
    const observation = gpu.tensor('s', [1, states, 1]);
    const draw = network.draw('act', { observation, states, particles: 8, use: 'act' });
    await gpu.run(draw.program);
    const xi = unpadRows(await gpu.read(draw.pass.input), 4).map((row) => row.slice(1));
    const flat = xi.flat();
    const count = flat.length;
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    // Four standard deviations of each statistic's own law.
    expect(Math.abs(mean(flat))).toBeLessThan(4 / Math.sqrt(count));
    expect(Math.abs(mean(flat.map((x) => x * x)) - 1)).toBeLessThan(4 * Math.sqrt(2 / count));
    expect(kolmogorovSmirnov(flat, normalDistribution)).toBeLessThan(1.95 / Math.sqrt(count));
    const products = (other: (row: number[], r: number) => number) =>
      mean(xi.map((row, r) => row[0]! * other(row, r)));
    const limit = 4 / Math.sqrt(xi.length);
    expect(Math.abs(products((row) => row[1]!))).toBeLessThan(limit);
    expect(Math.abs(products((row) => row[2]!))).toBeLessThan(limit);
    expect(Math.abs(products((_, r) => xi[(r + states) % xi.length]![0]!))).toBeLessThan(limit);
  });

  test('each use has noise of its own, which changes with its counter and with nothing else', async () => {
    const { gpu, clock, network } = networkOf(1, { observationSize: 2, actionSize: 2, latentSize: 2 });
    const observation = gpu.tensor('s', [1, 3, 2]);
    const noiseOf = async (use: NoiseUse, iteration: number, updates: number) => {
      const draw = network.draw(use, { observation, states: 3, particles: 2, use });
      clock.write({ iteration, updates });
      await gpu.run(draw.program);
      return [...(await gpu.read(draw.pass.input))].join();
    };
    const seen = new Set<string>();
    for (const use of ['act', 'evaluation', 'particles', 'proposal-policy'] as const) {
      const first = await noiseOf(use, 1, 1);
      expect(await noiseOf(use, 1, 1)).toBe(first);
      const byIteration = use === 'act' || use === 'evaluation';
      expect((await noiseOf(use, 2, 1)) !== first).toBe(byIteration);
      expect((await noiseOf(use, 1, 2)) !== first).toBe(!byIteration);
      seen.add(first);
    }
    expect(seen.size).toBe(4);
  });

  test('a share of the environments acts uniformly at random, the others by tanh of the network', async () => {
    const actionSize = 3;
    const members = 2;
    const gpu = gpuOf();
    const clock = new Clock(gpu);
    const seeds = gpu.tensorOf('seeds', Uint32Array.from(SEEDS.slice(0, members)));
    clock.write({ iteration: 12, updates: 3 });
    const states = 67;
    const u = new Draws(3).normalRows(members * states, actionSize, 2).map((row) => row.map(Math.fround));
    u[members * states - 1] = [3e38, -3e38, Infinity];
    const padding = new Array<number>(padded(actionSize) - actionSize).fill(0);
    const preTanh = gpu.tensorOf('u', Float32Array.from(u.flatMap((row) => [...row, ...padding])));
    for (const randomEnvironments of [0, 13, states]) {
      const action = gpu.tensor('action', [members, states, actionSize]);
      await gpu.run(act(gpu, { preTanh, action, randomEnvironments }, { clock, seeds }));
      const actions = await gpu.read(action);
      for (let m = 0; m < members; m++) {
        const mine = actions.subarray(m * states * actionSize, (m + 1) * states * actionSize);
        const random = Array.from({ length: randomEnvironments * actionSize }, (_, i) => {
          const [bits] = randomBits(i, 12, STREAMS['STREAM_RANDOM_ACTION']!, SEEDS[m]!);
          return 2 * uniform(bits) - 1;
        });
        expect([...mine.subarray(0, random.length)]).toEqual(random);
        const rest = u.slice(m * states + randomEnvironments, (m + 1) * states).flat();
        expectClose(mine.subarray(random.length), rest.map(Math.tanh), TRANSCENDENTAL);
      }
    }
  });

  test.each([
    { members: 1, states: 1, fixedParticles: 1, particles: 2, observationSize: 1, actionSize: 1 },
    { members: 2, states: 5, fixedParticles: 3, particles: 7, observationSize: 3, actionSize: 2 },
    { members: 1, states: 33, fixedParticles: 2, particles: 3, observationSize: 2, actionSize: 5 },
  ])('squashes all particles and lays out the rows of the fixed ones: $particles x $states', async (one) => {
    const { members, states, fixedParticles, particles, observationSize, actionSize } = one;
    const { gpu, network } = networkOf(members, { ...one, latentSize: 2 });
    const observation = gpu.tensorOf(
      's',
      Float32Array.from(new Draws(1).normals(members * states * observationSize)),
    );
    const draw = network.draw('particles', { observation, states, particles, use: 'particles' });
    const width = observationSize + actionSize;
    const stateAction = gpu.tensor('rows', [members, fixedParticles * states, padded(width)]);
    const shape = { observation, states, particles, stateAction, criticParticles: fixedParticles };
    const { actions, dispatch } = squash(gpu, 'test', network.spec, { ...draw, ...shape });
    await gpu.run(draw.program, program('squash', [dispatch]));
    const s = await gpu.read(observation);
    const u = unpadRows(await gpu.read(draw.preTanh), actionSize);
    const a = unpadRows(await gpu.read(actions), actionSize);
    expectClose(a.flat(), u.flat().map(Math.tanh), TRANSCENDENTAL);
    const rows = await gpu.read(stateAction);
    const expected = Array.from({ length: members * fixedParticles * states }, (_, at) => {
      const member = Math.floor(at / (fixedParticles * states));
      const row = at % (fixedParticles * states);
      const from = (member * states + (row % states)) * observationSize;
      const padding = new Array<number>(padded(width) - width).fill(0);
      return [
        ...s.subarray(from, from + observationSize),
        ...a[member * particles * states + row]!,
        ...padding,
      ];
    });
    expect([...rows]).toEqual(expected.flat());
  });
});
