import { describe, expect, test, vi } from 'vitest';
import { SoftQLearning, type SoftQLearningOptions } from '../../src/algorithms/soft-q-learning.ts';
import { multigoal } from '../../src/envs/multigoal.ts';
import { VectorEnv } from '../../src/envs/vector-env.ts';
import { Clock } from '../../src/gpu/clock.ts';
import { program } from '../../src/gpu/program.ts';
import { padded, type Tensor } from '../../src/gpu/tensor.ts';
import type { Mlp } from '../../src/nn/mlp.ts';
import type { NamedArray } from '../../src/nn/parameters.ts';
import { randomEnvironmentsOf } from '../../src/rl/behaviour-policy.ts';
import { recordSize, ReplayBuffer } from '../../src/rl/replay-buffer.ts';
import { adamStart, adamStep, mlpBackward, mlpForward, polyak, type OracleMlp } from '../oracles/mlp.ts';
import { Draws } from '../oracles/random.ts';
import {
  combinedCritics,
  criticLoss,
  mixtureLogDensity,
  softValue,
  tdTarget,
} from '../oracles/soft-value.ts';
import { steinDirection } from '../oracles/svgd.ts';
import { expectClose, LINEAR_ALGEBRA, TRANSCENDENTAL } from '../support/compare.ts';
import { unpadRows, useGpu } from '../support/gpu.ts';
import { oracleMlp, oracleParameters, randomiseParameters } from '../support/networks.ts';

const gpuOf = useGpu();

const OPTIONS: SoftQLearningOptions = {
  temperature: 5,
  finalTemperature: 5,
  temperatureUpdates: 1,
  targetEntropy: null,
  temperatureLearningRate: 0.1,
  rewardScale: 0.125,
  discount: 0.95,
  batchSize: 5,
  hidden: [6, 6],
  activation: 'relu',
  critics: 1,
  ensemble: 'mean',
  latentSize: 2,
  criticLearningRate: 0.2,
  policyLearningRate: 0.05,
  finalLearningRateShare: 1,
  updates: 100,
  valueParticles: 7,
  proposal: 'uniform',
  mixtureSpread: 0.3,
  fixedParticles: 6,
  updatedParticles: 9,
  stein: 'tanh-kernel',
  bandwidth: 'code',
  bandwidthFloor: 1e-3,
  repulsion: true,
  targetTau: 0.1,
  targetInterval: 1,
  updateOrder: 'simultaneous',
  randomShare: 0.5,
  noiseTheta: 0.15,
  noiseSigma: 0,
};
const SIZES = { observationSize: 2, actionSize: 2 };
const ENVIRONMENTS = 5;

/** A learner of `seeds.length` members over a ring, and all tensors made for it, by label. */
function learnerOf(seeds: readonly number[], options: Partial<SoftQLearningOptions> = {}, capacity = 64) {
  const gpu = gpuOf();
  const made = vi.spyOn(gpu, 'tensor');
  const members = seeds.length;
  const clock = new Clock(gpu, { transitions: ENVIRONMENTS, capacity });
  const seedTensor = gpu.tensorOf('seeds', Uint32Array.from(seeds));
  const replay = new ReplayBuffer(gpu, { ...SIZES, members, capacity });
  const shared = { environments: ENVIRONMENTS, members, seeds: seedTensor, clock };
  const env = new VectorEnv(gpu, multigoal, shared);
  const { observation, episodeLength } = env;
  const seen = { observation, episodeLength, episodeStride: env.episode.size / members };
  const learner = new SoftQLearning(
    gpu,
    { ...SIZES, ...shared, replay, ...seen },
    { ...OPTIONS, ...options },
  );
  const tensors = new Map(made.mock.results.map(({ value }) => [(value as Tensor).label, value as Tensor]));
  made.mockRestore();
  return { gpu, learner, clock, replay, env, tensor: (label: string) => tensors.get(label)! };
}

type Learner = ReturnType<typeof learnerOf>;

/** Fills the ring with transitions that no environment made, some of them terminated. */
function fillRing({ gpu, replay, clock }: Learner, members: number): void {
  const draws = new Draws(3);
  const size = recordSize(2, 2);
  const records = draws.uniformRows(members * replay.capacity, size, -2, 2);
  records.forEach((record, i) => record.splice(size - 2, 2, Number(i % 4 === 0), Number(i % 4 === 1)));
  gpu.write(replay.ring, Float32Array.from(records.flat()));
  clock.write({ iteration: 11, replaySize: replay.capacity });
}

