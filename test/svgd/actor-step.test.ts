import { describe, test } from 'vitest';
import { padded } from '../../src/gpu/tensor.ts';
import { Svgd, type SteinKind } from '../../src/svgd/svgd.ts';
import { Draws } from '../oracles/random.ts';
import { expectClose, TRANSCENDENTAL } from '../support/compare.ts';
import { padRows, unpadRows, useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();

const STATES = 11;
const ALPHA = 2.5;
const SIZE = 3;

/** A critic of one state: Q(a) = sum_d w_d sin(2 a_d) + a_0 a_1 - a_2^3. */
const WEIGHTS = [1.3, -0.8, 0.5];
const q = (a: readonly number[]) =>
  a.reduce((sum, value, d) => sum + WEIGHTS[d]! * Math.sin(2 * value), 0) + a[0]! * a[1]! - a[2]! ** 3;
const qGradient = (a: readonly number[]) =>
  a.map((value, d) => 2 * WEIGHTS[d]! * Math.cos(2 * value) + [a[1]!, a[0]!, -3 * a[2]! ** 2][d]!);

/** One particle u for each of the states, and the direction that it has on its own, in both roles. */
async function direction(kind: SteinKind): Promise<{ u: number[][]; phi: number[][] }> {
  const gpu = gpuOf();
  const u = new Draws(6).normalRows(STATES, SIZE).map((row) => row.map(Math.fround));
  const a = u.map((row) => row.map(Math.tanh));
  const tensor = gpu.tensor('direction', [1, 1, STATES, padded(SIZE)]);
  const svgd = new Svgd(gpu, {
    members: 1,
    states: STATES,
    fixedParticles: 1,
    updatedParticles: 1,
    shared: true,
    actionSize: SIZE,
    kind,
    bandwidth: 'code',
    bandwidthFloor: 1e-3,
    repulsion: false,
  });
  await gpu.run(
    svgd.direction({
      preTanh: gpu.tensorOf('u', padRows(u)),
      actions: gpu.tensorOf('a', padRows(a)),
      stride: padded(SIZE),
      actionGradient: gpu.tensorOf('dQda', padRows(a.map(qGradient))),
      gradientStride: padded(SIZE),
      gradientFirst: 0,
      temperature: gpu.tensorOf('alpha', Float32Array.of(ALPHA)),
      rewardScale: 1,
      direction: tensor,
      scale: 1,
    }),
  );
  return { u, phi: unpadRows(await gpu.read(tensor), SIZE) };
}

/** df/du by central differences; f has third derivatives of about 10, so the error is about 1e-9. */
function differences(f: (u: readonly number[]) => number, u: readonly number[]): number[] {
  const e = 1e-5;
  return u.map((_, d) => {
    const at = (change: number) => f(u.map((value, i) => (i === d ? value + change : value)));
    return (at(e) - at(-e)) / (2 * e);
  });
}

// A particle alone has kappa = 1 with itself, and its own gradient is all that is left of the sum.
describe('the actor step of a single particle', () => {
  test("without the squash's correction is DDPG's, dQ(tanh u)/du = (1 - a^2) dQ/da", async () => {
    const { u, phi } = await direction('uncorrected');
    const ascent = phi.map((row) => row.map((value) => ALPHA * value));
    const ddpg = u.map((row) =>
      qGradient(row.map(Math.tanh)).map((g, d) => (1 - Math.tanh(row[d]!) ** 2) * g),
    );
    expectClose(ascent.flat(), ddpg.flat(), TRANSCENDENTAL);
    const slopes = u.map((row) => differences((v) => q(v.map(Math.tanh)), row));
    expectClose(ascent.flat(), slopes.flat(), TRANSCENDENTAL);
  });

  test.each(['tanh-kernel', 'raw'] as const)('%s climbs the log density of u', async (kind) => {
    const { u, phi } = await direction(kind);
    const logDensity = (v: readonly number[]) =>
      q(v.map(Math.tanh)) / ALPHA + v.reduce((sum, value) => sum + Math.log(1 - Math.tanh(value) ** 2), 0);
    expectClose(
      phi.flat(),
      u.flatMap((row) => differences(logDensity, row)),
      TRANSCENDENTAL,
    );
  });

  test('unbounded climbs the log density itself', async () => {
    // The gradients that the kernel is given are those at tanh u; without a squash they are all there is.
    const { u, phi } = await direction('unbounded');
    expectClose(
      phi.flat(),
      u.flatMap((row) => qGradient(row.map(Math.tanh)).map((g) => g / ALPHA)),
      TRANSCENDENTAL,
    );
  });
});
