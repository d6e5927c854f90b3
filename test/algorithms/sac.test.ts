import { describe, expect, test } from 'vitest';
import { Sac, type SacOptions } from '../../src/algorithms/sac.ts';
import { numericGradient } from '../oracles/differences.ts';
import { mlpBackward, mlpForward } from '../oracles/mlp.ts';
import { policyValue } from '../oracles/soft-value.ts';
import {
  mixtureOf,
  squashedMixtureLogDensity,
  stratifiedLoss,
  stratifiedNoise,
} from '../oracles/squashed-mixture.ts';
import { expectClose, TRANSCENDENTAL } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';
import {
  expectUpdates,
  fillRing,
  learnerOf,
  numbersOf,
  rowsOf,
  SAC,
  statesOf,
  type LearnerUnderTest,
  type OracleNetworks,
} from '../support/learners.ts';

const gpuOf = useGpu();

/** alpha of two members in raw reward units. */
const ALPHAS = [5, 2];

function sac(options: Partial<SacOptions> = {}, seeds: readonly number[] = [7, 8]) {
  const one = learnerOf(gpuOf(), seeds, (context) => new Sac(gpuOf(), context, { ...SAC, ...options }));
  gpuOf().write(one.learner.temperature, Float32Array.from(ALPHAS.slice(0, seeds.length)));
  return one;
}

type Learner = LearnerUnderTest<Sac>;

/** Both references of an update, for a policy of `components` Gaussians. */
function references(components: number) {
  const mixtures = (actor: OracleNetworks['actor'], states: number[][]) =>
    mlpForward(actor, states).map((row) => mixtureOf(row, components, 2));

  /** E_pi[Q - alpha log pi] in float64 at the actions that the GPU drew. */
  async function nextValues(one: Learner, member: number, { target, actor }: OracleNetworks) {
    const states = await statesOf(one, one.learner.batch.nextObservation, member);
    const drawn = mixtures(actor, states);
    const u = await rowsOf(one, one.tensor('next.preTanh'), member, 2);
    return states.map((state, b) => {
      const mine = u.filter((_, row) => row % states.length === b);
      const q = target.values(mine.map((row) => [...state, ...row.map(Math.tanh)]));
      const logDensity = mine.map((row) => squashedMixtureLogDensity(drawn[b]!, row));
      return policyValue(q, logDensity, ALPHAS[member]! * SAC.rewardScale);
    });
  }

  /** By differences of the loss at the noise that the GPU drew, through the network's outputs. */
  async function actorGradient(one: Learner, member: number, { critic, actor }: OracleNetworks) {
    const states = await statesOf(one, one.learner.batch.observation, member);
    const drawn = mixtures(actor, states);
    const u = await rowsOf(one, one.tensor('particles.preTanh'), member, 2);
    const outputGrad = mlpForward(actor, states).map((row, b) => {
      const noise = stratifiedNoise(drawn[b]!, u.filter((_, i) => i % states.length === b)); // prettier-ignore
      const q = (action: number[]) => critic.values([[...states[b]!, ...action]])[0]!;
      const alpha = ALPHAS[member]! * SAC.rewardScale;
      const loss = (outputs: number[]) =>
        stratifiedLoss(mixtureOf(outputs, components, 2), noise, alpha, q).loss / states.length;
      return numericGradient(loss, row);
    });
    return mlpBackward(actor, states, outputGrad).parameterGrad;
  }
  return { nextValues, actorGradient, actor: (learner: Sac) => learner.policy.mlp };
}

describe('Sac', () => {
  test.each([
    { components: 1, updateOrder: 'simultaneous' },
    { components: 2, updateOrder: 'sequential' },
    { components: 1, updateOrder: 'sequential', critics: 2, ensemble: 'min' },
    // Widths of eights: kernels that go through whole networks where there are such.
    { components: 2, updateOrder: 'simultaneous', hidden: [16, 8] },
    { components: 1, updateOrder: 'simultaneous', hidden: [16, 8], critics: 2, ensemble: 'mean' },
  ] as const)('two updates agree with float64: %o', async (choice) => {
    const options = { ...SAC, ...choice };
    await expectUpdates(sac(options), { options, ...references(choice.components) });
  });

  test('the actor’s particles come from each component in turn', async () => {
    const one = sac({ components: 2, policyParticles: 4 });
    const { gpu, learner } = one;
    await learner.initialise([7, 8]);
    fillRing(one);
    // Means of 50 and -50 before the squashing, far beyond the deviations, tell the component.
    const { parameters } = learner.policy.mlp;
    const flat = await gpu.read(parameters.tensor);
    for (const m of [0, 1]) {
      flat.set([50, 50, -50, -50], m * parameters.size + parameters.layers.at(-1)!.bias + 2);
    }
    gpu.write(parameters.tensor, flat);
    await gpu.run(learner.update.both);
    for (const m of [0, 1]) {
      const u = await rowsOf(one, one.tensor('particles.preTanh'), m, 2);
      const components = u.map(([first]) => (first! > 0 ? 0 : 1));
      expect(components).toEqual(u.map((_, row) => Math.floor(row / SAC.batchSize) % 2));
    }
  });

  test('alpha rises while the policy is less random than wanted, falls while it is more, each member’s its own', async () => {
    const targetEntropy = 0.4;
    const one = sac({ targetEntropy });
    const { gpu, learner } = one;
    await learner.initialise([7, 8]);
    fillRing(one);
    await gpu.run(learner.update.critic);
    expect([...(await gpu.read(learner.temperature))]).toEqual(ALPHAS);
    // What the policy's last layer says is narrow for the first member and wide for the second.
    const { parameters } = learner.policy.mlp;
    const flat = await gpu.read(parameters.tensor);
    const bias = parameters.layers.at(-1)!.bias;
    for (let i = 6; i < 10; i++) {
      flat[bias + i] = -3;
      flat[parameters.size + bias + i] = 0;
    }
    gpu.write(parameters.tensor, flat);
    await gpu.run(learner.update.both);
    const alphas = await gpu.read(learner.temperature);
    for (const m of [0, 1]) {
      const entropy = await numbersOf(one, one.tensor('policyEntropy'), m);
      const mean = entropy.reduce((sum, value) => sum + value, 0) / SAC.batchSize;
      const wanted = ALPHAS[m]! * Math.exp(-SAC.temperatureLearningRate * (mean - targetEntropy));
      expectClose([alphas[m]!], [wanted], TRANSCENDENTAL);
    }
    expect(alphas[0]).toBeGreaterThan(ALPHAS[0]!);
    expect(alphas[1]).toBeLessThan(ALPHAS[1]!);
  });

  test('an update is a fixed number of dispatches, whatever members and components', () => {
    const counts = (options: Partial<SacOptions> = {}, seeds?: number[]) => {
      const { update, behaviour } = sac(options, seeds).learner;
      return [update.critic, update.both, behaviour.policy].map(({ dispatches }) => dispatches.length);
    };
    // Critic: sample, rows and 3 and the draw, squash, 3 + 1 for the target, 3 + 1 + 5 for the regression, Adam and target.
    // Actor: rows and 3 and the draw, squash, 3 + 3 for dQ/da, 2 for the gradient, 5 back, Adam. Acting: 5 and act.
    expect(counts()).toEqual([21, 41, 6]);
    expect(counts({ components: 4 }, [1])).toEqual([21, 41, 6]);
    expect(counts({ finalTemperature: 1 })).toEqual([22, 42, 6]);
    // The temperature moves where the policy does.
    expect(counts({ targetEntropy: 0 })).toEqual([21, 42, 6]);
  });
});
