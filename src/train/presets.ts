import type { Config } from './settings.ts';

/** Names of the presets. */
export type PresetName = 'default' | 'tiny' | 'sharp' | 'paper' | 'release' | 'accurate';

/** Values that a preset changes, and why it exists. */
export interface Preset {
  readonly doc: string;
  readonly values: Partial<Config>;
}

/**
 * What `softq train multigoal` does unless told otherwise: found on seeds 0-14 and confirmed on fresh ones. Against the
 * released code it has a learning rate ten times as high, a Polyak target, a lattice in place of one shared uniform set,
 * the consistent Stein direction, a larger latent, and rich data at the start (random warm-up, a share of always random
 * environments, the critic first): without them the critic turns pessimistic about goals that nobody visits yet.
 */
export const DEFAULTS: Config = {
  environment: 'multigoal',
  preset: 'default',
  algorithm: 'soft-q',
  seed: 0,
  environments: 1024,
  updates: 1500,
  updatesPerStep: 1,
  warmupTransitions: 4096,
  criticFirstUpdates: 250,
  randomShare: 0.2,
  temperature: 10, // the paper's, section 5.1; equals the released code's reward scale of 0.1 with alpha 1
  finalTemperature: null,
  temperatureUpdates: 1000,
  rewardScale: 0.1,
  discount: 0.99, // the released code; the paper does not say
  batchSize: 64,
  replayCapacity: 1_000_000,
  hidden: [64, 64],
  activation: 'relu',
  critics: 1,
  ensemble: 'mean',
  latentSize: 4,
  criticLearningRate: 3e-3,
  policyLearningRate: 3e-3,
  finalLearningRateShare: 1,
  valueParticles: 16,
  proposal: 'lattice',
  mixtureSpread: 0.25,
  fixedParticles: 8,
  updatedParticles: 8,
  stein: 'tanh-kernel',
  bandwidth: 'code',
  bandwidthFloor: 1e-3,
  repulsion: true,
  targetTau: 0.02,
  targetInterval: 1,
  updateOrder: 'simultaneous',
  mixtureComponents: 1,
  policyParticles: 16,
  targetEntropy: null,
  temperatureLearningRate: 1e-3,
  noiseTheta: 0.15,
  noiseSigma: 0,
  checkpointEvery: 500,
};

/**
 * What another algorithm than soft Q-learning changes in `DEFAULTS`, before a preset does; found on seeds 0-4 with 64
 * environments at alpha 10 and, for sac, annealed to 5. A target at half the speed keeps goals that sac loses for a while at
 * 0.02, and a critic that learns alone first learns the value of an untrained policy: sac lost goals by that too. With
 * 1e-3 sac is slower, while ddpg needs it: at 3e-3 one run in five stops short of its goal at the end. With noise of 0.3
 * ddpg has reached none after 1,500 updates.
 */
export const ALGORITHM_DEFAULTS: Readonly<Record<Config['algorithm'], Partial<Config>>> = {
  'soft-q': {},
  sac: { updates: 2000, criticFirstUpdates: 0, targetTau: 0.01 },
  ddpg: {
    updates: 2500,
    criticFirstUpdates: 0,
    criticLearningRate: 1e-3,
    policyLearningRate: 1e-3,
    targetTau: 0.01,
    noiseSigma: 0.1,
  },
};

/** What brings a run close to the optimum. Found on seed 0, confirmed on others: docs/improvements.md. */
const LONG: Partial<Config> = {
  environments: 256,
  updates: 6000,
  batchSize: 128,
  replayCapacity: 300_000, // the last 1,170 steps: what random actions collected at the start is forgotten
  criticLearningRate: 5e-3, // larger than the default's: the noise that this leaves the decay takes away
  policyLearningRate: 5e-3,
  finalLearningRateShare: 0.02,
};

/** The presets, as changes to `DEFAULTS`. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  default: { doc: 'Four goals in seconds, close to the exact optimum.', values: {} },
  tiny: { doc: 'Half the minibatch: for tests and slow machines.', values: { batchSize: 32 } },
  sharp: {
    doc: 'Temperature annealed from 10 to 5, where one squashed Gaussian can no longer follow the optimum; in minutes.',
    values: {
      ...LONG,
      finalTemperature: 5,
      temperatureUpdates: 1000,
      rewardScale: 0.2,
      randomShare: 0.5, // between two goals, where the optimum has two modes, random environments alone are often
      bandwidth: 'paper', // half as wide as the code's: the optimum's modes are narrower than at 10
    },
  },
  paper: {
    doc: "The numbers of the paper's text (appendix D.1, column multi-goal).",
    values: {
      environments: 1,
      updates: 1_000_000, // 100 epochs of 10,000 steps, one update each
      warmupTransitions: 10_000,
      criticFirstUpdates: 0,
      randomShare: 0,
      rewardScale: 1, // the text keeps alpha 10 and scales nothing
      hidden: [200, 200],
      latentSize: 2, // as large as the action: appendix C.2
      criticLearningRate: 1e-3,
      policyLearningRate: 1e-4,
      valueParticles: 50,
      proposal: 'mixture', // 'the current policy' (appendix C.2) in the form that is sound for any network
      fixedParticles: 100,
      updatedParticles: 100,
      bandwidth: 'paper',
      targetTau: 1,
      targetInterval: 1000,
      noiseSigma: 0.3, // Ornstein-Uhlenbeck, theta 0.15: stated for both algorithms
      checkpointEvery: 10_000,
    },
  },
  release: {
    doc: 'The numbers of the released code (haarnoja/softqlearning, examples/multigoal_sql.py).',
    values: {
      environments: 1,
      updates: 100_000, // 1000 epochs of 100 steps
      warmupTransitions: 100,
      criticFirstUpdates: 0,
      randomShare: 0,
      hidden: [128, 128],
      latentSize: 2,
      criticLearningRate: 3e-4,
      policyLearningRate: 3e-4,
      proposal: 'uniform-shared',
      fixedParticles: 16,
      updatedParticles: 16,
      stein: 'released',
      targetTau: 1,
      targetInterval: 1000,
      checkpointEvery: 10_000,
    },
  },
  accurate: {
    doc: 'Closer to the exact optimum, in minutes: more updates of larger minibatches at learning rates that fall.',
    values: LONG,
  },
};
