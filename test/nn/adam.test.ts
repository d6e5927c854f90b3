import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { Faults } from '../../src/gpu/faults.ts';
import { program } from '../../src/gpu/program.ts';
import { Adam, type AdamOptions } from '../../src/nn/adam.ts';
import { Mlp } from '../../src/nn/mlp.ts';
import { adamStep, type AdamState } from '../oracles/mlp.ts';
import { Draws } from '../oracles/random.ts';
import { expectClose, LINEAR_ALGEBRA } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';
import { oracleParameters, randomiseParameters } from '../support/networks.ts';

const gpuOf = useGpu();
const LEARNING_RATES = [1e-3, 0.05, 0.3];

/** An optimiser of a small network whose layers all have padding, and room for partial gradients. */
function adamOf(members: number, splits: number, options: Partial<AdamOptions> = {}) {
  const gpu = gpuOf();
  const mlp = new Mlp(gpu, 'net', { inputSize: 3, hidden: [5], outputSize: 2, activation: 'relu' }, members);
  const { parameters } = mlp;
  const gradient = { tensor: gpu.tensor('gradient', [members, splits, parameters.size]), splits };
  const clock = new Clock(gpu);
  const faults = new Faults(gpu, ['other', 'net']);
  const learningRate = LEARNING_RATES.slice(0, members);
  const adam = new Adam(gpu, parameters, gradient, clock, faults, {
    learningRate,
    counts: 'updates',
    ...options,
  });

  /** Random partial gradients with zero padding; the sum of each member's, and what to write. */
  const draw = (draws: Draws, deviation: number) => {
    const unpadded = parameters.unpack(new Float32Array(parameters.members * parameters.size));
    const partials = Array.from({ length: splits }, () =>
      parameters.pack(
        new Map(
          unpadded.map(({ name, data }) => [name, Float32Array.from(draws.normals(data.length, deviation))]),
        ),
      ),
    );
    const flat = new Float32Array(gradient.tensor.size);
    partials.forEach((partial, split) => {
      for (let m = 0; m < members; m++) {
        const { size } = parameters;
        flat.set(partial.subarray(m * size, (m + 1) * size), (m * splits + split) * size);
      }
    });
    const sums = Array.from({ length: members }, (_, m) => {
      const each = partials.map((partial) => oracleParameters(parameters, partial, m));
      return each[0]!.map((__, i) => each.reduce((sum, one) => sum + one[i]!, 0));
    });
    return { flat, sums };
  };

  const read = async (): Promise<AdamState[]> => {
    const [theta, m, v] = await Promise.all(
      [parameters.tensor, adam.mean, adam.square].map((t) => gpu.read(t)),
    );
    return Array.from({ length: members }, (_, member) => ({
      theta: oracleParameters(parameters, theta!, member),
      m: oracleParameters(parameters, m!, member),
      v: oracleParameters(parameters, v!, member),
      t: 0,
    }));
  };
  return { gpu, mlp, gradient, clock, faults, adam, draw, read };
}

function expectState(actual: AdamState, reference: AdamState): void {
  expectClose(actual.theta, reference.theta, LINEAR_ALGEBRA);
  expectClose(actual.m, reference.m, LINEAR_ALGEBRA);
  expectClose(actual.v, reference.v, LINEAR_ALGEBRA);
}

