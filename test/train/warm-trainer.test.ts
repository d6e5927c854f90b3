import { expect, test } from 'vitest';
import { resolveConfig } from '../../src/train/config.ts';
import { warmTrainer } from '../../src/train/warm-trainer.ts';
import { useGpu } from '../support/gpu.ts';

const gpu = useGpu();

test('a warm trainer has learned a little, and draws minibatches from all of the ring', async () => {
  const config = resolveConfig({
    environments: 8,
    replayCapacity: 2000,
    warmupTransitions: 20, // three steps of eight environments
    batchSize: 8,
    hidden: [8],
  });
  const { clock } = await warmTrainer(gpu(), config);
  expect(await clock.read()).toMatchObject({ iteration: 3 + 5, updates: 5, replaySize: 2000 });
});
