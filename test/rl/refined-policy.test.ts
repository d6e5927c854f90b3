import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { Faults } from '../../src/gpu/faults.ts';
import { program } from '../../src/gpu/program.ts';
import type { NoiseUse, Policy } from '../../src/rl/policy.ts';
import { LangevinPolicy, refinedPolicy, ResampledPolicy } from '../../src/rl/refined-policy.ts';
import { SoftQFunction, type Ensemble } from '../../src/rl/soft-q-function.ts';
import { Draws, normalPair, randomBits, uniform } from '../oracles/random.ts';
import { distributionOf, langevinStep, resampledIndex } from '../oracles/refinement.ts';
import { latticeActions } from '../oracles/soft-value.ts';
import { kolmogorovSmirnov } from '../oracles/statistics.ts';
import { expectClose, LINEAR_ALGEBRA } from '../support/compare.ts';
import { padRows, unpadRows, useGpu } from '../support/gpu.ts';
import { NORMALS, oracleCritic, randomiseParameters, STREAMS } from '../support/networks.ts';

const gpuOf = useGpu();
const SEEDS = [5, 77];
const REWARD_SCALE = 0.1;
const ITERATION = 12;
const UPDATES = 7;
const REFINEMENT = STREAMS['STREAM_REFINEMENT']!;
const RESAMPLING = STREAMS['STREAM_RESAMPLING']!;

interface Sizes {
  readonly members: number;
  readonly observationSize: number;
  readonly actionSize: number;
  readonly critics?: number;
  readonly ensemble?: Ensemble;
}

/** A random critic with a temperature for each member, in raw reward units. */
function criticOf(sizes: Sizes, alphas = [10, 4]) {
  const { members, observationSize, actionSize, critics = 1, ensemble = 'mean' } = sizes;
  const gpu = gpuOf();
  const clock = new Clock(gpu);
  clock.write({ iteration: ITERATION, updates: UPDATES });
  const seeds = gpu.tensorOf('seeds', Uint32Array.from(SEEDS.slice(0, members)));
  const networks = { hidden: [9, 6], activation: 'tanh' as const, critics, ensemble };
  const spec = { observationSize, actionSize, members, ...networks };
  const softQ = new SoftQFunction(
    gpu,
    spec,
    { tau: 1, interval: 1 },
    clock,
    new Faults(gpu, ['critic loss']),
  );
  randomiseParameters(gpu, softQ.mlp, 31, 1);
  const temperature = gpu.tensorOf('alpha', Float32Array.from(alphas.slice(0, members)));
  const density = { softQ, temperature, rewardScale: REWARD_SCALE };
  return { gpu, clock, density, source: { clock, seeds }, alpha: (m: number) => alphas[m]! * REWARD_SCALE };
}

/** Observations (members, states, S) as rows of float32 numbers, and their tensor. */
function statesOf({ members, observationSize }: Sizes, states: number) {
  const rows = Array.from({ length: members }, (_, m) =>
    new Draws(m + 3).normalRows(states, observationSize).map((row) => row.map(Math.fround)),
  );
  return { rows, tensor: gpuOf().tensorOf('s', Float32Array.from(rows.flat(2))) };
}

/** A policy whose draws are the given u (members, rows, A), whatever the states. */
function fixedPolicy({ spec, source }: Pick<Policy, 'spec' | 'source'>, u: number[][][]): Policy {
  const preTanh = () => gpuOf().tensorOf('u', padRows(u.flat()));
  return { spec, source, draw: () => ({ preTanh: preTanh(), program: program('fixed', []) }) };
}

async function drawn(
  policy: Policy,
  observation: ReturnType<typeof statesOf>,
  particles: number,
  use: NoiseUse,
) {
  const gpu = gpuOf();
  const states = observation.rows[0]!.length;
  const draw = policy.draw('refined', { observation: observation.tensor, states, particles, use });
  await gpu.run(draw.program);
  const rows = unpadRows(await gpu.read(draw.preTanh), policy.spec.actionSize);
  const count = states * particles;
  return Array.from({ length: policy.spec.members }, (_, m) => rows.slice(m * count, (m + 1) * count));
}

/** The seed that a use's refinement has in a step. */
const seedOf = (seed: number, stream: string, step: number, kind = REFINEMENT) =>
  randomBits(step, STREAMS[stream]!, kind, seed)[0];

