import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { Faults } from '../../src/gpu/faults.ts';
import { program } from '../../src/gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../../src/gpu/shader.ts';
import { padded } from '../../src/gpu/tensor.ts';
import { Proposal } from '../../src/rl/proposal.ts';
import { ReplayBuffer } from '../../src/rl/replay-buffer.ts';
import { SamplingNetwork } from '../../src/rl/sampling-network.ts';
import { SoftQFunction } from '../../src/rl/soft-q-function.ts';
import { mlpBackward, mlpForward } from '../oracles/mlp.ts';
import { Draws } from '../oracles/random.ts';
import { criticLoss, policyValue, softValue, tdTarget, uniformLogDensity } from '../oracles/soft-value.ts';
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
  estimator: 'log-mean-exp' | 'mean' = 'log-mean-exp',
  order: 'state-major' | 'particle-major' = 'state-major',
) {
  const gpu = gpuOf();
  const [members, states, particles] = [q.length, q[0]!.length, q[0]![0]!.length];
  const draws = new Draws(6);
  const reward = draws.normals(members * states, 20).map(Math.fround);
  const terminated = reward.map((_, i) => Number(i % 3 === 1));
  const value = gpu.tensor('value', [members, states]);
  const target = gpu.tensor('target', [members, states]);
  const constants = { ESTIMATOR: constantFor(ESTIMATORS, estimator) };
  const stateMajor = order === 'state-major';
  const laidOut = (values: number[][][]) =>
    values.flatMap((rows) =>
      stateMajor ? rows.flat() : rows[0]!.flatMap((_, k) => rows.map((row) => row[k]!)),
    );
  const dispatch = gpu.kernel('rl/td_target.wgsl', { constants }).bind(
    {
      // A NaN in the padding must not matter: only the first of four is the value.
      q_values: gpu.tensorOf('q', Float32Array.from(laidOut(q).flatMap((one) => [one, NaN, NaN, NaN]))),
      log_density: gpu.tensorOf('logq', Float32Array.from(laidOut(logDensity))),
      temperature: gpu.tensorOf('alpha', Float32Array.from(ALPHAS.slice(0, members))),
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
        state_stride: stateMajor ? particles : 1,
        particle_stride: stateMajor ? 1 : states,
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

  test.each(['state-major', 'particle-major'] as const)(
    'of the policy that drew the actions: the mean of Q - alpha log q, %s',
    async (order) => {
      const draws = new Draws(13);
      const [q, logDensity] = [table(draws, [3, 17, 6], 20), table(draws, [3, 17, 6], 2)];
      const result = await backedUp(q, logDensity, 'mean', order);
      const soft = await backedUp(q, logDensity, 'log-mean-exp', order);
      for (let m = 0; m < 3; m++) {
        const alpha = ALPHAS[m]! * REWARD_SCALE;
        const values = q[m]!.map((row, s) => policyValue(row, logDensity[m]![s]!, alpha));
        const { value, target, reward, terminated } = result(m);
        expectClose(value, values, LINEAR_ALGEBRA);
        const backup = { discount: DISCOUNT, rewardScale: REWARD_SCALE };
        const targets = values.map((nextValue, s) =>
          tdTarget({ reward: reward[s]!, terminated: terminated[s]!, nextValue, ...backup }),
        );
        expectClose(target, targets, LINEAR_ALGEBRA);
        expectClose(
          soft(m).value,
          q[m]!.map((row, s) => softValue(row, logDensity[m]![s]!, alpha)),
          TRANSCENDENTAL,
        );
      }
    },
  );

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

  function critic(hidden: readonly number[] = sizes.hidden) {
    const gpu = gpuOf();
    const clock = new Clock(gpu);
    clock.write({ updates: 6 });
    const faults = new Faults(gpu, ['something', 'critic loss']);
    const softQ = new SoftQFunction(gpu, { ...sizes, hidden }, { tau: 1, interval: 1 }, clock, faults);
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

  test.each([
    [1, [7, 5]],
    [37, [7, 5]],
    [37, [16, 8]],
  ])('Q and dQ/da at %i actions agree with float64: hidden %o', async (rows, hidden) => {
    const { gpu, softQ } = critic(hidden);
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
