import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { Faults } from '../../src/gpu/faults.ts';
import { program } from '../../src/gpu/program.ts';
import { Adam } from '../../src/nn/adam.ts';
import { Mlp } from '../../src/nn/mlp.ts';
import { TargetNetwork, type TargetUpdate } from '../../src/nn/target-network.ts';
import { polyak } from '../oracles/mlp.ts';
import { expectClose, LINEAR_ALGEBRA } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';
import { randomiseParameters } from '../support/networks.ts';

const gpuOf = useGpu();

function targetOf(settings: TargetUpdate, members = 2) {
  const gpu = gpuOf();
  const online = new Mlp(gpu, 'q', { inputSize: 3, hidden: [7], outputSize: 1, activation: 'relu' }, members);
  const clock = new Clock(gpu);
  const target = new TargetNetwork(gpu, online, settings);
  // A step of size zero: the target moves alone.
  const { parameters } = online;
  const gradient = { tensor: gpu.tensor('gradient', [members, 1, parameters.size]), splits: 1 };
  const adam = new Adam(gpu, parameters, gradient, clock, new Faults(gpu, ['q']), {
    learningRate: new Array<number>(members).fill(0),
    counts: 'updates',
    target,
  });
  randomiseParameters(gpu, online, 1);
  randomiseParameters(gpu, target.mlp, 2);
  const step = program('step', [adam.step, clock.tick({ updates: 1 })]);
  const read = () => gpu.read(target.mlp.parameters.tensor);
  return { gpu, online, clock, target, follow: adam.step, step, read };
}

describe('TargetNetwork', () => {
  test.each([0.02, 0.5])('moves %f of the way at every update', async (tau) => {
    const { gpu, online, step, read } = targetOf({ tau, interval: 1 });
    const there = await gpu.read(online.parameters.tensor);
    let reference = [...(await read())];
    for (let update = 0; update < 3; update++) {
      await gpu.run(step);
      reference = polyak(reference, there, tau);
      expectClose(await read(), reference, LINEAR_ALGEBRA);
    }
  });

  test.each([1, 0.25])(
    'with an interval of three and tau %f, only every third update moves it',
    async (tau) => {
      const { gpu, online, step, read } = targetOf({ tau, interval: 3 }, 1);
      let reference = [...(await read())];
      for (let update = 1; update <= 7; update++) {
        // The network moves on between updates, so that a late copy would differ.
        randomiseParameters(gpu, online, 10 + update);
        const there = await gpu.read(online.parameters.tensor);
        await gpu.run(step);
        if (update % 3 === 0) reference = polyak(reference, there, tau);
        if (tau === 1) expect([...(await read())]).toEqual(reference);
        else expectClose(await read(), reference, LINEAR_ALGEBRA);
      }
    },
  );

  test('counts the critic’s updates, not the policy’s or the iterations', async () => {
    const { gpu, follow, clock, read } = targetOf({ tau: 1, interval: 5 });
    const before = await read();
    clock.write({ updates: 7, policyUpdates: 4, iteration: 4 });
    await gpu.run(program('update', [follow]));
    expect(await read()).toEqual(before);
    clock.write({ updates: 9, policyUpdates: 1, iteration: 1 });
    await gpu.run(program('update', [follow]));
    expect(await read()).not.toEqual(before);
  });

  test('copy makes it equal, whatever the update', async () => {
    const { gpu, online, target, read } = targetOf({ tau: 0.1, interval: 1000 });
    const there = await gpu.read(online.parameters.tensor);
    expect(await read()).not.toEqual(there);
    await target.copy();
    expect(await read()).toEqual(there);
    expect(target.mlp.parameters.name).toBe('q-target');
  });
});
