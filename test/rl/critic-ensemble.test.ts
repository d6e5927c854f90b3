import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { Faults } from '../../src/gpu/faults.ts';
import { padded } from '../../src/gpu/tensor.ts';
import type { Mlp } from '../../src/nn/mlp.ts';
import { ReplayBuffer } from '../../src/rl/replay-buffer.ts';
import { SamplingNetwork } from '../../src/rl/sampling-network.ts';
import { POLICY_NETWORK, SoftQFunction } from '../../src/rl/soft-q-function.ts';
import { mlpBackward, mlpForward } from '../oracles/mlp.ts';
import { Draws } from '../oracles/random.ts';
import { combinedCritics, criticLoss, softValue, tdTarget } from '../oracles/soft-value.ts';
import { expectClose, LINEAR_ALGEBRA, TRANSCENDENTAL } from '../support/compare.ts';
import { unpadRows, useGpu, writeRows } from '../support/gpu.ts';
import { oracleMlp, oracleParameters, randomiseParameters } from '../support/networks.ts';

const gpuOf = useGpu();
const REWARD_SCALE = 0.1;
const DISCOUNT = 0.99;

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
