import { expect, test } from 'vitest';
import { JaxTraining } from '../../bench/peers/jax-training.ts';
import { CoverageJudge, SoftqTraining, trainingConfig } from '../../bench/support/training.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();

/** Few and small, and a replay buffer that holds the last 40 steps: its ring is written round many times. */
const SMALL = { environments: 128, batchSize: 32, replayCapacity: 128 * 40, warmupTransitions: 1024 };
/** Seeds 0 and 1 need 500. */
const UPDATES = 600;

test("jax-js's training comes to all four goals, by softq's own judgement", async () => {
  const config = { ...trainingConfig(0), ...SMALL };
  const problem = await (await SoftqTraining.create(gpuOf(), config)).problem();
  const judge = await CoverageJudge.create(gpuOf(), config);
  const training = await JaxTraining.create('wasm', problem);
  expect(await judge.covered(await training.policy())).toBe(false);
  await training.advance(UPDATES);
  expect(await judge.covered(await training.policy())).toBe(true);
  training.dispose();
});
