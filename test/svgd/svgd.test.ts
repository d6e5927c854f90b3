import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/gpu/errors.ts';
import { padded } from '../../src/gpu/tensor.ts';
import { Svgd, bandwidthDivisor, type SvgdOptions } from '../../src/svgd/svgd.ts';
import { DEFAULTS as PRESET } from '../../src/train/presets.ts';
import { Draws } from '../oracles/random.ts';
import {
  lowerMedianIndex,
  medianBandwidth,
  squaredDistance,
  steinDirection,
  type BandwidthRule,
  type SteinKind,
} from '../oracles/svgd.ts';
import { expectClose, LINEAR_ALGEBRA, TRANSCENDENTAL } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();

type Rows = number[][];
const f32 = (rows: Rows): Rows => rows.map((row) => row.map(Math.fround));

/** Particles before the squash and dQ/da, per member and state: (R, states, M + K, A) and (R, states, M, A). */
interface Particles {
  readonly preTanh: Rows[][];
  readonly slopes: Rows[][];
}

const ALPHAS = [10, 3, 5];
const REWARD_SCALE = 0.1;
const DEFAULTS = { bandwidth: 'code', bandwidthFloor: 1e-3, repulsion: true, kind: 'tanh-kernel' } as const;

const particlesOf = ({ shared, fixedParticles, updatedParticles }: SvgdOptions) =>
  shared ? fixedParticles : fixedParticles + updatedParticles;
const firstUpdatedOf = ({ shared, fixedParticles }: SvgdOptions) => (shared ? 0 : fixedParticles);

function randomParticles(options: SvgdOptions, deviation = 0.8): Particles {
  const { members, states, fixedParticles, actionSize } = options;
  const draws = new Draws(31 * fixedParticles + actionSize);
  const per = (rows: number, size: number) =>
    Array.from({ length: members }, () =>
      Array.from({ length: states }, () => f32(draws.normalRows(rows, actionSize, size))),
    );
  return { preTanh: per(particlesOf(options), deviation), slopes: per(fixedParticles, 2) };
}

/** (states, particles, width) of each member, particle-major in rows of `stride` floats, from column `first` on. */
function particleMajor(members: Rows[][], stride: number, first = 0): Float32Array<ArrayBuffer> {
  const states = members[0]!.length;
  const particles = members[0]![0]!.length;
  const flat = new Float32Array(members.length * particles * states * stride);
  members.forEach((perState, m) =>
    perState.forEach((rows, s) =>
      rows.forEach((row, p) => flat.set(row, ((m * particles + p) * states + s) * stride + first)),
    ),
  );
  return flat;
}

/** Runs the kernels; results per member and state. The gradient lies in the middle of wider rows, as the critic's does. */
async function onGpu(options: SvgdOptions, { preTanh, slopes }: Particles, scale: number) {
  const gpu = gpuOf();
  const { members, states, actionSize } = options;
  const particles = particlesOf(options);
  const stride = padded(actionSize);
  const gradientFirst = 3;
  const gradientStride = padded(gradientFirst + actionSize);
  const svgd = new Svgd(gpu, options);
  const tanhs = preTanh.map((perState) => perState.map((rows) => rows.map((row) => row.map(Math.tanh))));
  const direction = gpu.tensor('direction', [members, particles, states, stride]);
  await gpu.run(
    svgd.direction({
      preTanh: gpu.tensorOf('u', particleMajor(preTanh, stride)),
      actions: gpu.tensorOf('a', particleMajor(tanhs, stride)),
      stride,
      actionGradient: gpu.tensorOf('dQda', particleMajor(slopes, gradientStride, gradientFirst)),
      gradientStride,
      gradientFirst,
      temperature: gpu.tensorOf('alpha', Float32Array.from(ALPHAS.slice(0, members))),
      rewardScale: REWARD_SCALE,
      direction,
      scale,
    }),
  );
  const [h, phi] = await Promise.all([svgd.bandwidth, direction].map((tensor) => gpu.read(tensor)));
  return (m: number, s: number) => {
    const at = m * states + s;
    const rows = Array.from({ length: particles }, (_, p) => {
      const row = ((m * particles + p) * states + s) * stride;
      return [...phi!.subarray(row, row + stride)];
    });
    return {
      h: h![at]!,
      untouched: rows.slice(0, firstUpdatedOf(options)).flat(),
      direction: rows.slice(firstUpdatedOf(options)).flatMap((row) => row.slice(0, actionSize)),
    };
  };
}

/** So many particles that a state's pairs are in memory on adapters of up to eight lanes; fewer are kept in registers. */
const MANY = { members: 2, states: 3, fixedParticles: 33, updatedParticles: 33, actionSize: 2 };

