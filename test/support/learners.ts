import { expect, vi } from 'vitest';
import type { Algorithm, LearnerContext, LearnerOptions } from '../../src/algorithms/algorithm.ts';
import type { SacOptions } from '../../src/algorithms/sac.ts';
import type { SoftQLearningOptions } from '../../src/algorithms/soft-q-options.ts';
import { multigoal } from '../../src/envs/multigoal.ts';
import { VectorEnv } from '../../src/envs/vector-env.ts';
import { Clock } from '../../src/gpu/clock.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { program } from '../../src/gpu/program.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import type { Mlp } from '../../src/nn/mlp.ts';
import { recordSize, ReplayBuffer } from '../../src/rl/replay-buffer.ts';
import type { OracleCritic } from '../oracles/critic.ts';
import { adamStart, adamStep, mlpBackward, mlpForward, polyak, type OracleMlp } from '../oracles/mlp.ts';
import { Draws } from '../oracles/random.ts';
import { criticLoss, tdTarget } from '../oracles/soft-value.ts';
import { expectClose, LINEAR_ALGEBRA, TRANSCENDENTAL } from './compare.ts';
import { unpadRows } from './gpu.ts';
import { oracleCritic, oracleMlp, oracleParameters, randomiseParameters } from './networks.ts';

/** Small in every direction, and no two sizes alike. */
export const LEARNER: LearnerOptions = {
  temperature: 5,
  finalTemperature: 5,
  temperatureUpdates: 1,
  targetEntropy: null,
  temperatureLearningRate: 0.3,
  rewardScale: 0.125,
  discount: 0.95,
  batchSize: 5,
  hidden: [6, 6],
  activation: 'relu',
  critics: 1,
  ensemble: 'mean',
  criticLearningRate: 0.2,
  policyLearningRate: 0.05,
  finalLearningRateShare: 1,
  updates: 100,
  targetTau: 0.1,
  targetInterval: 1,
  updateOrder: 'simultaneous',
  randomShare: 0.5,
  noiseTheta: 0.15,
  noiseSigma: 0,
};

/** Soft Q-learning with every size small. */
export const SOFT_Q: SoftQLearningOptions = {
  ...LEARNER,
  latentSize: 2,
  valueParticles: 7,
  proposal: 'uniform',
  mixtureSpread: 0.3,
  fixedParticles: 6,
  updatedParticles: 9,
  stein: 'tanh-kernel',
  bandwidth: 'code',
  bandwidthFloor: 1e-3,
  repulsion: true,
};

/** Soft actor-critic with a mixture, every size small. */
export const SAC: SacOptions = {
  ...LEARNER,
  components: 2,
  valueParticles: 7,
  policyParticles: 4,
};

const SIZES = { observationSize: 2, actionSize: 2 };
const ENVIRONMENTS = 5;

/** A learner of `seeds.length` members in environments of its own, and all tensors made for it, by label. */
export interface LearnerUnderTest<L extends Algorithm> {
  readonly gpu: Gpu;
  readonly learner: L;
  readonly members: number;
  readonly clock: Clock;
  readonly replay: ReplayBuffer;
  readonly env: VectorEnv;
  readonly tensor: (label: string) => Tensor;
}

/** What `make` makes of a context with the members' seeds, multi-goal environments and a ring of 64 transitions. */
export function learnerOf<L extends Algorithm>(
  gpu: Gpu,
  seeds: readonly number[],
  make: (context: LearnerContext) => L,
): LearnerUnderTest<L> {
  const made = vi.spyOn(gpu, 'tensor');
  const members = seeds.length;
  const capacity = 64;
  const clock = new Clock(gpu, { transitions: ENVIRONMENTS, capacity });
  const seedTensor = gpu.tensorOf('seeds', Uint32Array.from(seeds));
  const replay = new ReplayBuffer(gpu, { ...SIZES, members, capacity });
  const shared = { environments: ENVIRONMENTS, members, seeds: seedTensor, clock };
  const env = new VectorEnv(gpu, multigoal, shared);
  const { observation, episodeLength } = env;
  const seen = { observation, episodeLength, episodeStride: env.episode.size / members };
  const learner = make({ ...SIZES, ...shared, replay, ...seen });
  const tensors = new Map(made.mock.results.map(({ value }) => [(value as Tensor).label, value as Tensor]));
  made.mockRestore();
  return { gpu, learner, members, clock, replay, env, tensor: (label) => tensors.get(label)! };
}

