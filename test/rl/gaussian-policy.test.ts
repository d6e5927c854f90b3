import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { program } from '../../src/gpu/program.ts';
import { padded } from '../../src/gpu/tensor.ts';
import { GaussianPolicy } from '../../src/rl/gaussian-policy.ts';
import type { NoiseUse } from '../../src/rl/policy.ts';
import { numericGradient } from '../oracles/differences.ts';
import { mlpForward } from '../oracles/mlp.ts';
import { Draws, normalPair, randomBits, uniform } from '../oracles/random.ts';
import {
  mixtureOf,
  squashedMixtureLogDensity,
  stratifiedLoss,
  stratifiedNoise,
  type SquashedMixture,
} from '../oracles/squashed-mixture.ts';
import { kolmogorovSmirnov, normalDistribution } from '../oracles/statistics.ts';
import { expectClose, LINEAR_ALGEBRA, TRANSCENDENTAL } from '../support/compare.ts';
import { unpadRows, useGpu, writeRows } from '../support/gpu.ts';
import { NORMALS, oracleMlp, randomiseParameters, STREAMS } from '../support/networks.ts';

const gpuOf = useGpu();
const SEEDS = [5, 77, 123456789];

interface Sizes {
  readonly members: number;
  readonly observationSize: number;
  readonly actionSize: number;
  readonly components: number;
}

function policyOf({ members, observationSize, actionSize, components }: Sizes) {
  const gpu = gpuOf();
  const clock = new Clock(gpu);
  const seeds = gpu.tensorOf('seeds', Uint32Array.from(SEEDS.slice(0, members)));
  const spec = {
    observationSize,
    actionSize,
    components,
    hidden: [9, 5],
    activation: 'relu',
    members,
  } as const;
  const policy = new GaussianPolicy(gpu, spec, clock, seeds);
  randomiseParameters(gpu, policy.mlp, 8, 0.7);
  return { gpu, clock, policy };
}

/** The draw that `shaders/rl/mixture_draw.wgsl` makes for one row of particles x states, in float64. */
function reference(
  mixture: SquashedMixture,
  { row, counter, seed, stream }: { row: number; counter: number; seed: number; stream: number },
  stratum?: number,
): number[] {
  const actionSize = mixture.means[0]!.length;
  const bits = (k: number) => randomBits(row * (actionSize + 1) + k, counter, stream, seed);
  let left = uniform(bits(0)[0]);
  const chosen = mixture.weights.findIndex((weight) => (left -= weight) < 0);
  const c = stratum ?? (chosen < 0 ? mixture.weights.length - 1 : chosen);
  return mixture.means[c]!.map((mean, d) => {
    const [first, second] = bits(1 + d);
    return mean + mixture.deviations[c]![d]! * normalPair(first, second)[0];
  });
}

