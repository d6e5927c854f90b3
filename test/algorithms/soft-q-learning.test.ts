import { describe, expect, test } from 'vitest';
import { SoftQLearning } from '../../src/algorithms/soft-q-learning.ts';
import type { SoftQLearningOptions } from '../../src/algorithms/soft-q-options.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { BLOCK } from '../../src/nn/fused-pass.ts';
import { levelsOf } from '../../src/profile/levels.ts';
import { mlpBackward, mlpForward } from '../oracles/mlp.ts';
import { mixtureLogDensity, softValue } from '../oracles/soft-value.ts';
import { steinDirection } from '../oracles/svgd.ts';
import { expectClose, TRANSCENDENTAL } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';
import {
  expectUpdates,
  fillRing,
  learnerOf,
  numbersOf,
  rowsOf,
  SOFT_Q,
  type LearnerUnderTest,
  type OracleNetworks,
} from '../support/learners.ts';

const gpuOf = useGpu('layered');
const lanesGpuOf = useGpu('lanes');
const fusedGpuOf = useGpu('fused');

function softQLearning(
  seeds: readonly number[],
  options: Partial<SoftQLearningOptions> = {},
  gpu: Gpu = gpuOf(),
) {
  return learnerOf(gpu, seeds, (context) => new SoftQLearning(gpu, context, { ...SOFT_Q, ...options }));
}

type Learner = LearnerUnderTest<SoftQLearning>;

const ALPHA = SOFT_Q.temperature * SOFT_Q.rewardScale;

/** Eq. 10 in float64 at the proposal that the GPU drew. */
async function nextValues(one: Learner, member: number, { target }: OracleNetworks): Promise<number[]> {
  const q = target.values(await rowsOf(one, one.tensor('proposal.rows'), member, 4));
  const density = await numbersOf(one, one.tensor('proposal.logDensity'), member);
  return softValues(q, density);
}

function softValues(q: readonly number[], density: readonly number[]): number[] {
  const { batchSize, valueParticles } = SOFT_Q;
  return Array.from({ length: batchSize }, (_, b) => {
    const [from, to] = [b * valueParticles, (b + 1) * valueParticles];
    return softValue(q.slice(from, to), density.slice(from, to), ALPHA);
  });
}

/** The rows that went into a fused pass, (rows, width), from its workspace (R, blocks, 1 or 2, features, BLOCK). */
async function fusedRows(one: Learner, label: string, member: number, rows: number, width: number) {
  const flat = await numbersOf(one, one.tensor(`${label}.workspace`), member);
  const blockSize = flat.length / Math.ceil(rows / BLOCK);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: width }, (_, i) => {
      const block = Math.floor(row / BLOCK);
      return flat[block * blockSize + i * BLOCK + (row % BLOCK)]!;
    }),
  );
}

/** What the fused update computes with, in the terms of the layered one. */
const FUSED = {
  /** The transition of each row, found in the ring by its state and action. */
  minibatch: async (one: Learner, member: number) => {
    const { batchSize } = SOFT_Q;
    const x = await fusedRows(one, 'q', member, batchSize, 4);
    const ring = await numbersOf(one, one.replay.ring, member);
    const size = one.replay.ring.shape.at(-1)!;
    const found = x.map((row) => {
      const records = Array.from({ length: ring.length / size }, (_, i) =>
        ring.slice(i * size, (i + 1) * size),
      );
      return records.find((record) => row.every((value, i) => value === record[i]))!;
    });
    return { x, reward: found.map((one) => one[4]!), terminated: found.map((one) => one[7]!) };
  },
  losses: async (one: Learner, member: number) => {
    const { batchSize } = SOFT_Q;
    return (await numbersOf(one, one.tensor('critic.statistics'), member)).slice(3 * batchSize);
  },
  nextValues: async (one: Learner, member: number, { target }: OracleNetworks) => {
    const count = SOFT_Q.batchSize * SOFT_Q.valueParticles;
    const rows = await fusedRows(one, 'q-target', member, count, 4);
    return softValues(target.values(rows), new Array<number>(count).fill(-2 * Math.LN2));
  },
  actorGradient: async (one: Learner, member: number, networks: OracleNetworks) => {
    const { batchSize, fixedParticles, updatedParticles } = SOFT_Q;
    const count = batchSize * (fixedParticles + updatedParticles);
    return steinGradient(await fusedRows(one, 'particles', member, count, 4), networks);
  },
};

/** Eq. 13 and 14 in float64 from the noise that the GPU drew: the gradient of the actor's loss. */
async function actorGradient(one: Learner, member: number, networks: OracleNetworks): Promise<number[]> {
  return steinGradient(await rowsOf(one, one.tensor('particles.input'), member, 4), networks);
}