/** Compares bandwidth and direction of every member and state with the oracle. */
async function expectOracle(options: SvgdOptions, particles = randomParticles(options)): Promise<void> {
  const scale = -1 / 7;
  const result = await onGpu(options, particles, scale);
  for (let m = 0; m < options.members; m++) {
    for (let s = 0; s < options.states; s++) {
      const u = particles.preTanh[m]![s]!;
      const fixed = u.slice(0, options.fixedParticles);
      const updated = u.slice(firstUpdatedOf(options));
      const reference = steinDirection({
        kind: options.kind,
        preTanhFixed: fixed,
        preTanhUpdated: updated,
        actionGradient: particles.slopes[m]![s]!,
        temperature: ALPHAS[m]! * REWARD_SCALE,
        bandwidth: options.bandwidth,
        floor: options.bandwidthFloor,
        repulsion: options.repulsion,
      });
      const one = result(m, s);
      expectClose([one.h], [reference.h], LINEAR_ALGEBRA);
      const scaled = reference.direction.flat().map((value) => scale * value);
      expectClose(one.direction, scaled, TRANSCENDENTAL);
      expect(one.untouched.every((value) => value === 0)).toBe(true);
    }
  }
}

const KINDS: SteinKind[] = ['tanh-kernel', 'raw', 'released', 'uncorrected', 'unbounded'];
const RULES: BandwidthRule[] = ['code', 'paper', 'plus-one'];