/** Fills the ring with transitions that no environment made, some of them terminated. */
export function fillRing({ gpu, members, replay, clock }: LearnerUnderTest<Algorithm>): void {
  const draws = new Draws(3);
  const size = recordSize(2, 2);
  const records = draws.uniformRows(members * replay.capacity, size, -2, 2);
  records.forEach((record, i) => record.splice(size - 2, 2, Number(i % 4 === 0), Number(i % 4 === 1)));
  gpu.write(replay.ring, Float32Array.from(records.flat()));
  clock.write({ iteration: 11, replaySize: replay.capacity });
}

/** One member's numbers of a tensor whose first axis is the members'. */
export async function numbersOf(
  { gpu, members }: LearnerUnderTest<Algorithm>,
  tensor: Tensor,
  member: number,
): Promise<number[]> {
  const size = tensor.size / members;
  return [...(await gpu.read(tensor)).subarray(member * size, (member + 1) * size)];
}

/** One member's rows of logical width of a tensor with padded rows. */
export async function rowsOf(
  one: LearnerUnderTest<Algorithm>,
  tensor: Tensor,
  member: number,
  width: number,
): Promise<number[][]> {
  return unpadRows(Float32Array.from(await numbersOf(one, tensor, member)), width);
}

/** One member's states in a tensor of a minibatch, (B, 2). */
export async function statesOf(
  one: LearnerUnderTest<Algorithm>,
  tensor: Tensor,
  member: number,
): Promise<number[][]> {
  const flat = await numbersOf(one, tensor, member);
  const { observationSize: s } = SIZES;
  return Array.from({ length: flat.length / s }, (_, b) => flat.slice(b * s, (b + 1) * s));
}

/** The gradient of one of a network's members, its partial sums added up, in the oracle's order. */
async function summed(
  { gpu, tensor }: LearnerUnderTest<Algorithm>,
  label: string,
  { parameters }: Mlp,
  member: number,
): Promise<number[]> {
  const gradient = tensor(label);
  const [length, size] = [gradient.size / parameters.members, gradient.shape.at(-1)!];
  const flat = new Float32Array(parameters.members * size);
  const partial = (await gpu.read(gradient)).subarray(member * length, (member + 1) * length);
  partial.forEach((value, i) => (flat[member * size + (i % size)]! += value));
  return oracleParameters(parameters, flat, member);
}

/** A learner's networks in float64; `actorTarget` where the policy has a target. */
export interface OracleNetworks {
  readonly critic: OracleCritic;
  readonly target: OracleCritic;
  readonly actor: OracleMlp;
  readonly actorTarget?: OracleMlp;
}

/** A minibatch in logical shapes: rows [s, a], (B, S + A), and (B) numbers each. */
export interface Minibatch {
  readonly x: number[][];
  readonly reward: number[];
  readonly terminated: number[];
}

async function sampledBatch(one: LearnerUnderTest<Algorithm>, member: number): Promise<Minibatch> {
  const of = (name: string) => numbersOf(one, one.tensor(`batch.${name}`), member);
  const [reward, terminated] = [await of('reward'), await of('terminated')];
  return { x: await rowsOf(one, one.tensor('batch.stateAction'), member, 4), reward, terminated };
}

