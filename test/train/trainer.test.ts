import { describe, expect, test } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint, type CheckpointFiles } from '../../src/train/checkpoint.ts';
import { resolveConfig } from '../../src/train/config.ts';
import { PRESETS } from '../../src/train/presets.ts';
import { Evaluator, relativeEntropy } from '../../src/train/evaluator.ts';
import type { MetricRow } from '../../src/train/metrics.ts';
import { DivergenceError, METRICS_INTERVAL, Trainer } from '../../src/train/trainer.ts';
import { GOAL_SPREAD } from '../oracles/multigoal-paper.ts';
import { GOALS } from '../oracles/multigoal.ts';
import { Draws } from '../oracles/random.ts';
import { expectClose, LINEAR_ALGEBRA } from '../support/compare.ts';
import { levelsOf } from '../../src/profile/levels.ts';
import { useGpu } from '../support/gpu.ts';
import { oracleCritic } from '../support/networks.ts';

const gpuOf = useGpu('layered');
const lanesGpuOf = useGpu('lanes');
const fusedGpuOf = useGpu('fused');

// Small in every direction but with all phases: 4 warm-up iterations, 10 critic-only updates, then both.
const SMALL = {
  environments: 16,
  warmupTransitions: 64,
  criticFirstUpdates: 10,
  updates: 60,
  batchSize: 8,
  hidden: [8, 8],
  replayCapacity: 500,
};

async function trainSmall(settings: Record<string, unknown> = {}) {
  const trainer = await Trainer.create(gpuOf(), resolveConfig({ ...SMALL, ...settings }));
  const rows: MetricRow[] = [];
  await trainer.run({ onProgress: (progress) => rows.push(...progress.rows) });
  return { trainer, rows, files: await encodeCheckpoint(await trainer.snapshot()) };
}

const filesOf =
  ({ files }: CheckpointFiles) =>
  (name: string) =>
    Promise.resolve(files.get(name)!);

