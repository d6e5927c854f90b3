import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { Faults } from '../../src/gpu/faults.ts';
import { program } from '../../src/gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../../src/gpu/shader.ts';
import { padded } from '../../src/gpu/tensor.ts';
import type { Mlp } from '../../src/nn/mlp.ts';
import { Proposal } from '../../src/rl/proposal.ts';
import { ReplayBuffer } from '../../src/rl/replay-buffer.ts';
import { SamplingNetwork } from '../../src/rl/sampling-network.ts';
import { POLICY_NETWORK, SoftQFunction } from '../../src/rl/soft-q-function.ts';
import { mlpBackward, mlpForward } from '../oracles/mlp.ts';
import { Draws } from '../oracles/random.ts';
import {
  combinedCritics,
  criticLoss,
  softValue,
  tdTarget,
  uniformLogDensity,
} from '../oracles/soft-value.ts';
import { expectClose, LINEAR_ALGEBRA, TRANSCENDENTAL } from '../support/compare.ts';
import { unpadRows, useGpu, writeRows } from '../support/gpu.ts';
import { oracleMlp, oracleParameters, randomiseParameters } from '../support/networks.ts';

const gpuOf = useGpu();

/** alpha of three members in raw reward units, and the scale that makes them 1, 0.5 and 0.3 for the critic. */
const ALPHAS = [10, 5, 3];
const REWARD_SCALE = 0.1;
const DISCOUNT = 0.99;

const ESTIMATORS = constantsOf(shaderSource('rl/td_target.wgsl'));

/** V and y of given Q values and log densities, (members, states, Kv), with everything else drawn. */
async function backedUp(
  q: number[][][],
  logDensity: number[][][],
  alphas = ALPHAS,
  estimator: 'log-mean-exp' | 'mean' = 'log-mean-exp',
) {
  const gpu = gpuOf();
  const [members, states, particles] = [q.length, q[0]!.length, q[0]![0]!.length];
  const draws = new Draws(6);
  const reward = draws.normals(members * states, 20).map(Math.fround);
  const terminated = reward.map((_, i) => Number(i % 3 === 1));
  const value = gpu.tensor('value', [members, states]);
  const target = gpu.tensor('target', [members, states]);
  const constants = { ESTIMATOR: constantFor(ESTIMATORS, estimator) };
  const dispatch = gpu.kernel('rl/td_target.wgsl', { constants }).bind(
    {
      // A NaN in the padding must not matter: only the first of four is the value.
      q_values: gpu.tensorOf('q', Float32Array.from(q.flat(2).flatMap((one) => [one, NaN, NaN, NaN]))),
      log_density: gpu.tensorOf('logq', Float32Array.from(logDensity.flat(2))),
      temperature: gpu.tensorOf('alpha', Float32Array.from(alphas.slice(0, members))),
      reward: gpu.tensorOf('r', Float32Array.from(reward)),
      terminated: gpu.tensorOf('done', Float32Array.from(terminated)),
      value,
      td_target: target,
    },
    {
      threads: [states, members],
      params: {
        states,
        particles,
        state_stride: particles,
        particle_stride: 1,
        discount: DISCOUNT,
        reward_scale: REWARD_SCALE,
      },
    },
  );
  await gpu.run(program('backup', [dispatch]));
  const [v, y] = [await gpu.read(value), await gpu.read(target)];
  const per = <T extends ArrayLike<number>>(flat: T, m: number) =>
    Array.from(flat).slice(m * states, (m + 1) * states);
  return (m: number) => ({
    value: per(v, m),
    target: per(y, m),
    reward: per(reward, m),
    terminated: per(terminated, m),
  });
}

const table = (draws: Draws, shape: readonly [number, number, number], deviation: number, mean = 0) =>
  Array.from({ length: shape[0] }, () =>
    draws.normalRows(shape[1], shape[2], deviation).map((row) => row.map((x) => Math.fround(x + mean))),
  );