/** What `expectUpdates` looks at, and how a learner differs from the others, in float64. */
export interface UpdateReference<L extends Algorithm> {
  readonly options: LearnerOptions;
  /** The network behind the policy. */
  readonly actor: (learner: L) => Mlp;
  /** The minibatch that the GPU drew, if it is not in the tensors of a `Batch`. */
  readonly minibatch?: (one: LearnerUnderTest<L>, member: number) => Promise<Minibatch>;
  /** The critics' losses, (n B), if they are not in a tensor of their own. */
  readonly losses?: (one: LearnerUnderTest<L>, member: number) => Promise<number[]>;
  /** V(s') of the minibatch, (B), from the actions that the GPU drew. */
  readonly nextValues: (
    one: LearnerUnderTest<L>,
    member: number,
    networks: OracleNetworks,
  ) => Promise<number[]>;
  /** Gradient of the actor's loss with respect to its parameters, at the actions that the GPU drew. */
  readonly actorGradient: (
    one: LearnerUnderTest<L>,
    member: number,
    networks: OracleNetworks,
  ) => Promise<number[]>;
}

/** The networks of a member as they are on the GPU. */
export async function networksOf<L extends Algorithm>(
  { gpu, learner, tensor }: LearnerUnderTest<L>,
  actor: Mlp,
  member: number,
): Promise<OracleNetworks> {
  const { softQ } = learner;
  const followed = tensor('policy-target') as Tensor | undefined;
  return {
    critic: await oracleCritic(gpu, softQ, softQ.mlp, member),
    target: await oracleCritic(gpu, softQ, softQ.target.mlp, member),
    actor: await oracleMlp(gpu, actor, member),
    ...(followed && { actorTarget: await oracleMlp(gpu, actor, member, followed) }),
  };
}

/**
 * Runs two updates of both networks from random parameters on a ring of arbitrary transitions and compares with float64,
 * for every member: critic and actor gradient, loss, Adam's steps, target networks. Says whether the actor looked at
 * the critic from before or after its step.
 */
export async function expectUpdates<L extends Algorithm>(
  one: LearnerUnderTest<L>,
  reference: UpdateReference<L>,
): Promise<void> {
  const { gpu, learner, members, clock } = one;
  const { options } = reference;
  const actorMlp = reference.actor(learner);
  randomiseParameters(gpu, learner.softQ.mlp, 1);
  randomiseParameters(gpu, learner.softQ.target.mlp, 2);
  randomiseParameters(gpu, actorMlp, 3);
  fillRing(one);
  const all = () => Promise.all(Array.from({ length: members }, (_, m) => networksOf(one, actorMlp, m)));
  let before = await all();
  const starts = ({ critic, actor }: OracleNetworks) =>
    [critic.networks.map(({ parameters }) => adamStart(parameters)), adamStart(actor.parameters)] as const;
  let adams = before.map(starts);
  for (let update = 0; update < 2; update++) {
    await gpu.run(learner.update.both, program('tick', [clock.tick({ updates: 1, policyUpdates: 1 })]));
    const after = await all();
    const moves = [];
    for (const [m, then] of before.entries()) {
      const now = after[m]!;
      const criticGrads: number[][] = [];
      const losses = reference.losses
        ? await reference.losses(one, m)
        : await numbersOf(one, one.tensor('criticLoss'), m);
      const critics = await criticReferences(one, reference, m, then);
      for (const [c, { gradient, loss }] of critics.entries()) {
        const id = m * critics.length + c;
        criticGrads.push(await summed(one, 'q.parameterGrad', learner.softQ.mlp, id));
        expectClose(criticGrads[c]!, gradient, TRANSCENDENTAL);
        const mine = losses.slice(c * options.batchSize, (c + 1) * options.batchSize);
        const mean = mine.reduce((sum, value) => sum + value, 0) / options.batchSize;
        expectClose([mean], [loss], TRANSCENDENTAL);
      }

      const [seen, other] = options.updateOrder === 'simultaneous' ? [then, now] : [now, then];
      const actorGrad = await summed(one, 'particles.parameterGrad', actorMlp, m);
      const gradientAt = (networks: OracleNetworks) =>
        reference.actorGradient(one, m, { ...then, critic: networks.critic });
      expectClose(actorGrad, await gradientAt(seen), TRANSCENDENTAL);
      const wrong = await gradientAt(other);
      const gap = Math.max(...wrong.map((value, i) => Math.abs(value - actorGrad[i]!)));
      expect(gap / Math.max(...wrong.map(Math.abs))).toBeGreaterThan(50 * TRANSCENDENTAL);

      // Adam gets the GPU's own gradient: its first steps are signs, which rounding turns where a slope is zero.
      const [q, policy] = adams[m]!;
      const moved = [
        criticGrads.map((grad, c) => adamStep(q[c]!, grad, { learningRate: options.criticLearningRate })),
        adamStep(policy, actorGrad, { learningRate: options.policyLearningRate }),
      ] as const;
      moves.push(moved);
      expectClose(now.actor.parameters, moved[1].theta, LINEAR_ALGEBRA);
      const follow = (target: OracleMlp, online: ArrayLike<number>) =>
        (update + 1) % options.targetInterval === 0
          ? polyak(target.parameters, online, options.targetTau)
          : target.parameters;
      for (const [c, { theta }] of moved[0].entries()) {
        expectClose(now.critic.networks[c]!.parameters, theta, LINEAR_ALGEBRA);
        const target = follow(then.target.networks[c]!, theta);
        expectClose(now.target.networks[c]!.parameters, target, LINEAR_ALGEBRA);
      }
      if (then.actorTarget) {
        expectClose(now.actorTarget!.parameters, follow(then.actorTarget, moved[1].theta), LINEAR_ALGEBRA);
      }
    }
    adams = moves;
    before = after;
  }
  expect(learner.faults.first(await gpu.read({ ...learner.faults.tensor, type: 'u32' }))).toBeUndefined();
}