describe('Adam', () => {
  // From zero, so that the parameters are the sum of the steps and nothing hides in their size.
  test.each([
    { members: 1, splits: 1 },
    { members: 3, splits: 1 },
    { members: 2, splits: 3 },
    { members: 2, splits: 9 },
  ])(
    'five steps agree with float64, $members members and $splits partial gradients',
    async ({ members, splits }) => {
      const { gpu, gradient, clock, adam, draw, read } = adamOf(members, splits);
      const draws = new Draws(2);
      const step = program('step', [adam.step, clock.tick({ updates: 1 })]);
      let reference = (await read()).map((state) => ({ ...state, t: 0 }));
      for (let i = 0; i < 5; i++) {
        const { flat, sums } = draw(draws, 10 ** (i - 3));
        gpu.write(gradient.tensor, flat);
        await gpu.run(step);
        reference = reference.map((state, m) =>
          adamStep(state, sums[m]!, { learningRate: LEARNING_RATES[m]! }),
        );
        (await read()).forEach((state, m) => expectState(state, reference[m]!));
      }
    },
  );

  test.each([
    ['updates', 2],
    ['updates', 1000],
    ['updates', 100000],
    ['policyUpdates', 7],
  ] as const)('takes t from the clock: %s, t = %i', async (counts, t) => {
    const options = { counts, beta1: 0.8, beta2: 0.99999, epsilon: 1e-3 };
    const { gpu, gradient, clock, adam, draw, read, mlp } = adamOf(1, 1, options);
    const draws = new Draws(3);
    const square = (flat: Float32Array) => flat.map((x) => x * x);
    randomiseParameters(gpu, mlp, 4, 1e-3);
    gpu.write(adam.mean, draw(draws, 0.1).flat);
    gpu.write(adam.square, square(draw(draws, 0.1).flat));
    clock.write({ updates: 5, policyUpdates: 5, [counts]: t - 1 });
    const [before] = await read();
    const { flat, sums } = draw(draws, 1);
    gpu.write(gradient.tensor, flat);
    await gpu.run(program('step', [adam.step]));
    const reference = adamStep({ ...before!, t: t - 1 }, sums[0]!, {
      ...options,
      learningRate: LEARNING_RATES[0]!,
    });
    expectState((await read())[0]!, reference);
  });

  test.each([
    { n: 0, share: 1 },
    { n: 5, share: 0.625 },
    { n: 10, share: 0.25 },
    { n: 1000, share: 0.25 },
  ])('a falling rate is $share of itself after $n updates of 10, whatever t counts', async ({ n, share }) => {
    const decay = { finalShare: 0.25, updates: 10 };
    const { gpu, gradient, clock, adam, draw, read } = adamOf(2, 1, { counts: 'policyUpdates', decay });
    const { flat, sums } = draw(new Draws(5), 1);
    const before = await read();
    clock.write({ updates: n, policyUpdates: 3 });
    gpu.write(gradient.tensor, flat);
    await gpu.run(program('step', [adam.step]));
    (await read()).forEach((state, m) => {
      const learningRate = share * LEARNING_RATES[m]!;
      expectState(state, adamStep({ ...before[m]!, t: 3 }, sums[m]!, { learningRate }));
    });
  });

  test('the padding stays zero', async () => {
    const { gpu, gradient, adam, draw, mlp } = adamOf(2, 2);
    randomiseParameters(gpu, mlp, 1);
    gpu.write(gradient.tensor, draw(new Draws(1), 1).flat);
    await gpu.run(program('step', [adam.step]));
    for (const tensor of [mlp.parameters.tensor, adam.mean, adam.square]) {
      const flat = await gpu.read(tensor);
      const named = mlp.parameters.unpack(flat).map(({ name, data }) => [name, data] as const);
      expect(mlp.parameters.pack(new Map(named))).toEqual(flat);
      expect(flat.some((value) => value !== 0)).toBe(true);
    }
  });

  test.each([NaN, Infinity])('a gradient of %f leaves the first update in which it happened', async (bad) => {
    const { gpu, gradient, clock, faults, adam, draw } = adamOf(2, 1);
    const first = async () => faults.first(await gpu.read({ ...faults.tensor, type: 'u32' }));
    const { flat } = draw(new Draws(1), 1);
    const step = program('step', [adam.step, clock.tick({ updates: 1 })]);
    clock.write({ updates: 40, policyUpdates: 3 });
    gpu.write(gradient.tensor, flat);
    await gpu.run(step);
    expect(await first()).toBeUndefined();
    gpu.write(gradient.tensor, flat.with(flat.length - 4, bad));
    await gpu.run(step, step);
    expect(await first()).toEqual({ name: 'net', update: 41 });
  });
});
