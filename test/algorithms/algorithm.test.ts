// What every learner promises, whatever it learns.

import { describe, expect, test } from 'vitest';
import {
  layeredNote,
  obstacleToFamily,
  type Algorithm,
  type LearnerContext,
  type LearnerOptions,
} from '../../src/algorithms/algorithm.ts';
import { Ddpg } from '../../src/algorithms/ddpg.ts';
import { Sac } from '../../src/algorithms/sac.ts';
import { SoftQLearning } from '../../src/algorithms/soft-q-learning.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { program } from '../../src/gpu/program.ts';
import type { NamedArray } from '../../src/nn/parameters.ts';
import { randomEnvironmentsOf } from '../../src/rl/behaviour-policy.ts';
import { expectClose, TRANSCENDENTAL } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';
import { fillRing, LEARNER, learnerOf, SAC, SOFT_Q, trainShortly } from '../support/learners.ts';

const gpuOf = useGpu();

interface Case {
  readonly name: string;
  readonly make: (gpu: Gpu, context: LearnerContext, options: Partial<LearnerOptions>) => Algorithm;
  /** Tensors laid out like a network that a checkpoint keeps: parameters, targets and moments. */
  readonly networks: number;
  /** Numbers that the network behind the policy gives. */
  readonly outputs: number;
}

const CASES: readonly Case[] = [
  {
    name: 'SoftQLearning',
    make: (gpu, context, options) =>
      new SoftQLearning(gpu, context, { ...SOFT_Q, proposal: 'mixture', valueParticles: 8, ...options }),
    networks: 7,
    outputs: 2,
  },
  {
    name: 'Sac with a mixture and a tuned temperature',
    make: (gpu, context, options) => new Sac(gpu, context, { ...SAC, targetEntropy: 0.5, ...options }),
    networks: 7,
    outputs: 10,
  },
  {
    name: 'Ddpg with noise',
    make: (gpu, context, options) => new Ddpg(gpu, context, { ...LEARNER, noiseSigma: 0.3, ...options }),
    networks: 8,
    outputs: 2,
  },
];