describe('Svgd', () => {
  test.each(KINDS.flatMap((kind) => RULES.map((bandwidth) => ({ kind, bandwidth }))))(
    'agrees with float64 for $kind with the bandwidth rule $bandwidth, for two members',
    async (choice) => {
      await expectOracle({
        ...DEFAULTS,
        ...choice,
        members: 2,
        states: 5,
        fixedParticles: 6,
        updatedParticles: 7,
        actionSize: 2,
      });
    },
  );

  // One particle, more fixed than updated and fewer, odd and even numbers of pairs, one to seven action components;
  // as many particles as lanes of a subgroup, and twice as many; more pairs than registers hold.
  test.each([
    { members: 1, states: 1, fixedParticles: 1, updatedParticles: 1, actionSize: 1 },
    { members: 1, states: 3, fixedParticles: 1, updatedParticles: 5, actionSize: 2 },
    { members: 3, states: 11, fixedParticles: 8, updatedParticles: 3, actionSize: 1 },
    { members: 1, states: 17, fixedParticles: 3, updatedParticles: 13, actionSize: 3 },
    { members: 2, states: 2, fixedParticles: 5, updatedParticles: 5, actionSize: 7 },
    { members: 2, states: 3, fixedParticles: 16, updatedParticles: 8, actionSize: 2 },
    { ...MANY, updatedParticles: 32 },
  ])(
    'agrees with float64: $members x $states, M $fixedParticles, K $updatedParticles, A $actionSize',
    async (one) => {
      for (const kind of KINDS) await expectOracle({ ...DEFAULTS, ...one, kind });
    },
  );

  // |u| up to 9: 1 - a^2 is down to 1e-7 there, and the released score divides by it.
  test.each(KINDS)('%s agrees with float64 where tanh saturates', async (kind) => {
    const sizes = { members: 1, states: 9, fixedParticles: 5, updatedParticles: 4, actionSize: 3 };
    const options = { ...DEFAULTS, ...sizes, kind };
    const particles = randomParticles(options, 2.5);
    expect(Math.max(...particles.preTanh.flat(3).map(Math.abs))).toBeGreaterThan(6);
    await expectOracle(options, particles);
  });

  test.each(KINDS)('%s without the repulsive term leaves only the attraction', async (kind) => {
    const few = { members: 2, states: 3, fixedParticles: 4, updatedParticles: 5, actionSize: 2 };
    for (const sizes of [few, MANY]) await expectOracle({ ...DEFAULTS, ...sizes, kind, repulsion: false });
  });

  test.each(KINDS)(
    '%s with one set in both roles counts each particle as its own neighbour',
    async (kind) => {
      const few = { members: 2, states: 3, fixedParticles: 6, updatedParticles: 6, actionSize: 3 };
      const one = { ...few, fixedParticles: 1, updatedParticles: 1 };
      for (const sizes of [few, one, MANY]) await expectOracle({ ...DEFAULTS, ...sizes, kind, shared: true });
    },
  );

  test('refuses a shared set of two sizes', () => {
    const sizes = { members: 1, states: 1, fixedParticles: 6, updatedParticles: 5, actionSize: 1 };
    expect(() => new Svgd(gpuOf(), { ...DEFAULTS, ...sizes, shared: true })).toThrow(UsageError);
  });

  test('with equal particles the bandwidth is the floor', async () => {
    const sizes = { members: 1, states: 2, fixedParticles: 3, updatedParticles: 4, actionSize: 2 };
    const options = { ...DEFAULTS, ...sizes, bandwidthFloor: 0.25 };
    const same = randomParticles(options);
    const preTanh = same.preTanh.map((perState) => perState.map((rows) => rows.map(() => rows[0]!)));
    const result = await onGpu(options, { ...same, preTanh }, 1);
    expect([result(0, 0).h, result(0, 1).h]).toEqual([0.25, 0.25]);
    await expectOracle(options, { ...same, preTanh });
  });

  // On a grid of halves, squared distances are exact and mostly tied; the lower median is one of them, bit for bit.
  test.each([
    { fixedParticles: 4, updatedParticles: 4 },
    { fixedParticles: 3, updatedParticles: 5 },
    { fixedParticles: 7, updatedParticles: 2 },
    { fixedParticles: 1, updatedParticles: 2 },
    { fixedParticles: 37, updatedParticles: 31 },
    { fixedParticles: 40, updatedParticles: 40 },
  ])(
    'takes the lower median of tied distances, few or many, M $fixedParticles and K $updatedParticles',
    async (counts) => {
      const options = { ...DEFAULTS, ...counts, members: 1, states: 40, actionSize: 2, kind: 'raw' as const };
      const draws = new Draws(5);
      const grid = () => draws.uniformRows(counts.fixedParticles + counts.updatedParticles, 2, 0, 4);
      const preTanh = [
        Array.from({ length: 40 }, () => grid().map((row) => row.map((x) => Math.floor(x) / 2))),
      ];
      const { slopes } = randomParticles(options);
      const result = await onGpu(options, { preTanh, slopes }, 1);
      for (let s = 0; s < 40; s++) {
        const rows = preTanh[0]![s]!;
        const fixed = rows.slice(0, counts.fixedParticles);
        const updated = rows.slice(counts.fixedParticles);
        const { h } = result(0, s);
        const distances = fixed.flatMap((x) => updated.map((y) => squaredDistance(x, y)));
        const median = distances.sort((a, b) => a - b)[lowerMedianIndex(distances.length)]!;
        // WGSL divides within 2.5 units in the last place.
        expectClose([h], [Math.max(median / bandwidthDivisor('code', counts.fixedParticles), 1e-3)], 3e-7);
        expectClose([h], [medianBandwidth(fixed, updated, 'code')], 3e-7);
      }
    },
  );

  test('ascends: particles follow a steep energy, and spread where there is none', async () => {
    const options = {
      ...DEFAULTS,
      members: 1,
      states: 1,
      fixedParticles: 2,
      updatedParticles: 2,
      actionSize: 1,
    };
    const preTanh = [[[[-0.1], [0.1], [-0.2], [0.2]]]];
    const climbing = await onGpu(options, { preTanh, slopes: [[[[50], [50]]]] }, 1);
    expect(climbing(0, 0).direction.every((value) => value > 0)).toBe(true);
    const flat = await onGpu(options, { preTanh, slopes: [[[[0], [0]]]] }, 1);
    const [left, right] = flat(0, 0).direction;
    expect(left).toBeLessThan(0);
    expect(right).toBeGreaterThan(0);
  });

  /** The largest direction of particles across the box, where the fixed ones follow exp(Q / alpha) with Q = 8 a. */
  async function directionAtStationarity(kind: SteinKind): Promise<number> {
    const [fixedParticles, updatedParticles, slope] = [400, 15, 8];
    const rate = slope / (ALPHAS[0]! * REWARD_SCALE);
    const quantile = (p: number) => Math.log(Math.exp(-rate) + p * (Math.exp(rate) - Math.exp(-rate))) / rate;
    const fixed = Array.from({ length: fixedParticles }, (_, j) => quantile((j + 0.5) / fixedParticles));
    const updated = Array.from(
      { length: updatedParticles },
      (_, i) => -0.98 + (1.96 * i) / (updatedParticles - 1),
    );
    const counts = { fixedParticles, updatedParticles, members: 1, states: 1, actionSize: 1 };
    const preTanh = [[[...fixed, ...updated].map((a) => [Math.fround(Math.atanh(a))])]];
    const slopes = [[fixed.map(() => [slope])]];
    const result = await onGpu({ ...DEFAULTS, ...counts, kind, bandwidthFloor: 0.2 }, { preTanh, slopes }, 1);
    return Math.max(...result(0, 0).direction.map(Math.abs));
  }

  // Stein's identity: the expected direction under its stationary density is zero everywhere. 400 quantiles stand for
  // the expectation, to within about 1 / 400 of scores of size 8.
  test.each([
    ['tanh-kernel', 'tanh-kernel'],
    ['raw', 'raw'],
    ['the default of training', PRESET.stein],
  ] as const)('nothing moves where the fixed particles follow exp(Q / alpha): %s', async (_, kind) => {
    expect(await directionAtStationarity(kind)).toBeLessThan(0.02);
  });

  test('the published direction moves particles away from exp(Q / alpha)', async () => {
    expect(await directionAtStationarity('released')).toBeGreaterThan(0.2);
  });
});
