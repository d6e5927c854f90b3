import { multigoal, MULTIGOAL_BOUND, MULTIGOAL_GOALS, MULTIGOAL_RADIUS } from '../../src/envs/multigoal.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { normalPair, random } from '../../src/gpu/random.ts';
import { program, type Program } from '../../src/gpu/program.ts';
import { constantsOf, shaderSource } from '../../src/gpu/shader.ts';
import { recordSize } from '../../src/rl/replay-buffer.ts';
import { resolveConfig } from '../../src/train/config.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { Disagreement, type Benchmark } from '../support/host.ts';
import { programWork, type Work } from '../support/measure.ts';
import { layersOf, type Layer } from '../support/update.ts';

/** The multi-goal task as numbers; see `src/envs/multigoal.ts`. */
export interface World {
  readonly goals: readonly (readonly [number, number])[];
  readonly bound: number;
  readonly radius: number;
  readonly maxEpisodeSteps: number;
}

/** Multi-goal environments after their reset, as numbers. */
export interface EnvironmentProblem extends World {
  /** (E, 2) */
  readonly position: Float32Array<ArrayBuffer>;
  /** (E, 2), uniform in [-1, 1]^2; what is done where there is no policy */
  readonly action: Float32Array<ArrayBuffer>;
  /** The sampling network and its noise (E, latent size), where it acts. */
  readonly policy: { readonly layers: readonly Layer[]; readonly noise: Float32Array<ArrayBuffer> } | null;
}

/** The task as it is by default. */
export const WORLD: World = {
  goals: MULTIGOAL_GOALS,
  bound: MULTIGOAL_BOUND,
  radius: MULTIGOAL_RADIUS,
  maxEpisodeSteps: multigoal.spec.maxEpisodeSteps,
};

/** A layer of 64 for 2^20 environments is more than software adapters allow in one binding. */
const SIZES = { physics: [1024, 32_768, 1_048_576], policy: [1024, 32_768, 262_144] } as const;
/** Widths of the default preset. */
const HIDDEN = [64, 64];
/** The noise is as large as the action. */
const SETTINGS = { environment: 'multigoal', batchSize: 16, latentSize: 2, randomShare: 0 };
/** Positions and rewards are a few sums; the policy's actions go through log, cos and tanh, on SwiftShader with 1e-4. */
const TOLERANCE = { physics: 1e-5, policy: 1e-3 } as const;
const STREAM_ACT = constantsOf(shaderSource('common/random.wgsl'))['STREAM_ACT']!;

/** Steps of many environments at once against jax-js, and their memory traffic against plain copies. */
export const ENVIRONMENT_BENCHMARKS: readonly Benchmark[] = [
  ...SIZES.physics.map((environments) => againstJax('physics', environments)),
  ...SIZES.policy.map((environments) => againstJax('policy', environments)),
  againstCopies(SIZES.physics.at(-1)!),
];

function againstJax(what: 'physics' | 'policy', environments: number): Benchmark {
  const name = `environments/${what}-${environments}`;
  return {
    name,
    title: `${environments} environments, ${what === 'policy' ? 'with the policy' : 'physics only'}; peer: jax-js, WebGPU`,
    counts: 'environment steps',
    cpu: 'process',
    prepare: async ({ gpu }) => {
      const ours = await environmentsOf(gpu, environments, what === 'policy');
      const { JaxEnvironments } = await import('../peers/jax.ts');
      const peer = await JaxEnvironments.create(ours.problem);
      await ours.work.run(1);
      requireSameStep(await ours.outcome(), await peer.step(), TOLERANCE[what], name);
      const steps = { run: (times: number) => peer.run(times), size: environments };
      return { ours: ours.work, peer: steps, dispose: () => peer.dispose() };
    },
  };
}

function againstCopies(environments: number): Benchmark {
  return {
    name: 'environments/bandwidth',
    title: `memory traffic of ${environments} environments, physics only; peer: buffer copies`,
    counts: 'GB',
    cpu: 'process',
    prepare: async ({ gpu }) => {
      const { work } = await environmentsOf(gpu, environments, false);
      const ours = { ...work, size: environments * BYTES_PER_STEP * 1e-9 };
      const peer = copyWork(gpu, (environments * BYTES_PER_STEP) / 2);
      await ours.run(1);
      await peer.run(1);
      return { ours, peer, dispose: () => undefined };
    },
  };
}

/** State, observation, length and return are read and written, the action is read, the transition written: in floats. */
const BYTES_PER_STEP = 4 * (2 * (2 + 2 + 1 + 1) + 2 + recordSize(2, 2));

/** Copies of `bytes` from one buffer to another; each byte is read once and written once. */
function copyWork(gpu: Gpu, bytes: number): Work {
  const [from, to] = ['from', 'to'].map((label) => gpu.tensor(`copy.${label}`, [bytes / 4]));
  const run = async (times: number) => {
    const encoder = gpu.device.createCommandEncoder();
    for (let i = 0; i < times; i++) encoder.copyBufferToBuffer(from!.buffer, 0, to!.buffer, 0, bytes);
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.idle();
  };
  return { run, size: 2 * bytes * 1e-9 };
}

/** Where the environments went in a step, (E, 2), and their rewards, (E). */
export interface StepOutcome {
  readonly position: Float32Array;
  readonly reward: Float32Array;
}

/** Our environments with random actions or the policy's, before their first step. */
async function environmentsOf(gpu: Gpu, environments: number, withPolicy: boolean) {
  // A policy that does not act is made all the same, and may be small.
  const hidden = withPolicy ? HIDDEN : [4];
  const config = resolveConfig({ ...SETTINGS, hidden, environments, replayCapacity: environments });
  const trainer = await Trainer.create(gpu, config);
  const { env, replay, clock, algorithm } = trainer;
  const { behaviour } = algorithm;
  await gpu.run(program('bench.act', [behaviour.random]));
  const act: Program[] = withPolicy ? [behaviour.policy] : [];
  const step = program('bench.step', [
    ...act,
    env.step(behaviour.action, replay.sink),
    clock.tick({ iterations: 1 }),
  ]);
  const noise = () =>
    Float32Array.from(
      Array.from({ length: environments }, (_, row) => {
        const [first, second] = random(config.seed, STREAM_ACT, 0, row);
        return normalPair(first, second);
      }).flat(),
    );
  const policy = withPolicy ? { layers: layersOf(await algorithm.state(), 'policy'), noise: noise() } : null;
  const problem: EnvironmentProblem = {
    position: await gpu.read(env.observation),
    action: await gpu.read(behaviour.action),
    policy,
    ...WORLD,
  };
  const outcome = async (): Promise<StepOutcome> => {
    const size = recordSize(2, 2);
    const ring = await gpu.read(replay.ring);
    return {
      position: await gpu.read(env.observation),
      reward: Float32Array.from({ length: environments }, (_, i) => ring[i * size + 4]!),
    };
  };
  return { work: programWork(gpu, step, environments), problem, outcome };
}

/** @throws Disagreement if a position or reward of the first step, in which no episode ends, is another. */
function requireSameStep(ours: StepOutcome, peer: StepOutcome, tolerance: number, name: string): void {
  for (const what of ['position', 'reward'] as const) {
    const largest = ours[what].reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const i = ours[what].findIndex((value, at) => !(Math.abs(value - peer[what][at]!) < tolerance * largest));
    if (i >= 0) {
      throw new Disagreement(
        `${name}: number ${i} of the ${what}s is ${peer[what][i]}, ours ${ours[what][i]}.`,
      );
    }
  }
}
