import { beforeAll, describe, expect, test } from 'vitest';
import { JaxUpdater } from '../../bench/peers/jax.ts';
import { CHECKED_UPDATES, outcomeOf, requireAgreement, type Outcome } from '../../bench/support/agreement.ts';
import { SMALL_UPDATE, SoftqUpdater, type UpdateProblem } from '../../bench/support/update.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();

let problem: UpdateProblem;
let ours: Outcome;

beforeAll(async () => {
  const updater = await SoftqUpdater.create(gpuOf(), SMALL_UPDATE);
  problem = await updater.problem(CHECKED_UPDATES);
  ours = await outcomeOf(updater);
});

/** What jax-js comes to on a problem. */
async function jaxOutcome(given: UpdateProblem): Promise<Outcome> {
  const updater = await JaxUpdater.create('wasm', given);
  try {
    return await outcomeOf(updater);
  } finally {
    updater.dispose();
  }
}

/** Whether an outcome agrees with ours. */
const check = (peer: Outcome) => () => requireAgreement(problem, ours, peer, 'peer');

describe('the update that is compared with peers', () => {
  test('is the same in jax-js: the losses of three updates and the weights after them', async () => {
    const peer = await jaxOutcome(problem);
    expect(check(peer)).not.toThrow();
    expect(new Set(ours.losses).size).toBe(CHECKED_UPDATES);
  });

  test.each([
    ['the temperature', { temperature: 1.001 }, /critic loss of update 1/],
    ['the target network', { targetTau: 0.02 }, /critic loss of update 3/],
    ["the critic's step", { criticLearningRate: 3.1e-4 }, /critic loss of update 2/],
    ["the policy's step", { policyLearningRate: 3.1e-4 }, /parameters of 'policy'/],
    ['the bandwidth', { bandwidthDivisor: 1.01 * Math.log(4) }, /parameters of 'policy'/],
  ])('differs where %s does', async (_, change, message) => {
    const peer = await jaxOutcome({ ...problem, constants: { ...problem.constants, ...change } });
    expect(check(peer)).toThrow(message);
  });

  test('must not be NaN', () => {
    expect(check({ ...ours, losses: ours.losses.map(() => NaN) })).toThrow(/critic loss of update 1 is NaN/);
    const policy = ours.parameters.policy.map(() => NaN);
    expect(check({ ...ours, parameters: { ...ours.parameters, policy } })).toThrow(/parameters of 'policy'/);
  });
});