describe('LangevinPolicy', () => {
  test.each([
    { members: 1, states: 1, particles: 1, observationSize: 1, actionSize: 1, steps: 1, use: 'act' },
    { members: 2, states: 5, particles: 7, observationSize: 2, actionSize: 2, steps: 1, use: 'evaluation' },
    { members: 2, states: 3, particles: 30, observationSize: 3, actionSize: 5, steps: 3, use: 'particles' },
    {
      members: 2,
      states: 3,
      particles: 4,
      observationSize: 2,
      actionSize: 2,
      steps: 2,
      use: 'evaluation',
      critics: 2,
      ensemble: 'min',
    },
  ] as const)('takes the steps of float64: A $actionSize, $steps steps, $use', async (one) => {
    const { members, states, particles, observationSize, actionSize, steps, use } = one;
    const { gpu, density, source, alpha } = criticOf(one);
    const observation = statesOf(one, states);
    const draws = new Draws(6);
    // From the middle to where tanh saturates.
    const start = Array.from({ length: members }, () =>
      draws.normalRows(states * particles, actionSize, 2).map((row) => row.map(Math.fround)),
    );
    const eps = 0.05;
    const base = fixedPolicy({ spec: density.softQ.spec, source }, start);
    const policy = new LangevinPolicy(gpu, base, density, { steps, stepSize: eps });
    const result = await drawn(policy, observation, particles, use);
    const counter = use === 'particles' ? UPDATES : ITERATION;
    const stream = `STREAM_${use.toUpperCase()}`;
    for (let m = 0; m < members; m++) {
      const critic = await oracleCritic(gpu, density.softQ, density.softQ.mlp, m);
      let u: number[][] = start[m]!;
      for (let step = 0; step < steps; step++) {
        const seed = seedOf(SEEDS[m]!, stream, step);
        const rows = u.map((row, r) => [...observation.rows[m]![r % states]!, ...row.map(Math.tanh)]);
        const scores = critic.slopes(rows).map((row) => row.map((slope) => slope / alpha(m)));
        u = u.map((row, r) => {
          const xi = row.map((_, d) => {
            const bits = randomBits(r * actionSize + d, counter, REFINEMENT, seed);
            return normalPair(bits[0], bits[1])[0];
          });
          return langevinStep(row, scores[r]!.slice(observationSize), xi, eps);
        });
      }
      // The noise is sqrt(2 eps) of a normal number, and no largest u is below 1.
      expectClose(result[m]!.flat(), u.flat(), NORMALS * Math.sqrt(2 * eps));
    }
  });

  test('ends in exp(Q / alpha) of its state and member, from anywhere in the box', async () => {
    const sizes = { members: 2, observationSize: 1, actionSize: 1 };
    const { gpu, density, source, alpha } = criticOf(sizes, [6, 4]);
    const observation = statesOf(sizes, 2);
    const particles = 2000;
    const anywhere = new ResampledPolicy(gpu, density, { candidates: 1 }, source);
    const policy = new LangevinPolicy(gpu, anywhere, density, { steps: 200, stepSize: 0.01 });
    const result = await drawn(policy, observation, particles, 'evaluation');
    for (let m = 0; m < 2; m++) {
      const critic = await oracleCritic(gpu, density.softQ, density.softQ.mlp, m);
      observation.rows[m]!.forEach((state, s) => {
        const sample = result[m]!.filter((_, r) => r % 2 === s).map(([u]) => Math.tanh(u!));
        const exact = distributionOf((a) => critic.values([[...state, a]])[0]! / alpha(m));
        // The law of 0.1 % at 2000 draws, and 0.01 for the steps, which nothing adjusts.
        const limit = 1.95 / Math.sqrt(particles) + 0.01;
        expect(kolmogorovSmirnov(sample, exact)).toBeLessThan(limit);
        // What the steps began at is told apart.
        expect(kolmogorovSmirnov(sample, (t) => (t + 1) / 2)).toBeGreaterThan(1.5 * limit);
      });
    }
  });
});

