import { Clock } from '../gpu/clock.ts';
import { UsageError } from '../gpu/errors.ts';
import { Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import { Adam } from '../nn/adam.ts';
import { jacobianDensity } from '../rl/jacobian-density.ts';
import { squash } from '../rl/policy.ts';
import { Proposal } from '../rl/proposal.ts';
import { ReplayBuffer } from '../rl/replay-buffer.ts';
import { SamplingNetwork, type NetworkDraw } from '../rl/sampling-network.ts';
import { SoftQFunction, type ActionGradient } from '../rl/soft-q-function.ts';
import { Svgd, type BandwidthRule, type SteinKind } from '../svgd/svgd.ts';
import {
  chunks,
  columns,
  Comparison,
  largest,
  TOLERANCE,
  type Key,
  type VectorFile,
  type VectorRow,
} from './vector-file.ts';
import {
  byState,
  packFlat,
  padRows,
  parameterCount,
  summedGradient,
  unpackFlat,
  type Update,
} from './vector-update.ts';

/** Through exp in the Stein kernel, whose exponents multiply rounding errors. */
const STEIN_TOLERANCE = 2e-4;

/** Smallest bandwidth that the files' rules give. */
const FLOOR = 1e-3;

const KINDS: Readonly<Record<string, SteinKind>> = { ref: 'released', tanhk: 'tanh-kernel', raw: 'raw' };
const RULES: Readonly<Record<string, BandwidthRule>> = { ref: 'code', k1: 'plus-one' };

/**
 * Checks one soft Q-learning update: critic, actor with every Stein direction, and optimisers.
 * @throws UsageError if the file is malformed.
 */
export async function verifyUpdate(gpu: Gpu, file: VectorFile): Promise<VectorRow[]> {
  const [states, observationSize] = file.shape(['s'], 2) as [number, number];
  const actionSize = file.shape(['a'], 2)[1]!;
  const sizesQ = file.layers(['sizes_q'], 1);
  const sizesPi = file.layers(['sizes_pi'], actionSize);
  const latentSize = sizesPi[0]! - observationSize;
  if (sizesQ[0] !== observationSize + actionSize || latentSize !== actionSize) {
    throw new UsageError(
      `${file.name}: 'sizes_q' and 'sizes_pi' do not fit ${observationSize} observations and ${actionSize} actions.`,
    );
  }
  const clock = new Clock(gpu);
  const seeds = gpu.tensorOf('vectors.seeds', Uint32Array.of(0));
  const faults = new Faults(gpu, ['critic loss', 'q']);
  const sizes = { observationSize, actionSize, activation: 'relu' as const, members: 1 };
  const targetUpdate = { tau: file.number(['polyak', 'tau']), interval: 1 };
  const softQ = new SoftQFunction(
    gpu,
    { ...sizes, hidden: sizesQ.slice(1, -1) },
    targetUpdate,
    clock,
    faults,
  );
  const policy = { ...sizes, hidden: sizesPi.slice(1, -1), latentSize };
  const samplingNetwork = new SamplingNetwork(gpu, policy, clock, seeds);
  for (const [key, { parameters }] of [
    ['theta_q', softQ.mlp],
    ['theta_q_target', softQ.target.mlp],
    ['theta_pi', samplingNetwork.mlp],
  ] as const) {
    gpu.write(parameters.tensor, packFlat(parameters, file.numbers([key], [parameterCount(parameters)])));
  }
  const rewardScale = file.number(['reward_scale']);
  const temperature = gpu.tensorOf(
    'vectors.temperature',
    Float32Array.of(file.number(['alpha']) / rewardScale),
  );
  const comparison = new Comparison(file);
  const shared = { gpu, file, comparison, clock, seeds, faults, softQ, samplingNetwork };
  const update = { ...shared, states, observationSize, actionSize, latentSize, rewardScale, temperature };
  await verifyCritic(update);
  await verifyPolicyValue(update);
  await verifyActor(update);
  await verifySharedActor(update);
  await verifyOptimisers(update);
  return comparison.rows;
}

/** The soft value with given actions, the target, the loss and its gradient. */
async function verifyCritic(update: Update): Promise<void> {
  const { gpu, file, comparison, softQ, states, observationSize, actionSize } = update;
  const particles = file.shape(['value_uniform', 'actions'], 3)[1]!;
  const rows = (key: string, width: number) => chunks(file.numbers([key], [states, width]), width);
  const perState = (key: string) => Float32Array.from(file.numbers([key], [states]));
  const width = observationSize + actionSize;
  const nextStates = rows('s2', observationSize);
  const actions = chunks(
    file.numbers(['value_uniform', 'actions'], [states, particles, actionSize]),
    actionSize,
  );

  const batch = new ReplayBuffer(gpu, { members: 1, capacity: 1, observationSize, actionSize }).batch(states);
  const taken = rows('a', actionSize);
  gpu.write(
    batch.stateAction,
    padRows(
      width,
      rows('s', observationSize).map((s, b) => [...s, ...taken[b]!]),
    ),
  );
  gpu.write(batch.reward, perState('r_raw'));
  gpu.write(batch.terminated, perState('done'));
  // The proposal's own program does not run: its rows are the file's.
  const proposal = new Proposal(gpu, {
    kind: 'uniform',
    members: 1,
    states,
    particles,
    observationSize,
    actionSize,
    nextObservation: batch.nextObservation,
    clock: update.clock,
    seeds: update.seeds,
    policy: update.samplingNetwork,
    mixtureSpread: 1,
  });
  gpu.write(
    proposal.rows,
    padRows(
      width,
      actions.map((a, i) => [...nextStates[Math.floor(i / particles)]!, ...a]),
    ),
  );
  gpu.write(proposal.logDensity, new Float32Array(states * particles).fill(-actionSize * Math.LN2));

  const [value, tdTarget, loss] = ['V', 'y', 'loss'].map((label) =>
    gpu.tensor(`vectors.${label}`, [1, states]),
  ) as [Tensor, Tensor, Tensor];
  const backup = {
    discount: file.number(['gamma']),
    rewardScale: update.rewardScale,
    temperature: update.temperature,
  };
  const prediction = softQ.prediction(batch);
  const gradient = prediction.parameterGradient();
  const targetPass = softQ.target.mlp.pass('vectors.target', states * particles, proposal.rows);
  await gpu.run(
    targetPass.forward(),
    softQ.tdTarget(batch, proposal, backup, { value, tdTarget }),
    softQ.regress(prediction, tdTarget, loss, gradient),
  );
  const valuesOf = async (tensor: Tensor) => columns(await gpu.read(tensor), padded(1), 1).flat();
  comparison.numbers(['q_forward'], await valuesOf(prediction.output), [states]);
  comparison.numbers(['value_uniform', 'q'], await valuesOf(targetPass.output), [states, particles]);
  comparison.numbers(['value_uniform', 'V'], await gpu.read(value), [states]);
  comparison.numbers(['critic', 'y'], await gpu.read(tdTarget), [states]);
  const losses = await gpu.read(loss);
  comparison.numbers(['critic', 'loss'], [losses.reduce((sum, one) => sum + one, 0) / states], []);
  const { parameters } = softQ.mlp;
  comparison.numbers(['critic', 'grad'], await summedGradient(gpu, parameters, gradient), [
    parameterCount(parameters),
  ]);
}

/** The soft value with the sampling network's own actions, under given noise and weighted by its Jacobian. */
async function verifyPolicyValue(update: Update): Promise<void> {
  const { gpu, file, comparison, softQ, samplingNetwork, states, observationSize, actionSize } = update;
  const { latentSize, rewardScale, temperature } = update;
  const particles = file.shape(['value_policy', 'xi'], 3)[1]!;
  const all = [states, particles];
  const noise = chunks(file.numbers(['value_policy', 'xi'], [...all, latentSize]), latentSize);
  const nextStates = chunks(file.numbers(['s2'], [states, observationSize]), observationSize);
  const batch = new ReplayBuffer(gpu, { members: 1, capacity: 1, observationSize, actionSize }).batch(states);
  const draw = samplingNetwork.draw('vectors.policy', {
    observation: batch.nextObservation,
    states,
    particles,
    use: 'proposal-policy',
  });
  const inputs = Array.from({ length: particles }, (_, k) =>
    nextStates.map((state, b) => [...state, ...noise[b * particles + k]!]),
  );
  gpu.write(draw.pass.input, padRows(observationSize + latentSize, inputs.flat()));
  const [logDensity, determinant] = ['logDensity', 'determinant'].map((label) =>
    gpu.tensor(`vectors.${label}`, [1, states * particles]),
  ) as [Tensor, Tensor];
  const width = observationSize + actionSize;
  const rows = gpu.tensor('vectors.policyRows', [1, states * particles, padded(width)]);
  const [value, tdTarget] = ['policyV', 'policyY'].map((label) =>
    gpu.tensor(`vectors.${label}`, [1, states]),
  ) as [Tensor, Tensor];
  await gpu.run(
    draw.pass.forward(),
    jacobianDensity(gpu, samplingNetwork.spec, { draw, states, particles, rows, logDensity, determinant }),
    softQ.tdTarget(
      batch,
      { rows, logDensity, order: 'state-major' },
      { discount: 0, rewardScale, temperature },
      { value, tdTarget },
    ),
  );
  const key = (name: string) => ['value_policy', name];
  const actions = columns(await gpu.read(rows), padded(width), actionSize, observationSize).flat();
  comparison.numbers(key('actions'), actions, [...all, actionSize]);
  comparison.numbers(key('absdet'), await gpu.read(determinant), all);
  // As the weights that they give: the logarithm of a determinant that is all rounding error means nothing.
  const weights = file.numbers(key('logq'), all).map((one) => Math.exp(-one));
  const found = await gpu.read(logDensity);
  const gaps = weights.map((weight, i) => Math.abs(Math.exp(-found[i]!) - weight));
  comparison.row(key('logq (as 1/q)'), largest(gaps) / largest(weights), TOLERANCE);
  comparison.numbers(key('V'), await gpu.read(value), [states]);
}

/** Particles of the sampling network under given noise, on the GPU, with dQ/da at the fixed ones. */
interface Particles {
  readonly draw: NetworkDraw;
  readonly actions: Tensor;
  readonly gradient: ActionGradient;
  readonly fixed: number;
  readonly updated: number;
}

/** Draws with the file's noise, (B, particles, latent) with the fixed ones first, in place of the network's own. */
async function drawParticles(update: Update, xi: number[][][], fixed: number): Promise<Particles> {
  const { gpu, file, softQ, samplingNetwork, states, observationSize, latentSize } = update;
  const particles = xi[0]!.length;
  const s = chunks(file.numbers(['s'], [states, observationSize]), observationSize);
  const observation = gpu.tensorOf('vectors.s', Float32Array.from(s.flat()));
  const draw = samplingNetwork.draw('vectors.particles', {
    observation,
    states,
    particles,
    use: 'particles',
  });
  const rows = Array.from({ length: particles }, (_, p) => s.map((state, b) => [...state, ...xi[b]![p]!]));
  gpu.write(draw.pass.input, padRows(observationSize + latentSize, rows.flat()));
  const gradient = softQ.actionGradient(fixed * states, { value: false });
  const { actions, dispatch } = squash(gpu, 'vectors', samplingNetwork.spec, {
    ...draw,
    observation,
    states,
    particles,
    stateAction: gradient.stateAction,
    criticParticles: fixed,
  });
  await gpu.run(draw.pass.forward(), program('squash', [dispatch]), gradient.program);
  return { draw, actions, gradient, fixed, updated: particles - fixed };
}

/** Bandwidth, direction and actor gradient under `key`. */
async function verifyDirection(
  update: Update,
  key: Key,
  particles: Particles,
  kind: SteinKind,
  bandwidth: BandwidthRule,
): Promise<void> {
  const { gpu, comparison, samplingNetwork, states, observationSize, actionSize } = update;
  const { draw, actions, gradient, fixed, updated } = particles;
  const stride = padded(actionSize);
  const sizes = { members: 1, states, fixedParticles: fixed, updatedParticles: updated, actionSize };
  const svgd = new Svgd(gpu, { ...sizes, kind, bandwidth, bandwidthFloor: FLOOR, repulsion: true });
  const direction = draw.pass.gradTensor('direction', actionSize);
  const scale = -1 / (states * updated);
  const parameterGrad = draw.pass.parameterGradient(updated * states);
  await gpu.run(
    svgd.direction({
      preTanh: draw.preTanh,
      actions,
      stride,
      actionGradient: gradient.gradient,
      gradientStride: padded(observationSize + actionSize),
      gradientFirst: observationSize,
      temperature: update.temperature,
      rewardScale: update.rewardScale,
      direction,
      scale,
    }),
    draw.pass.backward({
      outputGrad: direction,
      parameterGrad,
      firstRow: fixed * states,
      rows: updated * states,
    }),
  );
  const phi = byState(columns(await gpu.read(direction), stride, actionSize).slice(fixed * states), states);
  const { parameters } = samplingNetwork.mlp;
  comparison.numbers([...key, 'h'], await gpu.read(svgd.bandwidth), [states]);
  comparison.numbers(
    [...key, 'phi_u'],
    phi.flat().map((one) => one / scale),
    [states, updated, actionSize],
    STEIN_TOLERANCE,
  );
  const grad = await summedGradient(gpu, parameters, parameterGrad);
  comparison.numbers([...key, 'actor_grad'], grad, [parameterCount(parameters)], STEIN_TOLERANCE);
}

/** The sampling network's particles, dQ/da, and every Stein direction of the file. */
async function verifyActor(update: Update): Promise<void> {
  const { gpu, file, comparison, states, observationSize, actionSize } = update;
  const { noise, fixed, updated } = readNoise(update);
  const particles = await drawParticles(update, noise, fixed);
  const rows = async (tensor: Tensor, width: number, first = 0) =>
    byState(columns(await gpu.read(tensor), padded(width), actionSize, first), states).flat();
  const all = [states, fixed + updated, actionSize];
  comparison.numbers(['svgd', 'u'], await rows(particles.draw.preTanh, actionSize), all);
  comparison.numbers(['svgd', 'a'], await rows(particles.actions, actionSize), all);
  const slopes = await rows(particles.gradient.gradient, observationSize + actionSize, observationSize);
  comparison.numbers(['svgd', 'dQda_fixed'], slopes, [states, fixed, actionSize]);
  for (const name of file.keys(['svgd'])) {
    const [kind, rule] = name.split('/');
    if (!KINDS[kind!] || !RULES[rule!]) continue;
    await verifyDirection(update, ['svgd', name], particles, KINDS[kind!]!, RULES[rule!]!);
  }
}

/** All particles in both roles: each takes part twice, once as a fixed and once as an updated one. */
async function verifySharedActor(update: Update): Promise<void> {
  const { gpu, comparison, states, observationSize, actionSize } = update;
  const { noise } = readNoise(update);
  const count = noise[0]!.length;
  const twice = noise.map((rows) => [...rows, ...rows]);
  const particles = await drawParticles(update, twice, count);
  const flat = await gpu.read(particles.gradient.gradient);
  const slopes = byState(
    columns(flat, padded(observationSize + actionSize), actionSize, observationSize),
    states,
  );
  comparison.numbers(['svgd_shared', 'dQda'], slopes.flat(), [states, count, actionSize]);
  await verifyDirection(update, ['svgd_shared'], particles, 'tanh-kernel', 'code');
}

/** xi (B, Kf + Ku, latent) and how many are fixed and updated. */
function readNoise({ file, states, latentSize }: Update) {
  const fixed = file.number(['svgd', 'Kf']);
  const updated = file.number(['svgd', 'Ku']);
  const count = file.shape(['svgd', 'xi'], 3)[1]!;
  const counts = [fixed, updated].every((one) => Number.isInteger(one) && one > 0);
  if (!counts || fixed + updated !== count) {
    throw new UsageError(
      `${file.name}: 'svgd.Kf' and 'svgd.Ku' do not add up to the ${count} particles of 'svgd.xi'.`,
    );
  }
  const rows = chunks(file.numbers(['svgd', 'xi'], [states, count, latentSize]), latentSize);
  return {
    noise: Array.from({ length: states }, (_, b) => rows.slice(b * count, (b + 1) * count)),
    fixed,
    updated,
  };
}

/** One Polyak step of the target, then two Adam steps of the critic. */
async function verifyOptimisers({ gpu, file, comparison, softQ, clock, faults }: Update): Promise<void> {
  const { parameters } = softQ.mlp;
  const count = parameterCount(parameters);
  // A step of size zero moves the target alone.
  const still = { tensor: gpu.tensor('vectors.still', [parameters.size]), splits: 1 };
  const { target } = softQ;
  const follow = new Adam(gpu, parameters, still, clock, faults, {
    learningRate: [0],
    counts: 'updates',
    target,
  });
  await gpu.run(program('polyak', [follow.step]));
  const averaged = unpackFlat(parameters, await gpu.read(softQ.target.mlp.parameters.tensor));
  comparison.numbers(['polyak', 'target_after'], averaged, [count]);

  const grad = packFlat(parameters, file.numbers(['adam', 'grad'], [count]));
  const gradient = { tensor: gpu.tensorOf('vectors.grad', grad), splits: 1 };
  const [learningRate, beta1, beta2, epsilon] = ['lr', 'b1', 'b2', 'eps'].map((key) =>
    file.number(['adam', key]),
  ) as [number, number, number, number];
  const adam = new Adam(gpu, parameters, gradient, clock, faults, {
    learningRate: [learningRate],
    counts: 'updates',
    beta1,
    beta2,
    epsilon,
  });
  for (const step of [1, 2]) {
    gpu.write(
      gradient.tensor,
      grad.map((value) => value / step),
    );
    await gpu.run(program('adam', [adam.step, clock.tick({ updates: 1 })]));
    comparison.numbers(
      ['adam', `theta_after_${step}`],
      unpackFlat(parameters, await gpu.read(parameters.tensor)),
      [count],
    );
  }
}
