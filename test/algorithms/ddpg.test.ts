import { describe, expect, test } from 'vitest';
import type { LearnerOptions } from '../../src/algorithms/algorithm.ts';
import { Ddpg } from '../../src/algorithms/ddpg.ts';
import { mlpBackward, mlpForward, type OracleMlp } from '../oracles/mlp.ts';
import { useGpu } from '../support/gpu.ts';
import {
  expectUpdates,
  LEARNER,
  learnerOf,
  statesOf,
  type LearnerUnderTest,
  type OracleNetworks,
} from '../support/learners.ts';

const gpuOf = useGpu();

function ddpg(options: Partial<LearnerOptions> = {}, seeds: readonly number[] = [7, 8]) {
  return learnerOf(gpuOf(), seeds, (context) => new Ddpg(gpuOf(), context, { ...LEARNER, ...options }));
}

type Learner = LearnerUnderTest<Ddpg>;

/** [s, mu(s)] with mu = tanh f. */
function onPolicy(f: OracleMlp, states: number[][]): number[][] {
  return mlpForward(f, states).map((u, b) => [...states[b]!, ...u.map(Math.tanh)]);
}

/** Q(s', mu(s')) with both target networks. */
async function nextValues(one: Learner, member: number, { target, actorTarget }: OracleNetworks) {
  const states = await statesOf(one, one.learner.batch.nextObservation, member);
  return target.values(onPolicy(actorTarget!, states));
}

/** Gradient of -mean_s Q(s, mu(s)) by the chain rule. */
async function actorGradient(one: Learner, member: number, { critic, actor }: OracleNetworks) {
  const states = await statesOf(one, one.learner.batch.observation, member);
  const rows = onPolicy(actor, states);
  const slopes = critic.slopes(rows);
  const uGrad = rows.map((row, b) =>
    [2, 3].map((d) => (-(1 - row[d]! ** 2) * slopes[b]![d]!) / states.length),
  );
  return mlpBackward(actor, states, uGrad).parameterGrad;
}

describe('Ddpg', () => {
  test.each([
    { updateOrder: 'simultaneous', targetTau: 0.1, targetInterval: 1 },
    { updateOrder: 'sequential', targetTau: 1, targetInterval: 2 },
    { updateOrder: 'sequential', targetTau: 0.1, targetInterval: 1, critics: 2, ensemble: 'min' },
    // Widths of eights: kernels that go through whole networks where there are such.
    { updateOrder: 'simultaneous', targetTau: 0.1, targetInterval: 1, hidden: [16, 8] },
  ] as const)('two updates agree with float64: %o', async (choice) => {
    const options = { ...LEARNER, ...choice };
    const one = ddpg(options);
    // The target policy keeps these parameters, away from the policy's.
    await one.learner.initialise([7, 8]);
    const actor = (learner: Ddpg) => learner.policy.mlp;
    await expectUpdates(one, { options, actor, nextValues, actorGradient });
  });

  test('an update is a fixed number of dispatches, whatever the number of members', () => {
    const counts = (options: Partial<LearnerOptions> = {}, seeds?: number[]) => {
      const { update, behaviour } = ddpg(options, seeds).learner;
      return [update.critic, update.both, behaviour.policy].map(({ dispatches }) => dispatches.length);
    };
    // Critic: sample, rows and 3, squash, 3 + 1 for the target, 3 + 1 + 5 for the regression, Adam and target.
    // Actor: rows and 3, squash, 3 + 3 for dQ/da, 1 for the gradient, 5 back, Adam. Acting: rows and 3, act; the noise.
    expect(counts()).toEqual([20, 38, 5]);
    expect(counts({}, [1])).toEqual([20, 38, 5]);
    expect(counts({ finalTemperature: 1, noiseSigma: 0.2 })).toEqual([21, 39, 6]);
  });
});