async function summed({ gpu, tensor }: Learner, label: string, mlp: Mlp, member: number): Promise<number[]> {
  const gradient = tensor(label);
  const [, splits, size] = gradient.shape as [number, number, number];
  const partial = await gpu.read(gradient);
  const flat = new Float32Array(mlp.parameters.members * size);
  partial.forEach((value, i) => (flat[Math.floor(i / (splits * size)) * size + (i % size)]! += value));
  return oracleParameters(mlp.parameters, flat, member);
}

interface Networks {
  readonly critics: readonly OracleMlp[];
  readonly targets: readonly OracleMlp[];
  readonly actor: OracleMlp;
}

async function networks({ gpu, learner }: Learner, member: number): Promise<Networks> {
  const { critics = 1 } = learner.softQ.spec;
  const all = (mlp: Mlp) =>
    Promise.all(Array.from({ length: critics }, (_, c) => oracleMlp(gpu, mlp, member * critics + c)));
  return {
    critics: await all(learner.softQ.mlp),
    targets: await all(learner.softQ.target.mlp),
    actor: await oracleMlp(gpu, learner.samplingNetwork.mlp, member),
  };
}

/** Eq. 10 and 11 in float64 from the minibatch and the proposal that the GPU drew. */
async function criticReference(one: Learner, member: number, { critics, targets }: Networks) {
  const { gpu, learner, tensor } = one;
  const { batchSize, valueParticles, rewardScale, discount, temperature } = OPTIONS;
  const rowsOf = async (label: string, count: number) =>
    unpadRows(await gpu.read(tensor(label)), 4).slice(member * count, (member + 1) * count);
  const perState = async (source: Tensor) =>
    [...(await gpu.read(source))].slice(member * batchSize, (member + 1) * batchSize);
  const count = batchSize * valueParticles;
  const next = await rowsOf('proposal.rows', count);
  const each = targets.map((target) => mlpForward(target, next).flat());
  const { ensemble = 'mean' } = learner.softQ.spec;
  const q = next.map((_, i) => combinedCritics(ensemble, each.map((one) => one[i]!)).value); // prettier-ignore
  const density = [...(await gpu.read(tensor('proposal.logDensity')))].slice(
    member * count,
    (member + 1) * count,
  );
  const [reward, terminated] = [
    await perState(learner.batch.reward),
    await perState(learner.batch.terminated),
  ];
  const y = reward.map((r, b) => {
    const [from, to] = [b * valueParticles, (b + 1) * valueParticles];
    const nextValue = softValue(q.slice(from, to), density.slice(from, to), temperature * rewardScale);
    return tdTarget({ reward: r, terminated: terminated[b]!, nextValue, discount, rewardScale });
  });
  const x = await rowsOf('batch.stateAction', batchSize);
  return critics.map((critic) => {
    const { loss, valueGrad } = criticLoss(mlpForward(critic, x).flat(), y);
    return { loss, gradient: mlpBackward(critic, x, valueGrad.map((value) => [value])).parameterGrad }; // prettier-ignore
  });
}