describe('soft value and target', () => {
  test.each([
    { shape: [1, 1, 1], deviation: 1, mean: 0 },
    { shape: [3, 17, 7], deviation: 2, mean: -20 },
    { shape: [3, 5, 16], deviation: 30, mean: 100 },
    // exp(Q / alpha) alone would be infinite, or all zero.
    { shape: [3, 31, 13], deviation: 1000, mean: 0 },
    { shape: [3, 3, 4], deviation: 1, mean: -5000 },
  ] as const)('agrees with float64 at alpha 10, 5 and 3: $shape, Q $mean +- $deviation', async (one) => {
    const draws = new Draws(12);
    const q = table(draws, one.shape, one.deviation, one.mean);
    const logDensity = table(draws, one.shape, 1, -1);
    const result = await backedUp(q, logDensity);
    for (let m = 0; m < one.shape[0]; m++) {
      const alpha = ALPHAS[m]! * REWARD_SCALE;
      const values = q[m]!.map((row, s) => softValue(row, logDensity[m]![s]!, alpha));
      const { value, target, reward, terminated } = result(m);
      const targets = values.map((nextValue, s) =>
        tdTarget({
          reward: reward[s]!,
          terminated: terminated[s]!,
          nextValue,
          discount: DISCOUNT,
          rewardScale: REWARD_SCALE,
        }),
      );
      expectClose(value, values, TRANSCENDENTAL);
      expectClose(target, targets, TRANSCENDENTAL);
      // What an ended episode leaves is its reward, whatever the next value.
      const ended = (row: number[]) => row.filter((_, s) => terminated[s] === 1);
      expectClose(
        ended(target),
        ended(reward).map((r) => REWARD_SCALE * r),
        LINEAR_ALGEBRA,
      );
    }
  });

  test('is the integral alpha log of exp(Q / alpha) over the box, and not the maximum', async () => {
    // Two bumps of different height, as at the origin of the multi-goal task; critic units.
    const q = (a: number) =>
      4 * Math.exp(-30 * (a - 0.6) ** 2) + 3.5 * Math.exp(-30 * (a + 0.5) ** 2) - 2 * a * a;
    const particles = 201;
    const actions = Array.from({ length: particles }, (_, k) => (2 * k + 1) / particles - 1);
    const row = actions.map((a) => Math.fround(q(a)));
    const result = await backedUp(
      ALPHAS.map(() => [row]),
      ALPHAS.map(() => [row.map(() => uniformLogDensity(1))]),
    );
    for (const [m, raw] of ALPHAS.entries()) {
      const alpha = raw * REWARD_SCALE;
      const panels = 20000;
      let integral = 0;
      for (let i = 0; i <= panels; i++) {
        const weight = i === 0 || i === panels ? 1 : i % 2 === 1 ? 4 : 2;
        integral += (weight * Math.exp(q((2 * i) / panels - 1) / alpha) * 2) / (3 * panels);
      }
      const exact = alpha * Math.log(integral);
      const { value } = result(m);
      // The midpoint rule itself is right to 1e-6 with 201 points; the hard maximum is a nat or more off.
      expectClose(value, [exact], TRANSCENDENTAL);
      expect((Math.max(...row) - exact) / alpha).toBeGreaterThan(1);
    }
  });
});

