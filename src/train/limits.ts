import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { padded } from '../gpu/tensor.ts';
import type { Config } from './config.ts';

/** Most iterations in one submit; large networks get fewer, so that a run answers an interrupt within seconds. */
const MOST_ITERATIONS_PER_SUBMIT = 25;
/** Multiply-adds of the dense layers in one submit, roughly: a second of work for a slow software adapter. */
const MULTIPLY_ADDS_PER_SUBMIT = 1e9;

/** Iterations that make one submit: a function of the configuration alone, never of how fast the machine is. */
export function iterationsPerSubmit(config: Config): number {
  const { hidden, batchSize, environments } = config;
  const perRow = hidden.reduce((sum, width, i) => sum + width * (hidden[i + 1] ?? 4), 4 * hidden[0]!);
  const perIteration =
    perRow * (config.updatesPerStep * batchSize * rowsPerTransition(config) + environments);
  return Math.max(
    1,
    Math.min(MOST_ITERATIONS_PER_SUBMIT, Math.floor(MULTIPLY_ADDS_PER_SUBMIT / perIteration)),
  );
}

/**
 * Rows that go through a network for each transition of a minibatch: next actions, prediction, policy, dQ/da. A backward
 * pass counts once for the inputs' gradient and once for the parameters'.
 */
function rowsPerTransition(config: Config): number {
  const {
    algorithm,
    critics,
    valueParticles,
    fixedParticles: m,
    updatedParticles: k,
    policyParticles,
  } = config;
  switch (algorithm) {
    case 'soft-q':
      return critics * (valueParticles + 3 + 2 * m) + (m + k) + 2 * k;
    case 'sac':
      return critics * (valueParticles + 3 + 2 * policyParticles) + 1 + 3;
    case 'ddpg':
      return critics * (1 + 3 + 2) + 1 + 3;
  }
}

/**
 * @throws UsageError naming the limit when the widest activation of the acting pass does not fit one binding.
 */
export function requireRoom(gpu: Gpu, { environments, hidden }: Config): void {
  const { maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension } = gpu.device.limits;
  const widest = padded(Math.max(...hidden));
  const byMemory = Math.floor(gpu.mostTensorBytes / (4 * widest));
  // One invocation an environment in the narrowest workgroups that run over environments.
  const most = Math.min(byMemory, 64 * maxComputeWorkgroupsPerDimension);
  if (environments > most) {
    throw new UsageError(
      `${environments} environments are too many for this adapter: with hidden layers of ${widest} one storage binding ` +
        `(maxStorageBufferBindingSize ${maxStorageBufferBindingSize}) holds at most ${most}; lower --environments.`,
    );
  }
}