describe('GaussianPolicy', () => {
  test.each([
    {
      members: 1,
      states: 1,
      particles: 1,
      observationSize: 1,
      actionSize: 1,
      components: 1,
      stratified: false,
    },
    {
      members: 2,
      states: 5,
      particles: 8,
      observationSize: 3,
      actionSize: 2,
      components: 4,
      stratified: true,
    },
    {
      members: 3,
      states: 13,
      particles: 6,
      observationSize: 2,
      actionSize: 3,
      components: 3,
      stratified: false,
    },
    {
      members: 1,
      states: 7,
      particles: 3,
      observationSize: 2,
      actionSize: 2,
      components: 1,
      stratified: true,
    },
  ])('draws and their density agree with float64: C $components, A $actionSize, $stratified', async (one) => {
    const { members, states, particles, observationSize, actionSize, components, stratified } = one;
    const { gpu, clock, policy } = policyOf(one);
    clock.write({ iteration: 3, updates: 41 });
    const observations = new Draws(2)
      .normalRows(members * states, observationSize)
      .map((row) => row.map(Math.fround));
    const observation = gpu.tensorOf('s', Float32Array.from(observations.flat()));
    const draw = policy.draw('next', { observation, states, particles, use: 'particles', stratified });
    await gpu.run(draw.program);
    const u = unpadRows(await gpu.read(draw.preTanh), actionSize);
    const logDensity = await gpu.read(draw.logDensity);
    for (let m = 0; m < members; m++) {
      const rows = mlpForward(
        await oracleMlp(gpu, policy.mlp, m),
        observations.slice(m * states, (m + 1) * states),
      );
      const mixtures = rows.map((row) => mixtureOf(row, components, actionSize));
      const mine = u.slice(m * states * particles, (m + 1) * states * particles);
      const source = { counter: 41, seed: SEEDS[m]!, stream: STREAMS['STREAM_PARTICLES']! };
      const expected = mine.map((_, row) =>
        reference(
          mixtures[row % states]!,
          { row, ...source },
          stratified ? Math.floor(row / states) % components : undefined,
        ),
      );
      expectClose(mine.flat(), expected.flat(), NORMALS);
      // At the GPU's own draws, so that the rounding of normals does not count.
      const densities = mine.map((row, i) => squashedMixtureLogDensity(mixtures[i % states]!, row));
      expectClose(logDensity.subarray(m * mine.length, (m + 1) * mine.length), densities, TRANSCENDENTAL);
    }
  });

  test('components come by their weights, each with its own mean and deviation', async () => {
    const { gpu, policy } = policyOf({ members: 1, observationSize: 1, actionSize: 2, components: 3 });
    // The same distribution everywhere: no weight, all bias.
    const weights = [0.2, 0.5, 0.3];
    const means = [-20, 0, -1, 2, 20, 1]; // far apart, so that a draw tells its component
    const deviations = [0.5, 1, 2, 0.1, 1, 3];
    const { parameters } = policy.mlp;
    const flat = new Float32Array(parameters.size);
    flat.set(
      [...weights.map(Math.log), ...means, ...deviations.map(Math.log)],
      parameters.layers.at(-1)!.bias,
    );
    gpu.write(parameters.tensor, flat);
    const states = 2000;
    const observation = gpu.tensor('s', [1, states, 1]);
    const draw = policy.draw('act', { observation, states, particles: 4, use: 'act' });
    await gpu.run(draw.program);
    const u = unpadRows(await gpu.read(draw.preTanh), 2);
    const of = [
      u.filter(([x]) => x! < -10),
      u.filter(([x]) => Math.abs(x!) <= 10),
      u.filter(([x]) => x! > 10),
    ];
    for (const [c, rows] of of.entries()) {
      const weight = weights[c]!;
      // Four standard deviations of a binomial count; below, the 0.1 % point of Kolmogorov and Smirnov.
      expect(Math.abs(rows.length / u.length - weight)).toBeLessThan(
        4 * Math.sqrt((weight * (1 - weight)) / u.length),
      );
      for (const d of [0, 1]) {
        const z = rows.map((row) => (row[d]! - means[2 * c + d]!) / deviations[2 * c + d]!);
        expect(kolmogorovSmirnov(z, normalDistribution)).toBeLessThan(1.95 / Math.sqrt(z.length));
      }
    }
  });

  test('each use has noise of its own, which changes with its counter and with nothing else', async () => {
    const { gpu, clock, policy } = policyOf({ members: 1, observationSize: 2, actionSize: 2, components: 2 });
    const observation = gpu.tensor('s', [1, 3, 2]);
    const drawn = async (use: NoiseUse, iteration: number, updates: number) => {
      const draw = policy.draw(use, { observation, states: 3, particles: 2, use });
      clock.write({ iteration, updates });
      await gpu.run(draw.program);
      return [...(await gpu.read(draw.preTanh))].join();
    };
    const seen = new Set<string>();
    for (const use of ['act', 'evaluation', 'particles', 'proposal-policy'] as const) {
      const first = await drawn(use, 1, 1);
      expect(await drawn(use, 1, 1)).toBe(first);
      const byIteration = use === 'act' || use === 'evaluation';
      expect((await drawn(use, 2, 1)) !== first).toBe(byIteration);
      expect((await drawn(use, 1, 2)) !== first).toBe(!byIteration);
      seen.add(first);
    }
    expect(seen.size).toBe(4);
  });

  test.each([
    { members: 1, states: 1, particles: 1, actionSize: 1, components: 1 },
    { members: 3, states: 5, particles: 4, actionSize: 2, components: 1 },
    { members: 2, states: 7, particles: 12, actionSize: 2, components: 4 },
    { members: 1, states: 3, particles: 3, actionSize: 5, components: 3 },
  ])('the gradient is that of the sampled loss: C $components, A $actionSize, R $members', async (one) => {
    const { members, states, particles, actionSize, components } = one;
    const observationSize = 3;
    const { gpu, policy } = policyOf({ ...one, observationSize });
    const observation = gpu.tensor('s', [members, states, observationSize]);
    const draw = policy.draw('particles', {
      observation,
      states,
      particles,
      use: 'particles',
      stratified: true,
    });
    const outputs = components * (1 + 2 * actionSize);
    const draws = new Draws(4);
    // Outputs that no network made: some deviations beyond their bounds on both sides, where the gradient is zero.
    const rows = draws
      .normalRows(members * states, outputs)
      .map((row, s) =>
        row.map((x, i) =>
          Math.fround(i >= outputs - actionSize && s % 3 > 0 ? (s % 3 === 1 ? 2.3 : -5.2) : x),
        ),
      );
    const mixtures = rows.map((row) => mixtureOf(row, components, actionSize));
    const stateOf = (at: number) => Math.floor(at / (states * particles)) * states + (at % states);
    const particleOf = (at: number) => Math.floor(at / states) % particles;
    const u = Array.from({ length: members * particles * states }, (_, at) => {
      const { means, deviations } = mixtures[stateOf(at)]!;
      const c = particleOf(at) % components;
      return means[c]!.map((mean, d) => Math.fround(mean + deviations[c]![d]! * draws.normal()));
    });
    // Q at each particle: a paraboloid of its own, whose slope is known.
    const [height, tilt, bend] = [
      draws.normals(u.length, 2),
      draws.normalRows(u.length, actionSize),
      draws.normals(u.length),
    ];
    const q = (at: number, a: readonly number[]) =>
      a.reduce((sum, x, d) => sum + tilt[at]![d]! * x + 0.5 * bend[at]! * x * x, height[at]!);
    const actions = u.map((row) => row.map(Math.tanh));
    const value = gpu.tensorOf('q', Float32Array.from(actions.flatMap((a, at) => [q(at, a), NaN, NaN, NaN])));
    const gradient = gpu.tensor('dq', [members, particles * states, padded(observationSize + actionSize)]);
    // What stands before the action's part must not matter.
    writeRows(gpu, gradient, actions.map((a, at) => [9, 9, 9, ...a.map((x, d) => tilt[at]![d]! + bend[at]! * x)])); // prettier-ignore
    writeRows(gpu, draw.pass.output, rows);
    writeRows(gpu, draw.preTanh, u);
    gpu.write(
      draw.logDensity,
      Float32Array.from(u, (one, at) => squashedMixtureLogDensity(mixtures[stateOf(at)]!, one)),
    );
    const alphas = [10, 3, 0.5].slice(0, members);
    const rewardScale = 0.25;
    const temperature = gpu.tensorOf('alpha', Float32Array.from(alphas));
    const outputGrad = draw.pass.gradTensor('outputGrad', outputs);
    const entropy = gpu.tensor('entropy', [members, states]);
    const actionGradient = { stateAction: gradient, value, gradient, program: program('none', []) };
    await gpu.run(policy.gradient(draw, actionGradient, { temperature, rewardScale, outputGrad, entropy }));

    const found = unpadRows(await gpu.read(outputGrad), outputs);
    const entropies: number[] = [];
    for (let m = 0; m < members; m++) {
      const expected: number[][] = [];
      for (let s = 0; s < states; s++) {
        const at = (i: number) => (m * particles + i) * states + s;
        const mine = Array.from({ length: particles }, (_, i) => u[at(i)]!);
        const noise = stratifiedNoise(mixtures[m * states + s]!, mine);
        const loss = (row: number[]) =>
          stratifiedLoss(mixtureOf(row, components, actionSize), noise, alphas[m]! * rewardScale, (a, i) =>
            q(at(i), a),
          );
        expected.push(numericGradient((row) => loss(row).loss / states, rows[m * states + s]!));
        entropies.push(loss(rows[m * states + s]!).entropy);
      }
      expectClose(found.slice(m * states, (m + 1) * states).flat(), expected.flat(), TRANSCENDENTAL);
      const clamped = found.slice(m * states, (m + 1) * states).filter((_, s) => (m * states + s) % 3 > 0);
      expect(clamped.flatMap((row) => row.slice(-actionSize)).every((slope) => slope === 0)).toBe(true);
    }
    expectClose(await gpu.read(entropy), entropies, LINEAR_ALGEBRA);
  });
});