describe.each(CASES)('$name', ({ make, networks, outputs }) => {
  const learner = (seeds: readonly number[], options: Partial<LearnerOptions> = {}) =>
    learnerOf(gpuOf(), seeds, (context) => make(gpuOf(), context, options));

  test('members trained together are what they are alone, bit for bit', async () => {
    const train = async (seeds: number[]) => {
      const one = learner(seeds);
      await trainShortly(one, seeds);
      return one.learner.state();
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

  test('the critic-first phase leaves the policy alone and moves the critic as the other does', async () => {
    const after = await Promise.all(
      (['critic', 'both'] as const).map(async (phase) => {
        const one = learner([5]);
        await one.learner.initialise([5]);
        fillRing(one);
        const named = async (prefix: string) =>
          (await one.learner.state()).filter(({ name }) => name.startsWith(prefix));
        const before = { critic: await named('q.'), actor: await named('policy.') };
        await one.gpu.run(one.learner.update[phase]);
        const now = {
          critic: await named('q.'),
          target: await named('q-target.'),
          actor: await named('policy.'),
        };
        expect(now.critic).not.toEqual(before.critic);
        if (phase === 'critic') expect(now.actor).toEqual(before.actor);
        else expect(now.actor).not.toEqual(before.actor);
        return now;
      }),
    );
    expect(after[0]!.critic).toEqual(after[1]!.critic);
    expect(after[0]!.target).toEqual(after[1]!.target);
  });

  test('starts from Xavier weights of each member’s seed, zero biases, and targets equal to what they follow', async () => {
    const { learner: one } = learner([3, 4, 3]);
    await one.initialise([3, 4, 3]);
    const state = await one.state();
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
    const targets = state.filter(({ name }) => name.includes('-target.'));
    for (const { name, data } of targets) expect(data).toEqual(named(name.replace('-target', '')).data);
    expect(targets.length).toBe(6 * (networks - 6));
    expect(named('q.0.weight').shape).toEqual([3, 4, 6]);
    expect(named('policy.2.weight').shape).toEqual([3, 6, outputs]);
  });

  test('state and restore: a copy goes on as the original would, a damaged one changes nothing', async () => {
    const one = learner([12]);
    const { gpu } = one;
    await one.learner.initialise([12]);
    fillRing(one);
    await gpu.run(one.learner.update.both);
    const saved = await one.learner.state();
    const arrays = new Map(saved.map(({ name, data }) => [name, data]));
    // Weights and biases of three layers in each, and the temperature.
    expect(saved.length).toBe(networks * 3 * 2 + 1);
    expect(arrays.size).toBe(saved.length);
    await gpu.run(one.learner.update.both);
    const further = await one.learner.state();
    expect(further).not.toEqual(saved);

    const copy = learner([12]);
    fillRing(copy);
    copy.learner.restore(arrays);
    expect(await copy.learner.state()).toEqual(saved);
    await gpu.run(copy.learner.update.both);
    expect(await copy.learner.state()).toEqual(further);

    for (const name of ['q.0.weight', 'policy.square.2.bias', 'temperature']) {
      const missing = new Map(arrays);
      missing.delete(name);
      for (const damaged of [missing, new Map(arrays).set(name, arrays.get(name)!.subarray(1))]) {
        expect(() => one.learner.restore(damaged)).toThrow(`'${name}'`);
      }
    }
    expect(await one.learner.state()).toEqual(further);
  });

  test('both learning rates fall to their share by the last update', async () => {
    const updates = 20;
    const moves = async (finalLearningRateShare: number) => {
      const one = learner([5], { finalLearningRateShare, updates });
      await one.learner.initialise([5]);
      fillRing(one);
      const reading = await one.clock.read();
      one.clock.write({ ...reading, updates });
      const weights = async () => {
        const state = await one.learner.state();
        return ['q.1.weight', 'policy.1.weight'].map(
          (name) => state.find((array) => array.name === name)!.data,
        );
      };
      const before = await weights();
      await one.gpu.run(one.learner.update.both);
      return (await weights()).map((data, i) => Array.from(data, (value, k) => value - before[i]![k]!));
    };
    const [kept, fallen] = [await moves(1), await moves(0.25)];
    for (const [i, move] of kept.entries()) {
      expect(Math.max(...move.map(Math.abs))).toBeGreaterThan(0.01);
      expectClose(fallen[i]!, move.map((value) => 0.25 * value), TRANSCENDENTAL); // prettier-ignore
    }
  });

  test('the temperature falls geometrically with the updates, and stays at its end', async () => {
    const schedule = { temperature: 10, finalTemperature: 2.5, temperatureUpdates: 8 };
    const { gpu, learner: one, clock } = learner([1, 2], schedule);
    const [anneal] = one.update.critic.steps;
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
      expectClose(await gpu.read(one.temperature), [alpha, alpha], TRANSCENDENTAL);
    }
  });
});

test('the random share is of whole environments, rounded down', () => {
  expect([0, 0.2, 0.5, 0.99, 1].map((share) => randomEnvironmentsOf(5, share))).toEqual([0, 1, 2, 4, 5]);
});

test('every learner of a family says why its update goes layer by layer', () => {
  const network = (outputSize: number) => ({
    spec: { inputSize: 4, hidden: [16, 8], outputSize, activation: 'relu' as const },
  });
  const noteOf = (gpu: Partial<Gpu>, outputs: number, toFused?: () => string | null) => {
    const obstacle = obstacleToFamily(gpu as Gpu, [network(1), network(outputs)], toFused);
    return layeredNote(gpu as Gpu, obstacle);
  };
  const layered = { kernelFamily: 'layered', suitableFamily: 'layered' } as const;
  expect(noteOf(layered, 2)).toBe('layer by layer, because that is faster on a processor');
  expect(noteOf({ ...layered, suitableFamily: 'lanes' }, 2)).toMatch(/because that was asked for$/);
  const lanes = { kernelFamily: 'lanes', subgroupLanes: 8 } as const;
  expect(noteOf(lanes, 2)).toBeUndefined();
  expect(noteOf(lanes, 5)).toMatch(/^at least in part layer by layer, because a network of 4-16-8-5 units/);
  const fused = { kernelFamily: 'fused' } as const;
  expect(noteOf(fused, 2)).toMatch(/because fused kernels are those of soft Q-learning$/);
  expect(noteOf(fused, 2, () => null)).toBeUndefined();
  for (const { name, make } of CASES) {
    const gpu = gpuOf();
    const { learner } = learnerOf(gpu, [1], (context) => make(gpu, context, { hidden: [12, 8] }));
    // Where the kernels are fused, some proposals of soft Q-learning keep it from them.
    expect(learner.update.both.note, name).toMatch(/layer by layer, because/);
  }
});