describe('ResampledPolicy', () => {
  test.each([
    { members: 1, states: 1, particles: 1, observationSize: 1, actionSize: 1, candidates: 1, alphas: [10] },
    {
      members: 2,
      states: 5,
      particles: 3,
      observationSize: 2,
      actionSize: 2,
      candidates: 16,
      alphas: [10, 4],
    },
    {
      members: 2,
      states: 3,
      particles: 8,
      observationSize: 3,
      actionSize: 5,
      candidates: 33,
      alphas: [3, 20],
    },
    // exp(Q / alpha) overflows without its shift, and the best candidate is the one.
    {
      members: 2,
      states: 4,
      particles: 2,
      observationSize: 1,
      actionSize: 2,
      candidates: 8,
      alphas: [1e-3, 0.01],
    },
    {
      members: 2,
      states: 5,
      particles: 3,
      observationSize: 2,
      actionSize: 2,
      candidates: 16,
      alphas: [3, 2],
      critics: 2,
      ensemble: 'min',
    },
  ] as const)('draws the candidates of float64: A $actionSize, C $candidates, alpha $alphas', async (one) => {
    const { members, states, particles, actionSize, candidates } = one;
    const { gpu, density, source, alpha } = criticOf(one, [...one.alphas]);
    const observation = statesOf(one, states);
    const policy = new ResampledPolicy(gpu, density, { candidates }, source);
    const result = await drawn(policy, observation, particles, 'act');
    const stream = STREAMS['STREAM_ACT']!;
    for (let m = 0; m < members; m++) {
      const critic = await oracleCritic(gpu, density.softQ, density.softQ.mlp, m);
      const choice = seedOf(SEEDS[m]!, 'STREAM_ACT', 0, RESAMPLING);
      const reference = result[m]!.map((_, r) => {
        const shift = Array.from({ length: actionSize }, (__, d) =>
          uniform(randomBits(r * actionSize + d, ITERATION, stream, SEEDS[m]!)[0]),
        );
        const actions = latticeActions(shift, candidates, actionSize);
        const rows = actions.map((action) => [...observation.rows[m]![r % states]!, ...action]);
        const nats = critic.values(rows).map((q) => q / alpha(m));
        return actions[resampledIndex(nats, uniform(randomBits(r, ITERATION, RESAMPLING, choice)[0]))]!;
      });
      const actions = result[m]!.flat().map(Math.tanh);
      expectClose(actions, reference.flat(), LINEAR_ALGEBRA);
    }
  });

  test('many candidates draw from exp(Q / alpha), one candidate uniformly', async () => {
    const sizes = { members: 2, observationSize: 1, actionSize: 1 };
    const { gpu, density, source, alpha } = criticOf(sizes, [6, 4]);
    const observation = statesOf(sizes, 2);
    const particles = 2000;
    const limit = 1.95 / Math.sqrt(particles);
    for (const candidates of [1, 64]) {
      const policy = new ResampledPolicy(gpu, density, { candidates }, source);
      const result = await drawn(policy, observation, particles, 'act');
      for (let m = 0; m < 2; m++) {
        const critic = await oracleCritic(gpu, density.softQ, density.softQ.mlp, m);
        observation.rows[m]!.forEach((state, s) => {
          const sample = result[m]!.filter((_, r) => r % 2 === s).map(([u]) => Math.tanh(u!));
          const exact = distributionOf((a) => critic.values([[...state, a]])[0]! / alpha(m));
          const law = candidates === 1 ? (t: number) => (t + 1) / 2 : exact;
          expect(kolmogorovSmirnov(sample, law)).toBeLessThan(limit);
        });
      }
    }
  });
});

describe('a refined policy', () => {
  test.each([
    { kind: 'langevin', steps: 1, stepSize: 0.05 },
    { kind: 'resample', candidates: 4 },
  ] as const)('$kind: each use has noise of its own, the same every time', async (refinement) => {
    const sizes = { members: 2, observationSize: 1, actionSize: 2 };
    const { gpu, clock, density, source } = criticOf(sizes);
    const observation = statesOf(sizes, 3);
    // All from one point, so that the refinement's noise is all there is.
    const point = fixedPolicy(
      { spec: density.softQ.spec, source },
      [0, 1].map(() => new Array<number[]>(6).fill([0.3, -0.2])),
    );
    const policy = refinedPolicy(gpu, point, density, refinement);
    const seen = new Set<string>();
    for (const use of ['act', 'evaluation', 'particles', 'proposal-policy'] as const) {
      const text = async (iteration: number, updates: number) => {
        clock.write({ iteration, updates });
        return JSON.stringify(await drawn(policy, observation, 2, use));
      };
      const first = await text(1, 1);
      expect(await text(1, 1)).toBe(first);
      const byIteration = use === 'act' || use === 'evaluation';
      expect((await text(2, 1)) !== first).toBe(byIteration);
      expect((await text(1, 2)) !== first).toBe(!byIteration);
      seen.add(first);
    }
    expect(seen.size).toBe(4);
    // Members differ in all but their start, and so do rows.
    const rows = (await drawn(policy, observation, 2, 'act')).flat().map((row) => row.join());
    expect(new Set(rows).size).toBe(12);
  });
});