describe('SoftQFunction', () => {
  const members = 2;
  const sizes = { observationSize: 3, actionSize: 2, hidden: [7, 5], activation: 'relu' as const, members };

  function critic() {
    const gpu = gpuOf();
    const clock = new Clock(gpu);
    clock.write({ updates: 6 });
    const faults = new Faults(gpu, ['something', 'critic loss']);
    const softQ = new SoftQFunction(gpu, sizes, { tau: 1, interval: 1 }, clock, faults);
    randomiseParameters(gpu, softQ.mlp, 1);
    randomiseParameters(gpu, softQ.target.mlp, 2);
    return { gpu, clock, faults, softQ };
  }

  test('the backup uses the target network at the proposal’s actions', async () => {
    const { gpu, clock, softQ } = critic();
    const states = 11;
    const particles = 6;
    const draws = new Draws(20);
    const batch = new ReplayBuffer(gpu, { ...sizes, capacity: 1 }).batch(states);
    gpu.write(batch.nextObservation, Float32Array.from(draws.normals(members * states * 3)));
    const reward = draws.normals(members * states, 3).map(Math.fround);
    gpu.write(batch.reward, Float32Array.from(reward));
    gpu.write(
      batch.terminated,
      Float32Array.from(reward, (_, i) => Number(i % 4 === 0)),
    );
    const seeds = gpu.tensorOf('seeds', Uint32Array.of(1, 2));
    const proposal = new Proposal(gpu, {
      ...sizes,
      kind: 'uniform',
      states,
      particles,
      nextObservation: batch.nextObservation,
      clock,
      seeds,
      policy: new SamplingNetwork(gpu, { ...sizes, latentSize: 1 }, clock, seeds),
      mixtureSpread: 1,
    });
    const out = { value: gpu.tensor('V', [members, states]), tdTarget: gpu.tensor('y', [members, states]) };
    const temperature = gpu.tensorOf('alpha', Float32Array.of(10, 3));
    const backup = { discount: DISCOUNT, rewardScale: REWARD_SCALE, temperature };
    await gpu.run(proposal.program, softQ.tdTarget(batch, proposal, backup, out));
    const rows = unpadRows(await gpu.read(proposal.rows), 5);
    const y = await gpu.read(out.tdTarget);
    for (let m = 0; m < members; m++) {
      const q = mlpForward(
        await oracleMlp(gpu, softQ.target.mlp, m),
        rows.slice(m * 66, (m + 1) * 66),
      ).flat();
      const reference = Array.from({ length: states }, (_, s) =>
        tdTarget({
          reward: reward[m * states + s]!,
          terminated: (m * states + s) % 4 === 0,
          nextValue: softValue(
            q.slice(s * particles, (s + 1) * particles),
            uniformLogDensity(2),
            [1, 0.3][m]!,
          ),
          discount: DISCOUNT,
          rewardScale: REWARD_SCALE,
        }),
      );
      expectClose(y.subarray(m * states, (m + 1) * states), reference, TRANSCENDENTAL);
    }
  });

  // 1, and more rows than one partial sum covers, with a rest.
  test.each([1, 13, 131])('loss and gradient of %i transitions agree with float64', async (rows) => {
    const { gpu, softQ, faults } = critic();
    const draws = new Draws(30);
    const batch = new ReplayBuffer(gpu, { ...sizes, capacity: 1 }).batch(rows);
    const x = draws.normalRows(members * rows, 5).map((row) => row.map(Math.fround));
    const y = draws.normals(members * rows, 2).map(Math.fround);
    writeRows(gpu, batch.stateAction, x);
    const prediction = softQ.prediction(batch);
    const loss = gpu.tensor('loss', [members, rows]);
    const gradient = prediction.parameterGradient();
    await gpu.run(softQ.regress(prediction, gpu.tensorOf('y', Float32Array.from(y)), loss, gradient));
    const losses = await gpu.read(loss);
    const partial = await gpu.read(gradient.tensor);
    const { size } = softQ.mlp.parameters;
    const summed = new Float32Array(members * size);
    for (let i = 0; i < partial.length; i++) {
      summed[Math.floor(i / (gradient.splits * size)) * size + (i % size)]! += partial[i]!;
    }
    for (let m = 0; m < members; m++) {
      const mine = x.slice(m * rows, (m + 1) * rows);
      const mlp = await oracleMlp(gpu, softQ.mlp, m);
      const reference = criticLoss(mlpForward(mlp, mine).flat(), y.slice(m * rows, (m + 1) * rows));
      const mean = losses.subarray(m * rows, (m + 1) * rows).reduce((sum, one) => sum + one, 0) / rows;
      expectClose([mean], [reference.loss], LINEAR_ALGEBRA);
      const { parameterGrad } = mlpBackward(
        mlp,
        mine,
        reference.valueGrad.map((one) => [one]),
      );
      expectClose(oracleParameters(softQ.mlp.parameters, summed, m), parameterGrad, LINEAR_ALGEBRA);
    }
    expect(gradient.splits).toBe(rows > 128 ? 2 : 1);
    expect(faults.first(await gpu.read({ ...faults.tensor, type: 'u32' }))).toBeUndefined();
  });

  test.each([NaN, Infinity])('a target of %f leaves the update in the faults', async (bad) => {
    const { gpu, softQ, faults } = critic();
    const batch = new ReplayBuffer(gpu, { ...sizes, capacity: 1 }).batch(3);
    const prediction = softQ.prediction(batch);
    const y = gpu.tensorOf('y', Float32Array.of(0, 0, 0, 0, bad, 0));
    const loss = gpu.tensor('loss', [members, 3]);
    await gpu.run(softQ.regress(prediction, y, loss, prediction.parameterGradient()));
    const words = await gpu.read({ ...faults.tensor, type: 'u32' });
    expect(faults.first(words)).toEqual({ name: 'critic loss', update: 6 });
  });

  test.each([1, 37])('dQ/da at %i actions agrees with float64', async (rows) => {
    const { gpu, softQ } = critic();
    const gradient = softQ.actionGradient(rows);
    const x = new Draws(40).normalRows(members * rows, 5).map((row) => row.map(Math.fround));
    writeRows(gpu, gradient.stateAction, x);
    await gpu.run(gradient.program);
    const slopes = unpadRows(await gpu.read(gradient.gradient), 5);
    const values = await gpu.read(gradient.value);
    for (let m = 0; m < members; m++) {
      const mine = x.slice(m * rows, (m + 1) * rows);
      const mlp = await oracleMlp(gpu, softQ.mlp, m);
      const reference = mlpBackward(
        mlp,
        mine,
        mine.map(() => [1]),
      ).inputGrad;
      expectClose(slopes.slice(m * rows, (m + 1) * rows).flat(), reference.flat(), LINEAR_ALGEBRA);
      const q = Array.from({ length: rows }, (_, r) => values[(m * rows + r) * padded(1)]!);
      expectClose(q, mlpForward(mlp, mine).flat(), LINEAR_ALGEBRA);
    }
  });
});