/** Eq. 13 and 14 in float64 from the noise that the GPU drew: the gradient of the actor's loss. */
async function actorReference(one: Learner, member: number, { critics, actor }: Networks) {
  const { gpu, learner, tensor } = one;
  const { ensemble = 'mean' } = learner.softQ.spec;
  const {
    batchSize: states,
    fixedParticles: fixed,
    updatedParticles: updated,
    rewardScale,
    temperature,
  } = OPTIONS;
  const count = states * (fixed + updated);
  const rows = unpadRows(await gpu.read(tensor('particles.input')), 4).slice(
    member * count,
    (member + 1) * count,
  );
  const u = mlpForward(actor, rows);
  const uGrad = u.map(() => [0, 0]);
  for (let b = 0; b < states; b++) {
    const at = (p: number) => p * states + b;
    const ids = Array.from({ length: fixed + updated }, (_, p) => at(p));
    const stateActions = ids.slice(0, fixed).map((i) => [...rows[i]!.slice(0, 2), ...u[i]!.map(Math.tanh)]);
    const q = critics.map((critic) => mlpForward(critic, stateActions).flat());
    const weights = stateActions.map((_, j) => combinedCritics(ensemble, q.map((one) => one[j]!)).slopes); // prettier-ignore
    const parts = critics.map(
      (critic, c) =>
      mlpBackward(critic, stateActions, weights.map((weight) => [weight[c]!])).inputGrad, // prettier-ignore
    );
    const slopes = stateActions.map((row, j) =>
      row.map((_, d) => parts.reduce((sum, one) => sum + one[j]![d]!, 0)),
    );
    const { direction } = steinDirection({
      kind: 'tanh-kernel',
      preTanhFixed: ids.slice(0, fixed).map((i) => u[i]!),
      preTanhUpdated: ids.slice(fixed).map((i) => u[i]!),
      actionGradient: slopes.map((row) => row.slice(2)),
      temperature: temperature * rewardScale,
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
    async ({ updateOrder, critics, ensemble }) => {
      const members = 2;
      const one = learnerOf([7, 8], { updateOrder, critics, ensemble });
      const { gpu, learner, clock } = one;
      randomiseParameters(gpu, learner.softQ.mlp, 1);
      randomiseParameters(gpu, learner.softQ.target.mlp, 2);
      randomiseParameters(gpu, learner.samplingNetwork.mlp, 3);
      fillRing(one, members);
      let before = [await networks(one, 0), await networks(one, 1)];
      let adams = before.map(
        (all) =>
          [all.critics.map((one) => adamStart(one.parameters)), adamStart(all.actor.parameters)] as const,
      );
      for (let update = 0; update < 2; update++) {
        await gpu.run(learner.update.both, program('tick', [clock.tick({ updates: 1, policyUpdates: 1 })]));
        const after = [await networks(one, 0), await networks(one, 1)];
        for (let m = 0; m < members; m++) {
          const then = before[m]!;
          const now = after[m]!;
          const criticGrads: number[][] = [];
          for (const [c, reference] of (await criticReference(one, m, then)).entries()) {
            const at = m * critics + c;
            const criticGrad = await summed(one, 'q.parameterGrad', learner.softQ.mlp, at);
            expectClose(criticGrad, reference.gradient, TRANSCENDENTAL);
            criticGrads.push(criticGrad);
            const losses = (await gpu.read(one.tensor('criticLoss'))).subarray(at * 5, (at + 1) * 5);
            const loss = losses.reduce((sum, value) => sum + value, 0) / 5;
            expectClose([loss], [reference.loss], TRANSCENDENTAL);
          }

          const [seen, other] = updateOrder === 'simultaneous' ? [then, now] : [now, then];
          const actorGrad = await summed(one, 'particles.parameterGrad', learner.samplingNetwork.mlp, m);
          const actorGradient = ({ critics }: Networks) => actorReference(one, m, { ...then, critics });
          expectClose(actorGrad, await actorGradient(seen), TRANSCENDENTAL);
          const wrong = await actorGradient(other);
          const gap = Math.max(...wrong.map((value, i) => Math.abs(value - actorGrad[i]!)));
          expect(gap / Math.max(...wrong.map(Math.abs))).toBeGreaterThan(50 * TRANSCENDENTAL);

          // Adam gets the GPU's own gradient: its first steps are signs, which rounding turns where a slope is zero.
          const [q, policy] = adams[m]!;
          const moved = [
            criticGrads.map((grad, c) => adamStep(q[c]!, grad, { learningRate: OPTIONS.criticLearningRate })),
            adamStep(policy, actorGrad, { learningRate: OPTIONS.policyLearningRate }),
          ] as const;
          for (const [c, { theta }] of moved[0].entries()) {
            expectClose(now.critics[c]!.parameters, theta, LINEAR_ALGEBRA);
            const averaged = polyak(then.targets[c]!.parameters, theta, 0.1);
            expectClose(now.targets[c]!.parameters, averaged, LINEAR_ALGEBRA);
          }
          expectClose(now.actor.parameters, moved[1].theta, LINEAR_ALGEBRA);
          adams = adams.map((state, i) => (i === m ? moved : state));
        }
        before = after;
      }
      expect(learner.faults.first(await gpu.read({ ...learner.faults.tensor, type: 'u32' }))).toBeUndefined();
    },
  );

  test('the critic-first phase leaves the sampling network alone and moves the critic as the other does', async () => {
    const after = await Promise.all(
      (['critic', 'both'] as const).map(async (phase) => {
        const one = learnerOf([5]);
        await one.learner.initialise([5]);
        fillRing(one, 1);
        const before = await networks(one, 0);
        await one.gpu.run(one.learner.update[phase]);
        const now = await networks(one, 0);
        expect(now.critics).not.toEqual(before.critics);
        if (phase === 'critic') expect(now.actor.parameters).toEqual(before.actor.parameters);
        else expect(now.actor.parameters).not.toEqual(before.actor.parameters);
        return now;
      }),
    );
    expect(after[0]!.critics).toEqual(after[1]!.critics);
    expect(after[0]!.targets).toEqual(after[1]!.targets);
  });

  test('the temperature falls geometrically with the updates, and stays at its end', async () => {
    const { gpu, learner, clock } = learnerOf([1, 2], {
      temperature: 10,
      finalTemperature: 2.5,
      temperatureUpdates: 8,
    });
    const [anneal] = learner.update.critic.steps;
    for (const [updates, alpha] of [
      [0, 10],
      [4, 5],
      [6, 10 * 0.25 ** 0.75],
      [8, 2.5],
      [1000, 2.5],
    ] as const) {
      // prettier-ignore
      clock.write({ updates });
      await gpu.run(program('anneal', [anneal!]));
      expectClose(await gpu.read(learner.temperature), [alpha, alpha], TRANSCENDENTAL);
    }
  });

  test('the temperature follows the entropy of the particles when both networks learn, and only then', async () => {
    const one = learnerOf([1, 2], { targetEntropy: 0.3 });
    const { gpu, learner } = one;
    await learner.initialise([1, 2]);
    fillRing(one, 2);
    await gpu.run(learner.update.critic);
    expect([...(await gpu.read(learner.temperature))]).toEqual([5, 5]);
    await gpu.run(learner.update.both);
    const { batchSize: states, fixedParticles: fixed, updatedParticles: updated } = OPTIONS;
    const u = unpadRows(await gpu.read(one.tensor('particles.layer2')), 2);
    const reference = [0, 1].map((m) => {
      const particle = (p: number, s: number) => u[(m * (fixed + updated) + p) * states + s]!;
      let sum = 0;
      for (let s = 0; s < states; s++) {
        const centres = Array.from({ length: fixed }, (_, p) => particle(p, s));
        for (let p = 0; p < updated; p++) sum -= mixtureLogDensity(particle(fixed + p, s), centres, 0.25, 0);
      }
      return 5 * Math.exp(-0.1 * (sum / (states * updated) - 0.3));
    });
    expectClose(await gpu.read(learner.temperature), reference, TRANSCENDENTAL);
  });

  test('members trained together are what they are alone, bit for bit', async () => {
    const options = { proposal: 'mixture', valueParticles: 8 } as const;
    const train = async (seeds: number[]) => {
      const one = learnerOf(seeds, options);
      const { gpu, learner, env, clock, replay } = one;
      await learner.initialise(seeds);
      const collect = (act: typeof learner.behaviour.random) =>
        program('collect', [
          act,
          env.step(learner.behaviour.action, replay.sink),
          clock.tick({ iterations: 1 }),
        ]);
      const update = (phase: 'critic' | 'both') =>
        program('update', [
          learner.update[phase],
          clock.tick({ updates: 1, policyUpdates: phase === 'both' ? 1 : 0 }),
        ]);
      const [random, policy] = [collect(learner.behaviour.random), collect(learner.behaviour.policy)];
      const [critic, both] = [update('critic'), update('both')];
      const warm = Array.from({ length: 8 }, () => random);
      await gpu.run(env.reset(), ...warm, critic, policy, both, policy, both, both);
      return learner.state();
    };
    const together = await train([31, 77]);
    const alone = [await train([31]), await train([77])];
    expect(together.map(({ name }) => name)).toEqual(alone[0]!.map(({ name }) => name));
    for (const [i, { name, data, shape }] of together.entries()) {
      expect(shape).toEqual(name === 'temperature' ? [2] : [2, ...alone[0]![i]!.shape]);
      expect([...data]).toEqual(alone.flatMap((state) => [...state[i]!.data]));
    }
    const weights = (state: NamedArray[]) => state.find(({ name }) => name === 'policy.1.weight')!.data;
    expect(weights(alone[0]!)).not.toEqual(weights(alone[1]!));
  });

  test('starts from Xavier weights of each member’s seed, zero biases, and a target equal to the critic', async () => {
    const { learner } = learnerOf([3, 4, 3]);
    await learner.initialise([3, 4, 3]);
    const state = await learner.state();
    const named = (name: string) => state.find((array) => array.name === name)!;
    for (const { name, shape, data } of state) {
      if (name === 'temperature') expect([...data]).toEqual([5, 5, 5]);
      else if (/mean|square|bias/.test(name)) expect(data.every((value) => value === 0)).toBe(true);
      else {
        const [members, inputs, outputs] = shape as [number, number, number];
        const bound = Math.sqrt(6 / (inputs + outputs));
        expect(Math.max(...data.map(Math.abs))).toBeLessThanOrEqual(bound * (1 + 1e-6));
        expect(Math.max(...data.map(Math.abs))).toBeGreaterThan(0.7 * bound);
        const part = (m: number) =>
          data.subarray((m * data.length) / members, ((m + 1) * data.length) / members);
        expect(part(2)).toEqual(part(0));
        expect(part(1)).not.toEqual(part(0));
      }
    }
    expect(named('q-target.0.weight').data).toEqual(named('q.0.weight').data);
    expect(named('q.0.weight').shape).toEqual([3, 4, 6]);
    expect(named('policy.2.weight').shape).toEqual([3, 6, 2]);
  });

  test('state and restore: a copy goes on as the original would, a damaged one changes nothing', async () => {
    const one = learnerOf([12]);
    const { gpu, learner } = one;
    await learner.initialise([12]);
    fillRing(one, 1);
    await gpu.run(learner.update.both);
    const saved = await learner.state();
    const arrays = new Map(saved.map(({ name, data }) => [name, data]));
    // Weights and biases of three layers in each of seven, and the temperature.
    expect(saved.length).toBe(7 * 3 * 2 + 1);
    expect(arrays.size).toBe(saved.length);
    await gpu.run(learner.update.both);
    const further = await learner.state();
    expect(further).not.toEqual(saved);

    const copy = learnerOf([12]);
    fillRing(copy, 1);
    copy.learner.restore(arrays);
    expect(await copy.learner.state()).toEqual(saved);
    await gpu.run(copy.learner.update.both);
    expect(await copy.learner.state()).toEqual(further);

    for (const name of ['q.0.weight', 'policy.square.2.bias', 'temperature']) {
      const missing = new Map(arrays);
      missing.delete(name);
      for (const damaged of [missing, new Map(arrays).set(name, arrays.get(name)!.subarray(1))]) {
        expect(() => learner.restore(damaged)).toThrow(`'${name}'`);
      }
    }
    expect(await learner.state()).toEqual(further);
  });

  test('an update is a fixed number of dispatches, whatever the number of members', () => {
    const counts = (seeds: number[], options: Partial<SoftQLearningOptions> = {}) => {
      const { update, behaviour } = learnerOf(seeds, options).learner;
      return [update.critic, update.both, behaviour.policy, behaviour.random].map(
        ({ dispatches }) => dispatches.length,
      );
    };
    // Critic: sample, proposal, 3 + 1 for the target, 3 + 1 + 5 for the regression, Adam, target.
    // Actor: noise and 3, squash, 3 + 3 for dQ/da, 3 for the direction, 5 back, Adam. Acting: noise and 3, act.
    expect(counts([1])).toEqual([17, 37, 5, 1]);
    expect(counts([1, 2, 3])).toEqual([17, 37, 5, 1]);
    expect(counts([1], { updateOrder: 'sequential' })).toEqual([17, 37, 5, 1]);
    // The schedule is one more; the mixture draws particles (4) and perturbs them.
    expect(counts([1], { finalTemperature: 1 })).toEqual([18, 38, 5, 1]);
    // Automatic temperature: the entropy and the step, where both networks learn.
    expect(counts([1], { targetEntropy: 0 })).toEqual([17, 39, 5, 1]);
    // An ensemble: rows copied and Q combined for the target and for dQ/da, whose parts are summed; rows and y copied to
    // regress on.
    expect(counts([1], { critics: 2 })).toEqual([21, 44, 5, 1]);
    expect(counts([1], { critics: 3, ensemble: 'min' })).toEqual([21, 44, 5, 1]);
    expect(counts([1], { proposal: 'mixture', valueParticles: 8 })).toEqual([22, 42, 5, 1]);
  });

  test('the random share is of whole environments, rounded down', () => {
    expect([0, 0.2, 0.5, 0.99, 1].map((share) => randomEnvironmentsOf(5, share))).toEqual([0, 1, 2, 4, 5]);
    expect(padded(SIZES.actionSize)).toBe(4);
  });
});
