import * as v from 'valibot';

const count = (least: number, doc: string) =>
  v.pipe(
    v.number(),
    v.integer('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(0xffffffff, 'must be below 2^32'),
    v.description(doc),
  );
const positive = (doc: string) =>
  v.pipe(
    v.number(),
    v.finite('must be finite'),
    v.gtValue(0, 'must be greater than 0'),
    // The GPU counts in float32, where smaller numbers are zero and larger ones infinite.
    v.check((value) => Math.fround(value) > 0 && Number.isFinite(Math.fround(value)), 'must fit a float32'),
    v.description(doc),
  );
const share = (doc: string) =>
  v.pipe(
    v.number(),
    v.minValue(0, 'must be at least 0'),
    v.maxValue(1, 'must be at most 1'),
    v.description(doc),
  );
const choice = <const T extends readonly string[]>(options: T, doc: string) =>
  v.pipe(v.picklist(options, `must be one of ${options.join(', ')}`), v.description(doc));

/**
 * Every setting of a run with its meaning: the schema, the command line's flags and the documentation are all made
 * from this one table. Rewards and temperature are in the environment's own units; where a number comes from is in
 * `presets.ts`.
 */
export const CONFIG_ENTRIES = {
  environment: v.pipe(v.string(), v.description('The task to learn.')),
  preset: v.pipe(v.string(), v.description('The set of values that the others start from.')),
  algorithm: choice(
    ['soft-q', 'sac', 'ddpg'],
    'What learns: soft Q-learning, or the baselines soft actor-critic and deep deterministic policy gradient.',
  ),
  seed: v.pipe(
    v.number(),
    v.integer('must be a whole number'),
    v.minValue(0, 'must be at least 0'),
    v.maxValue(0xffffffff, 'must be below 2^32'),
    v.description('Decides every random number of the run.'),
  ),
  environments: count(1, 'Environments stepping beside the learner (E).'),
  updates: count(1, 'Gradient steps in all.'),
  updatesPerStep: v.pipe(
    count(1, 'Gradient steps after each step of the environments.'),
    v.maxValue(1000, 'must be at most 1000'),
  ),
  warmupTransitions: count(1, 'Transitions collected at random before the first update.'),
  criticFirstUpdates: count(0, 'Updates of the critic alone, acting at random, before the policy starts.'),
  randomShare: share('Share of the environments that always act uniformly at random.'),
  temperature: positive('Temperature alpha in raw reward units: how much a nat of entropy is worth.'),
  finalTemperature: v.pipe(
    v.nullable(positive('')),
    v.description('Temperature at the end of the schedule, reached geometrically; null keeps it constant.'),
  ),
  temperatureUpdates: count(1, 'Updates that the temperature schedule takes.'),
  rewardScale: positive(
    'The networks learn in units of reward times this; the optimum does not depend on it.',
  ),
  discount: v.pipe(share('Discount gamma.'), v.ltValue(1, 'must be below 1')),
  batchSize: count(1, 'Transitions in a minibatch (B).'),
  replayCapacity: count(1, 'Transitions that the replay buffer keeps.'),
  hidden: v.pipe(
    v.array(
      v.pipe(
        v.number(),
        v.integer('must be whole numbers'),
        v.minValue(1, 'must be at least 1'),
        v.maxValue(512, 'must be at most 512'),
      ),
    ),
    v.minLength(1, 'needs 1 to 4 layers'),
    v.maxLength(4, 'needs 1 to 4 layers'),
    v.description('Widths of the hidden layers of both networks.'),
  ),
  activation: choice(['relu', 'tanh'], 'Activation of the hidden layers.'),
  critics: v.pipe(
    count(1, 'Soft Q-functions that learn from the same minibatches, each from its own initial weights.'),
    v.maxValue(16, 'must be at most 16'),
  ),
  ensemble: choice(
    ['mean', 'min'],
    'What is made of several critics, in the target and for the policy: their mean or the least.',
  ),
  latentSize: count(1, 'Numbers of noise xi that the sampling network gets per action.'),
  criticLearningRate: positive("Adam's step size for the soft Q-function."),
  policyLearningRate: positive("Adam's step size for the policy."),
  finalLearningRateShare: v.pipe(
    positive(
      'Share of both step sizes that is left at the last update, falling linearly; 1 keeps them constant.',
    ),
    v.maxValue(1, 'must be at most 1'),
  ),
  valueParticles: count(
    1,
    "Actions in the soft value: an importance sample (Kv, eq. 10), or the policy's own with sac.",
  ),
  proposal: choice(
    ['lattice', 'uniform', 'uniform-shared', 'mixture', 'policy-jacobian'],
    'Where the actions of the importance sample come from; policy-jacobian is the appendix of the paper, and biased.',
  ),
  mixtureSpread: positive("Deviation, before the squash, of the proposal 'mixture' around policy particles."),
  fixedParticles: count(1, 'Particles at which the energy gradient is taken (M, eq. 13).'),
  updatedParticles: count(1, 'Particles that the Stein direction moves (K, eq. 14).'),
  stein: choice(
    ['tanh-kernel', 'raw', 'released'],
    'Coordinates of the Stein direction; released is the published, biased one.',
  ),
  bandwidth: choice(
    ['code', 'paper', 'plus-one'],
    'Rule for the bandwidth of the kernel: median / log M, median / 2 log(M+1), or median / log(M+1).',
  ),
  bandwidthFloor: positive('Smallest bandwidth.'),
  repulsion: v.pipe(
    v.boolean(),
    v.description('Whether particles repel each other; without it they collapse onto modes.'),
  ),
  targetTau: v.pipe(
    positive('How far the target network moves at a time; 1 is a hard copy.'),
    v.maxValue(1, 'must be at most 1'),
  ),
  targetInterval: count(1, 'Updates between two moves of the target network.'),
  updateOrder: choice(
    ['simultaneous', 'sequential'],
    'Whether the actor sees the critic as it was or as just updated.',
  ),
  mixtureComponents: count(1, 'Squashed Gaussians that the policy mixes (C).'),
  policyParticles: count(1, 'Actions per state in the policy gradient, as many from each Gaussian.'),
  targetEntropy: v.pipe(
    v.nullable(v.pipe(v.number(), v.finite('must be finite'))),
    v.description('Entropy in nats that the temperature is tuned to; null keeps the schedule.'),
  ),
  temperatureLearningRate: positive('Step of log alpha per nat of entropy too much or too little.'),
  noiseTheta: v.pipe(
    v.number(),
    v.minValue(0, 'must be at least 0'),
    v.maxValue(1, 'must be at most 1'),
    v.description('Pull of the Ornstein-Uhlenbeck noise added to actions.'),
  ),
  noiseSigma: v.pipe(
    v.number(),
    v.minValue(0, 'must be at least 0'),
    v.finite('must be finite'),
    v.description('Step of the Ornstein-Uhlenbeck noise added to actions; 0 adds none.'),
  ),
  checkpointEvery: count(1, 'Updates between two checkpoints.'),
} as const;

/** Settings that not every algorithm reads, and which do. A run's configuration holds them all the same. */
export const ALGORITHMS_OF: Readonly<Partial<Record<keyof Config, readonly Config['algorithm'][]>>> = {
  latentSize: ['soft-q'],
  valueParticles: ['soft-q', 'sac'],
  proposal: ['soft-q'],
  mixtureSpread: ['soft-q'],
  fixedParticles: ['soft-q'],
  updatedParticles: ['soft-q'],
  stein: ['soft-q'],
  bandwidth: ['soft-q'],
  bandwidthFloor: ['soft-q'],
  repulsion: ['soft-q'],
  mixtureComponents: ['sac'],
  policyParticles: ['sac'],
  targetEntropy: ['soft-q', 'sac'],
  temperatureLearningRate: ['soft-q', 'sac'],
};

/** All of them together: nothing missing, nothing unknown. */
export const ConfigSchema = v.strictObject(CONFIG_ENTRIES);

/** A run's settings, complete and checked. */
export type Config = v.InferOutput<typeof ConfigSchema>;
