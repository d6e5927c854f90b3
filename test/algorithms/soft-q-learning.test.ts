import { describe, expect, test } from 'vitest';
import { SoftQLearning, type SoftQLearningOptions } from '../../src/algorithms/soft-q-learning.ts';
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

const gpuOf = useGpu();

function softQLearning(seeds: readonly number[], options: Partial<SoftQLearningOptions> = {}) {
  return learnerOf(
    gpuOf(),
    seeds,
    (context) => new SoftQLearning(gpuOf(), context, { ...SOFT_Q, ...options }),
  );
}

type Learner = LearnerUnderTest<SoftQLearning>;

const ALPHA = SOFT_Q.temperature * SOFT_Q.rewardScale;

/** Eq. 10 in float64 at the proposal that the GPU drew. */
async function nextValues(one: Learner, member: number, { target }: OracleNetworks): Promise<number[]> {
  const { batchSize, valueParticles } = SOFT_Q;
  const q = target.values(await rowsOf(one, one.tensor('proposal.rows'), member, 4));
  const density = await numbersOf(one, one.tensor('proposal.logDensity'), member);
  return Array.from({ length: batchSize }, (_, b) => {
    const [from, to] = [b * valueParticles, (b + 1) * valueParticles];
    return softValue(q.slice(from, to), density.slice(from, to), ALPHA);
  });
}

/** Eq. 13 and 14 in float64 from the noise that the GPU drew: the gradient of the actor's loss. */
async function actorGradient(
  one: Learner,
  member: number,
  { critic, actor }: OracleNetworks,
): Promise<number[]> {
  const { batchSize: states, fixedParticles: fixed, updatedParticles: updated } = SOFT_Q;
  const rows = await rowsOf(one, one.tensor('particles.input'), member, 4);
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
      const u = await rowsOf(one, one.tensor('particles.layer2'), m, 2);
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
});
