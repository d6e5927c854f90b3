import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { UsageError } from '../../src/gpu/errors.ts';
import { padded } from '../../src/gpu/tensor.ts';
import { latticePoints, Proposal, type ProposalKind } from '../../src/rl/proposal.ts';
import { SamplingNetwork } from '../../src/rl/sampling-network.ts';
import { mlpBackward, mlpForward } from '../oracles/mlp.ts';
import { Draws, normalPair, randomBits, uniform } from '../oracles/random.ts';
import {
  latticeActions,
  latticeRoot,
  mixtureLogDensity,
  POLICY_DENSITY_GUARDS,
  policyLogDensity,
  uniformLogDensity,
} from '../oracles/soft-value.ts';
import { kolmogorovSmirnov, uniformDistribution } from '../oracles/statistics.ts';
import { expectClose, LINEAR_ALGEBRA, TRANSCENDENTAL } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';
import { noiseRows, NORMALS, oracleMlp, randomiseParameters, STREAMS } from '../support/networks.ts';

const gpuOf = useGpu();
const SEEDS = [9, 40001];
const SPREAD = 0.3;

interface Sizes {
  readonly members: number;
  readonly states: number;
  readonly particles: number;
  readonly observationSize: number;
  readonly actionSize: number;
}

/** A proposal with random next states and a random policy, run once; rows are read by member. */
async function proposed(kind: ProposalKind, sizes: Sizes, updates = 5) {
  const gpu = gpuOf();
  const { members, states, particles, observationSize, actionSize } = sizes;
  const clock = new Clock(gpu);
  clock.write({ updates, iteration: 1000 });
  const seeds = gpu.tensorOf('seeds', Uint32Array.from(SEEDS.slice(0, members)));
  const spec = { ...sizes, latentSize: actionSize, hidden: [6], activation: 'tanh' as const };
  const policy = new SamplingNetwork(gpu, spec, clock, seeds);
  randomiseParameters(gpu, policy.mlp, 4, 0.7);
  const nextStates = Array.from({ length: members }, (_, m) =>
    new Draws(m + 1).normalRows(states, observationSize).map((row) => row.map(Math.fround)),
  );
  const nextObservation = gpu.tensorOf('s2', Float32Array.from(nextStates.flat(2)));
  const options = { ...sizes, kind, nextObservation, clock, seeds, policy, mixtureSpread: SPREAD };
  const proposal = new Proposal(gpu, options);
  await gpu.run(proposal.program);
  const [rows, density] = await Promise.all([gpu.read(proposal.rows), gpu.read(proposal.logDensity)]);
  const stride = padded(observationSize + actionSize);
  const count = states * particles;
  const member = (m: number) => ({
    nextStates: nextStates[m]!,
    rows: Array.from({ length: count }, (_, r) => [
      ...rows.subarray((m * count + r) * stride, (m * count + r + 1) * stride),
    ]),
    actions: Array.from({ length: count }, (_, r) => {
      const from = (m * count + r) * stride + observationSize;
      return [...rows.subarray(from, from + actionSize)];
    }),
    logDensity: [...density.subarray(m * count, (m + 1) * count)],
  });
  return { member, policy };
}

/** x in [0, 1) that the kernel draws for `index`. */
const drawn = (index: number, updates: number, seed: number) =>
  uniform(randomBits(index, updates, STREAMS['STREAM_PROPOSAL']!, seed)[0]);