function steinGradient(rows: number[][], { critic, actor }: OracleNetworks): number[] {
  const { batchSize: states, fixedParticles: fixed, updatedParticles: updated } = SOFT_Q;
  const u = mlpForward(actor, rows);
  const uGrad = u.map(() => [0, 0]);
  for (let b = 0; b < states; b++) {
    const at = (p: number) => p * states + b;
    const ids = Array.from({ length: fixed + updated }, (_, p) => at(p));
    const stateActions = ids.slice(0, fixed).map((i) => [...rows[i]!.slice(0, 2), ...u[i]!.map(Math.tanh)]);
    const slopes = critic.slopes(stateActions);
    const { direction } = steinDirection({
      kind: 'tanh-kernel',
      preTanhFixed: ids.slice(0, fixed).map((i) => u[i]!),
      preTanhUpdated: ids.slice(fixed).map((i) => u[i]!),
      actionGradient: slopes.map((row) => row.slice(2)),
      temperature: ALPHA,
      bandwidth: 'code',
    });
    direction.forEach((phi, i) => (uGrad[at(fixed + i)] = phi.map((value) => -value / (states * updated))));
  }
  return mlpBackward(actor, rows, uGrad).parameterGrad;
}

describe('SoftQLearning', () => {
  test.each([
    { updateOrder: 'simultaneous', critics: 1, ensemble: 'mean' },
    { updateOrder: 'sequential', critics: 1, ensemble: 'mean' },
    { updateOrder: 'simultaneous', critics: 2, ensemble: 'mean' },
    { updateOrder: 'sequential', critics: 2, ensemble: 'min' },
  ] as const)(
    'two $updateOrder updates agree with float64, $ensemble of $critics critics',
    async (choice) => {
      const options = { ...SOFT_Q, ...choice };
      const actor = (learner: SoftQLearning) => learner.samplingNetwork.mlp;
      await expectUpdates(softQLearning([7, 8], options), { options, actor, nextValues, actorGradient });
    },
  );

  test.each(['simultaneous', 'sequential'] as const)(
    'two %s updates of lanes agree with float64',
    async (updateOrder) => {
      const options = { ...SOFT_Q, hidden: [16, 8], updateOrder };
      const actor = (learner: SoftQLearning) => learner.samplingNetwork.mlp;
      const one = softQLearning([7, 8], options, lanesGpuOf());
      await expectUpdates(one, { options, actor, nextValues, actorGradient });
    },
  );

  test('an update of lanes is 15 dispatches where they fit, and says why where they do not', () => {
    const gpu = lanesGpuOf();
    const fitting = softQLearning([1], { hidden: [16, 8] }, gpu).learner;
    const eight = gpu.subgroupLanes === 8;
    expect(fitting.fusingObstacle).toEqual(eight ? null : 'subgroups of this adapter do not have 8 lanes');
    // Layered: three passes forward are two dispatches more each, dQ/da five, and the ways back to parameters four each.
    const { both } = fitting.update;
    expect([both.dispatches.length, levelsOf(both)]).toEqual(eight ? [15, 8] : [34, 16]);
    const other = softQLearning([1], { hidden: [16, 12] }, gpu).learner;
    expect(other.update.both.note).toContain(eight ? '4-16-12-1 units with relu' : 'do not have 8 lanes');
    expect(other.update.both.dispatches.length).toBe(34);
  });

  test.each(['simultaneous', 'sequential'] as const)(
    'two fused %s updates agree with float64',
    async (updateOrder) => {
      const options = { ...SOFT_Q, updateOrder };
      const actor = (learner: SoftQLearning) => learner.samplingNetwork.mlp;
      await expectUpdates(softQLearning([7, 8], options, fusedGpuOf()), { ...FUSED, options, actor });
    },
  );

  test.each([
    ...(['raw', 'released'] as const).map((stein) => ({ stein })),
    { proposal: 'lattice' },
    { proposal: 'uniform-shared' },
    { repulsion: false, bandwidth: 'paper', activation: 'tanh' },
    { hidden: [9, 5, 7] },
    { fixedParticles: 32, updatedParticles: 8, batchSize: 3 },
    { targetEntropy: 0.3 },
  ] as const)('fused and layered kernels compute the same: %o', async (options) => {
    const states = [];
    for (const gpu of [gpuOf(), fusedGpuOf()]) {
      const one = softQLearning([3, 4], options, gpu);
      await one.learner.initialise([3, 4]);
      fillRing(one);
      await gpu.run(one.learner.update.both, one.learner.behaviour.policy);
      const gradients = ['q.parameterGrad', 'particles.parameterGrad'].map((label) => one.tensor(label));
      const sums = [];
      for (const tensor of gradients) {
        const [members, splits, size] = tensor.shape as [number, number, number];
        const sum = new Float64Array(members * size);
        (await gpu.read(tensor)).forEach((value, i) => {
          sum[Math.floor(i / (splits * size)) * size + (i % size)]! += value;
        });
        sums.push(sum);
      }
      // What the metrics would say: each one's numbers of each member.
      const reported = await Promise.all(
        one.learner.metrics.map(async ({ tensor, first, count, stride, memberStride }) => {
          const numbers = await gpu.read(tensor);
          return [0, 1].flatMap((m) =>
            Array.from({ length: count }, (_, i) => numbers[m * memberStride + first + i * stride]!),
          );
        }),
      );
      states.push([...sums, await gpu.read(one.learner.behaviour.action), ...reported]);
    }
    for (const [i, layered] of states[0]!.entries()) expectClose(states[1]![i]!, layered, TRANSCENDENTAL);
  });

  test('a fused update is ten dispatches in five levels, and acting is one', () => {
    const { update, behaviour, fusingObstacle } = softQLearning([1, 2], {}, fusedGpuOf()).learner;
    expect(fusingObstacle).toBeNull();
    const counts = Object.values(update).map((one) => [one.dispatches.length, levelsOf(one)]);
    // Critic: target network, critic forward and back, its parameters' gradient, Adam. Policy: particles, dQ/da and the
    // bandwidth, direction and back, its parameters' gradient, Adam.
    expect(Object.fromEntries(Object.keys(update).map((name, i) => [name, counts[i]]))).toEqual({
      critic: [4, 4],
      policy: [6, 5],
      both: [10, 5],
    });
    expect(behaviour.policy.dispatches.length).toBe(1);
  });

  test.each([
    [{ critics: 2 }, '2 critics'],
    [{ proposal: 'mixture', valueParticles: 8 }, "the proposal 'mixture'"],
    [{ fixedParticles: 200, updatedParticles: 200 }, '40000 pairs'],
  ] as const)('what does not fit goes layer by layer, and says why: %o', (options, why) => {
    const { fusingObstacle, update } = softQLearning([1], options, fusedGpuOf()).learner;
    expect(fusingObstacle).toContain(why);
    expect(update.both.note).toContain(why);
  });

  test('the temperature follows the entropy of the particles when both networks learn, and only then', async () => {
    const targetEntropy = 0.3;
    const one = softQLearning([1, 2], { targetEntropy });
    const { gpu, learner } = one;
    await learner.initialise([1, 2]);
    fillRing(one);
    await gpu.run(learner.update.critic);
    expect([...(await gpu.read(learner.temperature))]).toEqual([5, 5]);
    await gpu.run(learner.update.both);
    const { batchSize: states, fixedParticles: fixed, updatedParticles: updated } = SOFT_Q;
    const alphas = await gpu.read(learner.temperature);
    for (const m of [0, 1]) {
      const u = await rowsOf(one, one.tensor('particles.output'), m, 2);
      const logDensities = u.slice(fixed * states).map((row, i) => {
        const centres = u.slice(0, fixed * states).filter((_, j) => j % states === i % states);
        return mixtureLogDensity(row, centres, 0.25, 0);
      });
      const entropy = -logDensities.reduce((sum, one) => sum + one, 0) / (states * updated);
      const wanted = 5 * Math.exp(-SOFT_Q.temperatureLearningRate * (entropy - targetEntropy));
      expectClose([alphas[m]!], [wanted], TRANSCENDENTAL);
    }
  });

  test('an update is a fixed number of dispatches, whatever the number of members', () => {
    const counts = (seeds: number[], options: Partial<SoftQLearningOptions> = {}) => {
      const { update, behaviour } = softQLearning(seeds, options).learner;
      return [update.critic, update.both, behaviour.policy, behaviour.random].map(
        ({ dispatches }) => dispatches.length,
      );
    };
    // Critic: sample, proposal, 3 + 1 for the target, 3 + 1 + 5 for the regression, Adam and target.
    // Actor: noise and 3, squash, 3 + 3 for dQ/da, 1 for the direction, 5 back, Adam. Acting: noise and 3, act.
    expect(counts([1])).toEqual([16, 34, 5, 1]);
    expect(counts([1, 2, 3])).toEqual([16, 34, 5, 1]);
    expect(counts([1], { updateOrder: 'sequential' })).toEqual([16, 34, 5, 1]);
    // The schedule is one more; the mixture draws particles (4) and perturbs them.
    expect(counts([1], { finalTemperature: 1 })).toEqual([17, 35, 5, 1]);
    // Automatic temperature: the entropy and the step, where both networks learn.
    expect(counts([1], { targetEntropy: 0 })).toEqual([16, 36, 5, 1]);
    // An ensemble: rows copied and Q combined for the target and for dQ/da, whose parts are summed; rows and y copied to
    // regress on.
    expect(counts([1], { critics: 2 })).toEqual([20, 41, 5, 1]);
    expect(counts([1], { critics: 3, ensemble: 'min' })).toEqual([20, 41, 5, 1]);
    expect(counts([1], { proposal: 'mixture', valueParticles: 8 })).toEqual([21, 39, 5, 1]);
  });
});