describe.each([
  { ensemble: 'mean', critics: 2 },
  { ensemble: 'min', critics: 2 },
  { ensemble: 'min', critics: 3 },
] as const)('$critics critics and their $ensemble', ({ ensemble, critics }) => {
  const members = 2;
  const sizes = { observationSize: 3, actionSize: 2, hidden: [7, 5], activation: 'relu' as const, members };

  async function critic() {
    const gpu = gpuOf();
    const faults = new Faults(gpu, ['critic loss']);
    const clock = new Clock(gpu);
    const spec = { ...sizes, critics, ensemble };
    const softQ = new SoftQFunction(gpu, spec, { tau: 1, interval: 1 }, clock, faults);
    randomiseParameters(gpu, softQ.mlp, 1);
    randomiseParameters(gpu, softQ.target.mlp, 2);
    const networks = (mlp: Mlp, m: number) =>
      Promise.all(Array.from({ length: critics }, (_, c) => oracleMlp(gpu, mlp, m * critics + c)));
    return { gpu, softQ, networks };
  }

  test('Q and dQ/da agree with float64', async () => {
    const { gpu, softQ, networks } = await critic();
    const rows = 37;
    const gradient = softQ.actionGradient(rows);
    const x = new Draws(40).normalRows(members * rows, 5).map((row) => row.map(Math.fround));
    const alone = softQ.values('alone', rows);
    writeRows(gpu, gradient.stateAction, x);
    writeRows(gpu, alone.stateAction, x);
    await gpu.run(gradient.program, alone.program);
    const slopes = unpadRows(await gpu.read(gradient.gradient), 5);
    const value = await gpu.read(gradient.value);
    expect(await gpu.read(alone.value)).toEqual(value);
    for (let m = 0; m < members; m++) {
      const mine = x.slice(m * rows, (m + 1) * rows);
      const each = (await networks(softQ.mlp, m)).map((mlp) => ({
        q: mlpForward(mlp, mine).flat(),
        grad: mlpBackward(mlp, mine, mine.map(() => [1])).inputGrad, // prettier-ignore
      }));
      const reference = mine.map((_, r) => combinedCritics(ensemble, each.map(({ q }) => q[r]!))); // prettier-ignore
      const chosen = reference.map((one) => one.slopes.indexOf(Math.max(...one.slopes)));
      // No critic is the least everywhere, or the selection would not be tested.
      if (ensemble === 'min') expect(new Set(chosen).size).toBeGreaterThan(1);
      expectClose(
        Array.from({ length: rows }, (_, r) => value[(m * rows + r) * padded(1)]!),
        reference.map((one) => one.value),
        LINEAR_ALGEBRA,
      );
      const expected = mine.map((row, r) =>
        row.map((_, d) =>
          each.reduce((sum, { grad }, c) => sum + reference[r]!.slopes[c]! * grad[r]![d]!, 0),
        ),
      );
      expectClose(slopes.slice(m * rows, (m + 1) * rows).flat(), expected.flat(), LINEAR_ALGEBRA);
    }
  });

  test('the target is of the combined target networks, and each critic regresses on it', async () => {
    const { gpu, softQ, networks } = await critic();
    const [states, particles] = [11, 6];
    const draws = new Draws(20);
    const batch = new ReplayBuffer(gpu, { ...sizes, capacity: 1 }).batch(states);
    const reward = draws.normals(members * states, 3).map(Math.fround);
    gpu.write(batch.reward, Float32Array.from(reward));
    const x = draws.normalRows(members * states, 5).map((row) => row.map(Math.fround));
    writeRows(gpu, batch.stateAction, x);
    const next = draws.normalRows(members * states * particles, 5).map((row) => row.map(Math.fround));
    const density = draws.normals(next.length).map(Math.fround);
    const rows = gpu.tensor('next', [members, states * particles, padded(5)]);
    writeRows(gpu, rows, next);
    const logDensity = gpu.tensorOf('logq', Float32Array.from(density));
    const temperature = gpu.tensorOf('alpha', Float32Array.of(10, 3));
    const backup = { discount: DISCOUNT, rewardScale: REWARD_SCALE, temperature };
    const out = { value: gpu.tensor('V', [members, states]), tdTarget: gpu.tensor('y', [members, states]) };
    const prediction = softQ.prediction(batch);
    const gradient = prediction.parameterGradient();
    const loss = softQ.lossTensor(batch);
    await gpu.run(
      softQ.tdTarget(batch, { rows, logDensity, order: 'state-major' }, backup, out),
      softQ.regress(prediction, out.tdTarget, loss, gradient),
    );
    const [losses, grads] = [await gpu.read(loss), await gpu.read(gradient.tensor)];
    expect(gradient.splits).toBe(1);
    for (let m = 0; m < members; m++) {
      const part = <T>(all: readonly T[], count: number) => all.slice(m * count, (m + 1) * count);
      const nextRows = part(next, states * particles);
      const each = (await networks(softQ.target.mlp, m)).map((mlp) => mlpForward(mlp, nextRows).flat());
      const q = nextRows.map((_, i) => combinedCritics(ensemble, each.map((one) => one[i]!)).value); // prettier-ignore
      const y = part(reward, states).map((r, s) => {
        const of = (all: readonly number[]) => all.slice(s * particles, (s + 1) * particles);
        const nextValue = softValue(of(q), of(part(density, states * particles)), [1, 0.3][m]!);
        return tdTarget({
          reward: r,
          terminated: 0,
          nextValue,
          discount: DISCOUNT,
          rewardScale: REWARD_SCALE,
        });
      });
      expectClose((await gpu.read(out.tdTarget)).subarray(m * states, (m + 1) * states), y, TRANSCENDENTAL);
      const mine = part(x, states);
      for (const [c, mlp] of (await networks(softQ.mlp, m)).entries()) {
        const at = m * critics + c;
        const reference = criticLoss(mlpForward(mlp, mine).flat(), y);
        const mean =
          losses.subarray(at * states, (at + 1) * states).reduce((sum, one) => sum + one, 0) / states;
        expectClose([mean], [reference.loss], TRANSCENDENTAL);
        const { parameterGrad } = mlpBackward(mlp, mine, reference.valueGrad.map((one) => [one])); // prettier-ignore
        expectClose(oracleParameters(softQ.mlp.parameters, grads, at), parameterGrad, TRANSCENDENTAL);
      }
    }
  });
});