describe('Proposal', () => {
  test.each([
    { kind: 'uniform-shared', members: 2, states: 5, particles: 7, observationSize: 2, actionSize: 2 },
    { kind: 'uniform', members: 1, states: 1, particles: 1, observationSize: 1, actionSize: 1 },
    { kind: 'uniform', members: 2, states: 13, particles: 6, observationSize: 3, actionSize: 5 },
  ] as const)('$kind draws are exact, $members x $states x $particles', async ({ kind, ...sizes }) => {
    const { states, particles, observationSize, actionSize } = sizes;
    const { member } = await proposed(kind, sizes);
    for (let m = 0; m < sizes.members; m++) {
      const { rows, logDensity, nextStates } = member(m);
      const padding = new Array<number>(
        padded(observationSize + actionSize) - observationSize - actionSize,
      ).fill(0);
      for (let r = 0; r < states * particles; r++) {
        const index = kind === 'uniform' ? r : r % particles;
        const action = Array.from(
          { length: actionSize },
          (_, d) => 2 * drawn(index * actionSize + d, 5, SEEDS[m]!) - 1,
        );
        expect(rows[r]).toEqual([...nextStates[Math.floor(r / particles)]!, ...action, ...padding]);
      }
      expectClose(
        logDensity,
        logDensity.map(() => uniformLogDensity(actionSize)),
        LINEAR_ALGEBRA,
      );
    }
  });

  test('uniform-shared shares its set across the batch, the other kinds do not', async () => {
    const sizes = { members: 2, states: 3, particles: 8, observationSize: 1, actionSize: 2 };
    for (const kind of ['uniform-shared', 'uniform', 'lattice', 'mixture', 'policy-jacobian'] as const) {
      const { member } = await proposed(kind, sizes);
      const set = (m: number, state: number) => member(m).actions.slice(state * 8, (state + 1) * 8);
      if (kind === 'uniform-shared') expect(set(0, 1)).toEqual(set(0, 0));
      else expect(set(0, 1)).not.toEqual(set(0, 0));
      expect(set(1, 0)).not.toEqual(set(0, 0));
      const later = await proposed(kind, sizes, 6);
      expect(later.member(0).actions).not.toEqual(member(0).actions);
    }
  });

  test.each(['uniform', 'lattice', 'mixture', 'policy-jacobian'] as const)(
    '%s stays in the box',
    async (kind) => {
      const sizes = { members: 1, states: 300, particles: 16, observationSize: 2, actionSize: 2 };
      const { actions, logDensity } = (await proposed(kind, sizes)).member(0);
      expect(actions.flat().every((a) => a >= -1 && a <= 1)).toBe(true);
      expect(logDensity.every(Number.isFinite)).toBe(true);
      if (kind === 'mixture' || kind === 'policy-jacobian') return;
      const count = actions.length;
      const first = actions.map((row) => row[0]!);
      expect(kolmogorovSmirnov(first, (t) => uniformDistribution(t, -1, 1))).toBeLessThan(
        1.95 / Math.sqrt(count),
      );
    },
  );

  test.each([1, 2, 3, 8])(
    'lattice is the R_A sequence with one shift per state, A = %i',
    async (actionSize) => {
      const sizes = { members: 2, states: 7, particles: 11, observationSize: 1, actionSize };
      const { member } = await proposed('lattice', sizes);
      for (let m = 0; m < 2; m++) {
        const { actions, logDensity } = member(m);
        for (let s = 0; s < 7; s++) {
          const shift = Array.from({ length: actionSize }, (_, d) => drawn(s * actionSize + d, 5, SEEDS[m]!));
          const reference = latticeActions(shift, 11, actionSize).flat();
          const gaps = actions
            .slice(s * 11, (s + 1) * 11)
            .flat()
            .map((a, i) => Math.abs(a - reference[i]!));
          // Distances on the circle: rounding may carry a point across the seam at +-1.
          expect(Math.max(...gaps.map((gap) => Math.min(gap, 2 - gap)))).toBeLessThan(LINEAR_ALGEBRA);
        }
        expectClose(
          logDensity,
          logDensity.map(() => uniformLogDensity(actionSize)),
          LINEAR_ALGEBRA,
        );
      }
      const points = latticePoints(11, actionSize);
      expectClose([1 / points[0]!], [latticeRoot(actionSize)], LINEAR_ALGEBRA);
    },
  );

  test.each([
    { members: 1, states: 3, particles: 2, observationSize: 1, actionSize: 1 },
    { members: 2, states: 5, particles: 14, observationSize: 3, actionSize: 2 },
    { members: 1, states: 9, particles: 6, observationSize: 2, actionSize: 5 },
  ])(
    'mixture: a lattice half, a half around the policy, and the density of both, A $actionSize',
    async (sizes) => {
      const { members, states, particles, actionSize } = sizes;
      const half = particles / 2;
      const { member, policy } = await proposed('mixture', sizes);
      const { member: latticeMember } = await proposed('lattice', sizes);
      for (let m = 0; m < members; m++) {
        const { actions, logDensity, nextStates } = member(m);
        const lattice = latticeMember(m).actions;
        // Centres u_c = f(s', xi), the policy's own noise; particle-major.
        const noise = noiseRows(half * states, actionSize, 5, STREAMS['STREAM_PROPOSAL_POLICY']!, SEEDS[m]!);
        const rows = noise.map((xi, row) => [...nextStates[row % states]!, ...xi]);
        const centres = mlpForward(await oracleMlp(gpuOf(), policy.mlp, m), rows);
        const reference: number[] = [];
        for (let at = 0; at < states * particles; at++) {
          const state = Math.floor(at / particles);
          const k = at % particles;
          let u = lattice[at]!.map(Math.atanh);
          if (k < half) expect(actions[at]).toEqual(lattice[at]);
          else {
            const centre = centres[(k - half) * states + state]!;
            u = centre.map((value, d) => {
              const bits = randomBits(at * actionSize + d, 5, STREAMS['STREAM_PROPOSAL_NOISE']!, SEEDS[m]!);
              return value + SPREAD * normalPair(bits[0], bits[1])[0];
            });
            expectClose(actions[at]!, u.map(Math.tanh), NORMALS);
          }
          const mine = Array.from({ length: half }, (_, c) => centres[c * states + state]!);
          reference.push(mixtureLogDensity(u, mine, SPREAD));
        }
        // The centres' own error (see NORMALS), divided by h, enters the density.
        expectClose(logDensity, reference, NORMALS / SPREAD);
      }
    },
  );

  test.each([1, 2])('mixture: its density integrates to one, A = %i', async (actionSize) => {
    const sizes = { members: 1, states: 250, particles: 64, observationSize: 1, actionSize };
    const { actions, logDensity } = (await proposed('mixture', sizes)).member(0);
    // E[g(a) / q(a)] is the integral of g over the box, whatever q is; 1/q never exceeds 2^(A + 1).
    const volume = 2 ** actionSize;
    const integrals: [(a: number[]) => number, number][] = [
      [() => 1, volume],
      [(a) => a[0]! ** 2, volume / 3],
      [(a) => Math.abs(a.at(-1)!) ** 9, volume / 10],
    ];
    for (const [g, integral] of integrals) {
      const weights = actions.map((a, i) => g(a) / Math.exp(logDensity[i]!));
      const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
      const variance = weights.reduce((sum, weight) => sum + (weight - mean) ** 2, 0) / weights.length;
      expect(Math.abs(mean - integral)).toBeLessThan(4 * Math.sqrt(variance / weights.length));
    }
    expect(Math.max(...logDensity.map((value) => -value))).toBeLessThanOrEqual(
      (actionSize + 1) * Math.LN2 + TRANSCENDENTAL,
    );
  });

  test('policy-jacobian: actions of the policy under its own noise, and their density', async () => {
    const sizes = { members: 2, states: 4, particles: 3, observationSize: 3, actionSize: 2 };
    const { states, particles, observationSize, actionSize } = sizes;
    const { member, policy } = await proposed('policy-jacobian', sizes);
    for (let m = 0; m < sizes.members; m++) {
      const { actions, logDensity, nextStates } = member(m);
      const mlp = await oracleMlp(gpuOf(), policy.mlp, m);
      const stream = STREAMS['STREAM_PROPOSAL_POLICY']!;
      const noise = noiseRows(particles * states, actionSize, 5, stream, SEEDS[m]!);
      for (let at = 0; at < states * particles; at++) {
        const state = Math.floor(at / particles);
        const xi = noise[(at % particles) * states + state]!;
        const row = [...nextStates[state]!, ...xi];
        const u = mlpForward(mlp, [row])[0]!;
        const jacobian = u.map((_, d) => {
          const unit = u.map((__, other) => Number(other === d));
          return mlpBackward(mlp, [row], [unit]).inputGrad[0]!.slice(observationSize);
        });
        expectClose(actions[at]!, u.map(Math.tanh), NORMALS);
        // The noise's own error (see NORMALS) enters the logarithm of a determinant that may be small.
        const density = policyLogDensity(xi, u, jacobian, POLICY_DENSITY_GUARDS);
        expect(Math.abs(logDensity[at]! - density)).toBeLessThan(20 * NORMALS);
      }
    }
  });

  test('mixture refuses an odd number of particles', async () => {
    const sizes = { members: 1, states: 2, particles: 5, observationSize: 1, actionSize: 1 };
    await expect(proposed('mixture', sizes)).rejects.toThrow(UsageError);
  });
});