describe('Trainer', () => {
  test('same seed, same adapter: the same checkpoint, however the run is cut up; another seed: another', async () => {
    const { files: first } = await trainSmall();
    const inParts = await Trainer.create(gpuOf(), resolveConfig(SMALL));
    for (const until of [1, 7, 31, 60]) await inParts.run({ until });
    const second = await encodeCheckpoint(await inParts.snapshot());
    expect(second.hash).toBe(first.hash);
    const { files: other } = await trainSmall({ seed: 1 });
    expect(other.hash).not.toBe(first.hash);
  });

  test.each(['soft-q', 'sac', 'ddpg'])(
    'a run of %s that goes on from a snapshot ends as the uninterrupted one, to the bit',
    async (algorithm) => {
      const settings = { algorithm, criticFirstUpdates: 10, noiseSigma: 0.2, finalTemperature: 5 };
      const { files } = await trainSmall(settings);
      // 7: in the critic-first phase. 40: the ring has run over.
      for (const until of [7, 40]) {
        const first = await Trainer.create(gpuOf(), resolveConfig({ ...SMALL, ...settings }));
        await first.run({ until });
        const snapshot = await decodeCheckpoint(filesOf(await encodeCheckpoint(await first.snapshot())));
        const second = await Trainer.create(gpuOf(), resolveConfig({ ...SMALL, ...settings }));
        expect(second.restore(snapshot)).toEqual([]);
        expect([second.updates, second.iteration]).toEqual([first.updates, first.iteration]);
        await second.run();
        expect((await encodeCheckpoint(await second.snapshot())).hash).toBe(files.hash);
      }
    },
  );

  test('a snapshot goes on with other environments and another ring, which start afresh; with other networks it is refused', async () => {
    const { trainer } = await trainSmall();
    const snapshot = await trainer.snapshot();
    const restored = async (settings: Record<string, unknown>) => {
      const other = await Trainer.create(gpuOf(), resolveConfig({ ...SMALL, ...settings }));
      return { other, afresh: other.restore(snapshot) };
    };
    const { other, afresh } = await restored({ environments: 20 });
    expect(afresh).toEqual(['environments']);
    expect(await other.clock.read()).toEqual(snapshot.clock);
    expect((await restored({ replayCapacity: 600 })).afresh).toEqual(['replay']);
    await expect(restored({ hidden: [8] })).rejects.toThrow(/These networks do not fit/);
  });

  test('single steps change what they are named after, and nothing else', async () => {
    const { trainer } = await trainSmall();
    const weights = async () => {
      const arrays = new Map((await trainer.algorithm.state()).map(({ name, data }) => [name, data]));
      const of = (prefix: string) =>
        [...arrays].filter(([name]) => name.startsWith(prefix)).flatMap(([, data]) => [...data]);
      return { q: of('q.'), policy: of('policy.') };
    };
    const [before, clock] = [await weights(), await trainer.clock.read()];
    expect(before.q.length * before.policy.length).toBeGreaterThan(0);
    trainer.step('environment');
    expect(await weights()).toEqual(before);
    trainer.step('critic');
    const afterCritic = await weights();
    expect(afterCritic.policy).toEqual(before.policy);
    expect(afterCritic.q).not.toEqual(before.q);
    trainer.step('policy');
    const afterPolicy = await weights();
    expect(afterPolicy.q).toEqual(afterCritic.q);
    expect(afterPolicy.policy).not.toEqual(before.policy);
    const { iteration, updates, policyUpdates } = clock;
    expect(await trainer.clock.read()).toMatchObject({
      iteration: iteration + 1,
      updates: updates + 2,
      policyUpdates: policyUpdates + 1,
    });
    expect((await trainer.readOut()).rows.map((row) => row.updates)).toEqual([updates + 2]);
  });

  test('an update before any transition is refused in a sentence', async () => {
    const trainer = await Trainer.create(gpuOf(), resolveConfig(SMALL));
    expect(() => trainer.step('critic')).toThrow(/step the environments first/);
    trainer.step('environment');
    trainer.step('critic');
    // What is forgotten is not learned from, though it still lies in the ring.
    await trainer.forget();
    expect(() => trainer.step('policy')).toThrow(/step the environments first/);
    const { trainer: trained } = await trainSmall();
    const snapshot = await trained.snapshot();
    const other = await Trainer.create(gpuOf(), resolveConfig({ ...SMALL, replayCapacity: 600 }));
    expect(other.restore(snapshot)).toEqual(['replay']);
    expect(() => other.step('critic')).toThrow(/step the environments first/);
  });

  test('the clock counts every phase, and the ring wraps', async () => {
    const { trainer } = await trainSmall();
    // 4 iterations of warm-up, then one for each of 60 updates; 64 iterations of 16 transitions in a ring of 500.
    const transitions = 64 * 16;
    expect(await trainer.clock.read()).toEqual({
      iteration: 64,
      updates: 60,
      policyUpdates: 50,
      replayCursor: transitions % 500,
      replaySize: 500,
    });
  });

  test('several updates per step, hard targets and the other choices train without a fault', async () => {
    const { trainer, rows } = await trainSmall({
      updatesPerStep: 3,
      targetTau: 1,
      targetInterval: 7,
      proposal: 'mixture',
      stein: 'raw',
      bandwidth: 'paper',
      updateOrder: 'sequential',
      noiseSigma: 0.3,
      finalTemperature: 5,
      temperatureUpdates: 30,
      updates: 60,
    });
    const { iteration, updates, policyUpdates } = await trainer.clock.read();
    // 12 critic updates before the phase changes: an iteration's three updates are of one kind.
    expect({ iteration, updates, policyUpdates }).toEqual({ iteration: 24, updates: 60, policyUpdates: 48 });
    expect(rows.at(-1)!.values['charts/temperature']).toBeCloseTo(5, 5);
  });

  test.each(['soft-q', 'sac', 'ddpg'])(
    'two critics, falling learning rates and a target entropy train %s without a fault, and a checkpoint holds both',
    async (algorithm) => {
      const tuned = algorithm === 'ddpg' ? {} : { targetEntropy: 0.5, temperatureLearningRate: 0.1 };
      const options = { algorithm, critics: 2, ensemble: 'min', finalLearningRateShare: 0.1, ...tuned };
      const { trainer, rows } = await trainSmall({ ...options, updates: 25, criticFirstUpdates: 0 });
      const { values } = rows.at(-1)!;
      expect(Object.values(values).every(Number.isFinite)).toBe(true);
      if (algorithm === 'ddpg') expect(values['charts/temperature']).toBe(10);
      else expect(values['charts/temperature']).not.toBe(10);
      const { learner } = await trainer.snapshot();
      const weights = learner.find(({ name }) => name === 'q.1.weight')!;
      expect(weights.shape).toEqual([2, 8, 8]);
      const [first, second] = [weights.data.subarray(0, 64), weights.data.subarray(64)];
      expect(first).not.toEqual(second);
      trainer.algorithm.restore(new Map(learner.map(({ name, data }) => [name, data])));
      expect((await trainer.snapshot()).learner).toEqual(learner);
    },
  );

  test('dispatches of an iteration and submits of the loop', async () => {
    const gpu = gpuOf();
    const trainer = await Trainer.create(gpu, resolveConfig({ ...SMALL, updates: 200 }));
    const counts = Object.entries(trainer.iterations).map(([name, { dispatches }]) => [
      name,
      dispatches.length,
    ]);
    expect(Object.fromEntries(counts)).toEqual({ warmup: 3, critic: 19, both: 41 });
    await trainer.run({ until: 100 });
    const before = gpu.submits;
    await trainer.run();
    expect(gpu.submits - before).toBe(4); // 100 iterations, 25 to a submit
  });

  test('dispatches and levels of an iteration of lanes', async () => {
    const gpu = lanesGpuOf();
    const trainer = await Trainer.create(gpu, resolveConfig({ ...SMALL, updates: 200 }));
    const counts = Object.entries(trainer.iterations).map(([name, one]) => [
      name,
      [one.dispatches.length, levelsOf(one)],
    ]);
    // Where there are no eight lanes it goes layer by layer.
    const expected =
      gpu.subgroupLanes === 8
        ? { warmup: [3, 3], critic: [11, 10], both: [20, 13] }
        : { warmup: [3, 3], critic: [19, 14], both: [41, 23] };
    expect(Object.fromEntries(counts)).toEqual(expected);
  });

  test('dispatches of a fused iteration', async () => {
    const trainer = await Trainer.create(fusedGpuOf(), resolveConfig({ ...SMALL, updates: 200 }));
    const counts = Object.entries(trainer.iterations).map(([name, one]) => [name, one.dispatches.length]);
    // Acting and stepping the environments are two, the clock is one.
    expect(Object.fromEntries(counts)).toEqual({ warmup: 3, critic: 7, both: 13 });
  });

  test.each(Object.keys(PRESETS))(
    'preset %s takes its first steps; large networks get small submits',
    async (preset) => {
      const gpu = gpuOf();
      // Enough to reach the update of both networks, and little enough for a software adapter.
      const short = {
        updates: 2,
        warmupTransitions: 1,
        criticFirstUpdates: 1,
        environments: 2,
        replayCapacity: 1000,
      };
      const trainer = await Trainer.create(gpu, resolveConfig({ preset, ...short }));
      const before = gpu.submits;
      await trainer.run();
      expect(await trainer.clock.read()).toMatchObject({ updates: 2, policyUpdates: 1 });
      // A warm-up iteration and two with updates: together, or one by one where an update is 4 GFLOP.
      expect(gpu.submits - before).toBe(preset === 'paper' ? 3 : 1);
    },
  );

  test.each([
    { algorithm: 'sac', mixtureComponents: 2, targetEntropy: 0.5 },
    { algorithm: 'ddpg', preset: 'paper', updates: 2, warmupTransitions: 20 },
  ])('%o trains without a fault, several to a submit', async (settings) => {
    const before = gpuOf().submits;
    const { trainer, rows } = await trainSmall(settings);
    expect((await trainer.clock.read()).updates).toBe(trainer.config.updates);
    expect(gpuOf().submits - before).toBeLessThan(6);
    const { 'charts/temperature': alpha, 'losses/policy_entropy': entropy } = rows.at(-1)?.values ?? {};
    if (trainer.config.targetEntropy === null) return;
    expect(alpha).not.toBe(trainer.config.temperature);
    expect(entropy).toSatisfy(Number.isFinite);
  });

  test('metrics come one row every interval, with finite numbers under their names', async () => {
    const { rows } = await trainSmall();
    expect(rows.map(({ updates }) => updates)).toEqual([METRICS_INTERVAL, 2 * METRICS_INTERVAL]);
    expect(rows.map(({ iteration }) => iteration)).toEqual([METRICS_INTERVAL + 4, 2 * METRICS_INTERVAL + 4]);
    expect(Object.keys(rows[0]!.values)).toEqual([
      'losses/critic_loss',
      'losses/q_values',
      'losses/soft_value',
      'charts/temperature',
      'losses/bandwidth',
      'charts/finished_share',
      'charts/episodic_return',
      'charts/episodic_length',
      'charts/success',
    ]);
    const { values } = rows.at(-1)!;
    expect(Object.values(values).every(Number.isFinite)).toBe(true);
    expect(values['charts/episodic_length']).toBeGreaterThanOrEqual(1);
    expect(values['charts/episodic_length']).toBeLessThanOrEqual(30);
    expect(values['charts/episodic_return']).toBeLessThan(-30);
  });

  test('where nothing terminates, no row counts it as a success', async () => {
    const { rows } = await trainSmall({ environment: 'multigoal-paper', updates: METRICS_INTERVAL });
    expect(Object.keys(rows[0]!.values)).toContain('charts/episodic_length');
    expect(Object.keys(rows[0]!.values)).not.toContain('charts/success');
  });

  test('a row holds the means of what the GPU holds, and unfinished episodes do not count', async () => {
    // 25 updates after 4 iterations of warm-up: no episode can have been cut twice, some have not ended at all.
    const { trainer, rows } = await trainSmall({
      updates: METRICS_INTERVAL,
      warmupTransitions: 16,
      criticFirstUpdates: 25,
    });
    const { values } = rows[0]!;
    const episode = await gpuOf().read(trainer.env.episode);
    const environments = SMALL.environments;
    const followers = Array.from({ length: environments }, (_, i) => i).slice(Math.floor(0.2 * environments));
    const field = (index: number) => followers.map((i) => episode[index * environments + i]!);
    const finished = field(5).filter((flag) => flag === 1).length;
    const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
    expect(finished).toBeGreaterThan(0);
    expect(finished).toBeLessThan(followers.length);
    expectClose(
      [
        values['charts/finished_share']!,
        values['charts/episodic_return']!,
        values['charts/episodic_length']!,
      ],
      [finished / followers.length, sum(field(2)) / finished, sum(field(3)) / finished],
      LINEAR_ALGEBRA,
    );
    expectClose([values['charts/success']!], [sum(field(4)) / finished], LINEAR_ALGEBRA);
  });

  test('a weight that leaves the numbers stops the run, named with its update', async () => {
    const trainer = await Trainer.create(gpuOf(), resolveConfig(SMALL));
    await trainer.run({ until: 20 });
    const { parameters } = trainer.algorithm.softQ.mlp;
    const flat = await gpuOf().read(parameters.tensor);
    flat[parameters.layers[1]!.weights] = NaN;
    gpuOf().write(parameters.tensor, flat);
    const failure = await trainer.run().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DivergenceError);
    expect((failure as Error).message).toMatch(
      /became NaN or infinite in update 21 \(iteration 25\); tensor 'q\.\d\.(weight|bias)'/,
    );
    await expect(trainer.snapshot()).rejects.toThrow(DivergenceError);
  });

  test('an aborted run stops early and can still be saved', async () => {
    const trainer = await Trainer.create(gpuOf(), resolveConfig({ ...SMALL, updates: 100_000 }));
    await trainer.run({ signal: AbortSignal.abort() });
    expect(trainer.updates).toBe(0);
    expect((await trainer.snapshot()).clock.updates).toBe(0);
  });
});