test('the critics of one member begin apart from each other and from the policy, the first as it would alone', async () => {
  const gpu = gpuOf();
  const initial = async (critics: number) => {
    const sizes = {
      observationSize: 2,
      actionSize: 2,
      hidden: [4, 4],
      activation: 'relu' as const,
      members: 2,
    };
    const softQ = new SoftQFunction(gpu, { ...sizes, critics }, { tau: 1, interval: 1 }, new Clock(gpu), new Faults(gpu, ['critic loss'])); // prettier-ignore
    await softQ.initialise([5, 6]);
    const flat = await gpu.read(softQ.mlp.parameters.tensor);
    expect(await gpu.read(softQ.target.mlp.parameters.tensor)).toEqual(flat);
    const policy = new SamplingNetwork(
      gpu,
      { ...sizes, latentSize: 2 },
      new Clock(gpu),
      gpu.tensor('seeds', [2]),
    );
    policy.mlp.parameters.initialise([5, 6], POLICY_NETWORK);
    const actor = await gpu.read(policy.mlp.parameters.tensor);
    const member = (mlp: Mlp, all: Float32Array, m: number) =>
      oracleParameters(mlp.parameters, all, m).join();
    return [
      ...Array.from({ length: 2 * critics }, (_, m) => member(softQ.mlp, flat, m)),
      member(policy.mlp, actor, 0).slice(0, 20),
    ];
  };
  const [alone, together] = [await initial(1), await initial(3)];
  expect([together[0], together[3]]).toEqual([alone[0], alone[1]]);
  expect(new Set(together.map((text) => text.slice(0, 20))).size).toBe(7);
});
