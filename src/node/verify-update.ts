import { Clock } from '../gpu/clock.ts';
import { UsageError } from '../gpu/errors.ts';
import { Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import { Adam } from '../nn/adam.ts';
import type { ParameterGradient } from '../nn/mlp.ts';
import type { Parameters } from '../nn/parameters.ts';
import { squash } from '../rl/policy.ts';
import { Proposal } from '../rl/proposal.ts';
import { ReplayBuffer } from '../rl/replay-buffer.ts';
import { SamplingNetwork, type NetworkDraw } from '../rl/sampling-network.ts';
import { SoftQFunction, type ActionGradient } from '../rl/soft-q-function.ts';
import { Svgd, type BandwidthRule, type SteinKind } from '../svgd/svgd.ts';
import { chunks, columns, Comparison, type Key, type VectorFile, type VectorRow } from './vector-file.ts';

/** Through exp in the Stein kernel, whose exponents multiply rounding errors. */
const STEIN_TOLERANCE = 2e-4;

/** Smallest bandwidth that the files' rules give. */
const FLOOR = 1e-3;

const KINDS: Readonly<Record<string, SteinKind>> = { ref: 'released', tanhk: 'tanh-kernel', raw: 'raw' };
const RULES: Readonly<Record<string, BandwidthRule>> = { ref: 'code', k1: 'plus-one' };

/** Rows of `width` numbers, zero-padded as the dense layers read them. */
function padRows(width: number, rows: readonly (readonly number[])[]): Float32Array<ArrayBuffer> {
  const stride = padded(width);
  const flat = new Float32Array(rows.length * stride);
  rows.forEach((row, i) => flat.set(row, i * stride));
  return flat;
}

/** Flat parameters W1, b1, W2, ... in the padded layout. */
function packFlat(parameters: Parameters, flat: readonly number[]): Float32Array<ArrayBuffer> {
  let end = 0;
  const arrays = parameters.unpack(new Float32Array(parameters.size)).map(({ name, data }) => {
    end += data.length;
    return [name, Float32Array.from(flat.slice(end - data.length, end))] as const;
  });
  return parameters.pack(new Map(arrays));
}

/** How many numbers the flat parameters have without padding. */
function parameterCount({ layers }: Parameters): number {
  return layers.reduce((sum, { inputSize, outputSize }) => sum + (inputSize + 1) * outputSize, 0);
}

/** The reverse of `packFlat`. */
function unpackFlat(parameters: Parameters, flat: Float32Array): number[] {
  return parameters.unpack(flat).flatMap(({ data }) => [...data]);
}

async function summedGradient(
  gpu: Gpu,
  parameters: Parameters,
  { tensor, splits }: ParameterGradient,
): Promise<number[]> {
  const partial = await gpu.read(tensor);
  const sum = new Float32Array(parameters.size);
  for (let i = 0; i < splits * parameters.size; i++) sum[i % parameters.size]! += partial[i]!;
  return unpackFlat(parameters, sum);
}

/** Everything that the parts of one update share. */
interface Update {
  readonly gpu: Gpu;
  readonly file: VectorFile;
  readonly comparison: Comparison;
  readonly clock: Clock;
  readonly seeds: Tensor;
  readonly faults: Faults;
  readonly softQ: SoftQFunction;
  readonly samplingNetwork: SamplingNetwork;
  /** B, S, A and the size of xi */
  readonly states: number;
  readonly observationSize: number;
  readonly actionSize: number;
  readonly latentSize: number;
  readonly rewardScale: number;
  /** alpha in raw reward units, (1) */
  readonly temperature: Tensor;
}

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
  if (sizesQ[0] !== observationSize + actionSize || latentSize < 1) {
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
  const gradient = softQ.actionGradient(fixed * states);
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

/** Rows that lie particle-major, (particles, B, width), as the files have them: (B, particles, width). */
function byState(rows: readonly number[][], states: number): number[][] {
  const particles = rows.length / states;
  return Array.from(
    { length: rows.length },
    (_, i) => rows[(i % particles) * states + Math.floor(i / particles)]!,
  );
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
  await gpu.run(program('polyak', [softQ.target.update]));
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