describe('Evaluator', () => {
  test('rollouts are episodes: connected, ended by a goal or the time limit, the same every time', async () => {
    const { trainer } = await trainSmall({ updates: 5, criticFirstUpdates: 5 });
    const evaluator = new Evaluator(gpuOf(), trainer.algorithm, trainer.environment, {
      rollouts: 33,
      seed: 4,
    });
    const rollouts = await evaluator.rollOut();
    expect(rollouts).toHaveLength(33);
    for (const { observations, length, terminated, outcome } of rollouts) {
      expect(observations).toHaveLength(length + 1);
      expect(terminated ? outcome !== null : outcome === null && length === 30).toBe(true);
      for (let i = 1; i < observations.length; i++) {
        for (let d = 0; d < 2; d++) {
          // A step moves each coordinate by at most 1 (plus the rounding of the position).
          expect(Math.abs(observations[i]![d]! - observations[i - 1]![d]!)).toBeLessThanOrEqual(1 + 1e-6);
        }
      }
    }
    expect(await evaluator.rollOut()).toEqual(rollouts);
    const { success, meanLength, outcomeShares } = evaluator.summarise(rollouts);
    expect(success).toBeCloseTo(rollouts.filter(({ terminated }) => terminated).length / 33, 12);
    expect(outcomeShares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(success, 12);
    expect(meanLength).toBeCloseTo(rollouts.reduce((sum, { length }) => sum + length, 0) / 33, 12);
  });

  test('an episode without an end of its own counts for the goal at which it is cut', async () => {
    const config = resolveConfig({ ...SMALL, environment: 'multigoal-paper', seed: 4 });
    const { algorithm, environment } = await Trainer.create(gpuOf(), config);
    const evaluator = new Evaluator(gpuOf(), algorithm, environment, { rollouts: 300, seed: 1 });
    const rollouts = await evaluator.rollOut();
    const reached = rollouts.filter(({ observations, length, terminated, outcome }) => {
      expect([length, terminated]).toEqual([20, false]);
      const [x, y] = observations.at(-1) as [number, number];
      const goal = GOALS.findIndex(([gx, gy]) => Math.hypot(x - gx, y - gy) < GOAL_SPREAD);
      expect(outcome).toBe(goal < 0 ? null : goal);
      return goal >= 0;
    });
    // The untrained policy of this seed wanders far enough to be at a goal now and then.
    expect(reached.length).toBeGreaterThan(0);
    expect(reached.length).toBeLessThan(300);
    expect(evaluator.summarise(rollouts).success).toBeCloseTo(reached.length / 300, 12);
  });

  test.each(['mean', 'min'] as const)(
    'values are those of the %s of two critics, in raw reward',
    async (ensemble) => {
      const config = resolveConfig({ ...SMALL, critics: 2, ensemble });
      const { algorithm, environment } = await Trainer.create(gpuOf(), config);
      const evaluator = new Evaluator(gpuOf(), algorithm, environment, { rollouts: 1, seed: 0 });
      const rows = new Draws(5).uniformRows(40, 4, -1, 1).map((row) => row.map(Math.fround));
      const { softQ } = algorithm;
      const critic = await oracleCritic(gpuOf(), softQ, softQ.mlp, 0);
      const q = critic.values(rows).map((value) => value / 0.1);
      expectClose(await evaluator.valuesAt(rows, 0.1), q, LINEAR_ALGEBRA);
    },
  );

  test('rolling out leaves the run as it was', async () => {
    const trainer = await Trainer.create(gpuOf(), resolveConfig(SMALL));
    await trainer.run({ until: 30 });
    const evaluator = new Evaluator(gpuOf(), trainer.algorithm, trainer.environment, {
      rollouts: 8,
      seed: 0,
    });
    await evaluator.rollOut();
    await evaluator.actionsAt([[0, 0]], 16);
    await evaluator.valuesAt([[0, 0, 0, 0]], 0.1);
    await trainer.run();
    const { files } = await trainSmall();
    expect((await encodeCheckpoint(await trainer.snapshot())).hash).toBe(files.hash);
  });
});

describe('entropies', () => {
  test('shares: even is 1, one alone is 0, failures do not count', () => {
    expect(relativeEntropy([0.25, 0.25, 0.25, 0.25])).toBeCloseTo(1, 12);
    expect(relativeEntropy([0.2, 0.2, 0.2, 0.2])).toBeCloseTo(1, 12);
    expect(relativeEntropy([1, 0, 0, 0])).toBe(0);
    expect(relativeEntropy([0, 0, 0, 0])).toBe(0);
    expect(relativeEntropy([0.5, 0.5, 0, 0])).toBeCloseTo(0.5, 12);
  });
});