/** J_Q = mean of 1/2 (Q(s, a) - r - gamma V(s'))^2 over the minibatch that the GPU drew, and its gradient, of each critic. */
async function criticReferences<L extends Algorithm>(
  one: LearnerUnderTest<L>,
  { options, nextValues, minibatch = sampledBatch }: UpdateReference<L>,
  member: number,
  networks: OracleNetworks,
) {
  const { discount, rewardScale } = options;
  const { x, reward, terminated } = await minibatch(one, member);
  const values = await nextValues(one, member, networks);
  const y = values.map((nextValue, b) =>
    tdTarget({ reward: reward[b]!, terminated: terminated[b]!, nextValue, discount, rewardScale }),
  );
  return networks.critic.networks.map((network) => {
    const { loss, valueGrad } = criticLoss(mlpForward(network, x).flat(), y);
    const outputGrad = valueGrad.map((value) => [value]);
    return { loss, gradient: mlpBackward(network, x, outputGrad).parameterGrad };
  });
}

/** Trains from scratch through all phases: random acting, the critic alone, then both with the policy acting. */
export async function trainShortly(
  { gpu, learner, env, clock, replay }: LearnerUnderTest<Algorithm>,
  seeds: readonly number[],
): Promise<void> {
  await learner.initialise(seeds);
  const collect = (act: typeof learner.behaviour.random) =>
    program('collect', [act, env.step(learner.behaviour.action, replay.sink), clock.tick({ iterations: 1 })]);
  const update = (phase: 'critic' | 'both') =>
    program('update', [
      learner.update[phase],
      clock.tick({ updates: 1, policyUpdates: phase === 'both' ? 1 : 0 }),
    ]);
  const [random, policy] = [collect(learner.behaviour.random), collect(learner.behaviour.policy)];
  const [critic, both] = [update('critic'), update('both')];
  const warm = Array.from({ length: 8 }, () => random);
  await gpu.run(env.reset(), ...warm, critic, policy, both, policy, both, both);
}
