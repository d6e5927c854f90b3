import { describe, expect, test } from 'vitest';
import actionField from '../../demo/shaders/action_field.wgsl?raw';
import actionRows from '../../demo/shaders/action_rows.wgsl?raw';
import field from '../../demo/shaders/field.wgsl?raw';
import planeRows from '../../demo/shaders/plane_rows.wgsl?raw';
import planeValues from '../../demo/shaders/plane_values.wgsl?raw';
import transition from '../../demo/shaders/transition.wgsl?raw';
import { layOut } from '../../demo/session/panels.ts';
import { Pipelines, type BindingKind } from '../../demo/session/pipelines.ts';
import { partsOf } from '../../demo/session/profiler.ts';
import { energySummary, worldSummary } from '../../demo/session/summaries.ts';
import { LATTICE } from '../../demo/session/energy-view.ts';
import { program } from '../../src/gpu/program.ts';
import { constantsOf, packStruct, structOf } from '../../src/gpu/shader.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { resolveConfig } from '../../src/train/config.ts';
import { Evaluator } from '../../src/train/evaluator.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { relativeError } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';

const gpu = useGpu();
const { SIDE, PLANE_SIDE, PLANE_ACTIONS } = constantsOf(field) as Record<string, number> & {
  SIDE: number;
  PLANE_SIDE: number;
  PLANE_ACTIONS: number;
};
const CONFIG = resolveConfig({
  environments: 8,
  replayCapacity: 20,
  warmupTransitions: 8,
  batchSize: 8,
  hidden: [16],
});

/** A uniform with `struct Energy`. */
function energyOf(values: Readonly<Record<string, number>>): GPUBuffer {
  const struct = structOf(field, 'Energy')!;
  const zeros = Object.fromEntries(struct.fields.map(({ name }) => [name, 0]));
  const { UNIFORM, COPY_DST } = GPUBufferUsage;
  const buffer = gpu().device.createBuffer({ size: struct.size, usage: UNIFORM | COPY_DST });
  gpu().device.queue.writeBuffer(buffer, 0, packStruct(struct, { ...zeros, ...values }, 'energy'));
  return buffer;
}

/** The step of a shader of the energy view. */
async function step(
  label: string,
  code: string,
  bindings: BindingKind[],
  uniform: GPUBuffer,
  tensors: readonly Tensor[],
  workgroups: number,
) {
  const shading = { label, code: `${code}\n${field}`, bindings: ['uniform' as const, ...bindings] };
  const buffers = [uniform, ...tensors.map(({ buffer }) => buffer)];
  return new Pipelines(fakeInstance(), true).dispatch(shading, buffers, workgroups);
}

/** Node's WebGPU knows no canvas and so no preferred format; nothing here draws. */
function fakeInstance() {
  return { device: gpu().device, instance: { getPreferredCanvasFormat: () => 'bgra8unorm' } } as never;
}

describe('the energy of the page', () => {
  test('is (Q - V) / alpha of the learner, normalised over the box of actions', async () => {
    const trainer = await Trainer.create(gpu(), CONFIG);
    const { algorithm } = trainer;
    const state = [1.5, -2] as const;
    const { temperature: alpha, rewardScale } = CONFIG;
    const uniform = energyOf({
      state_x: state[0],
      state_y: state[1],
      reward_scale: rewardScale,
      has_exact: 1,
    });
    const count = SIDE ** 2;
    const q = algorithm.softQ.values('test.q', count);
    const both = gpu().tensor('test.field', [2, count]);
    const scale = gpu().tensor('test.scale', [4]);
    const exact = gpu().tensorOf('test.exact', new Float32Array(count).fill(0.5));
    await gpu().run(
      program('energy', [
        await step('action_rows', actionRows, ['write'], uniform, [q.stateAction], count / 64),
        q.program,
        await step(
          'action_field',
          actionField,
          ['read', 'read', 'read', 'write', 'write'],
          uniform,
          [q.value, algorithm.temperature, exact, both, scale],
          1,
        ),
      ]),
    );
    const evaluator = new Evaluator(gpu(), algorithm, trainer.environment, { rollouts: 1, seed: 0 });
    const rows = LATTICE.map((action) => [...state, ...action]);
    const nats = (await evaluator.valuesAt(rows, rewardScale)).map((value) => value / alpha);
    const edge = (i: number) => (i === 0 || i === SIDE - 1 ? 0.5 : 1);
    const cell = (2 / (SIDE - 1)) ** 2;
    const mass = nats.reduce(
      (sum, one, i) => sum + edge(i % SIDE) * edge(Math.floor(i / SIDE)) * cell * Math.exp(one),
      0,
    );
    const expected = nats.map((one) => one - Math.log(mass));
    const shown = await gpu().read(both);
    expect(relativeError(shown.subarray(0, count), expected)).toBeLessThan(1e-4);
    expect([...shown.subarray(count)].every((one) => one === 0.5)).toBe(true);
    const [low, high] = await gpu().read(scale);
    const top = Math.max(0.5, ...expected);
    expect(high).toBeCloseTo(top, 4);
    expect(high! - low!).toBeCloseTo(constantsOf(field)['RANGE']!, 4);
  });

  test('over the plane is V / alpha, slice by slice', async () => {
    const trainer = await Trainer.create(gpu(), CONFIG);
    const { algorithm } = trainer;
    const { temperature: alpha, rewardScale } = CONFIG;
    const first = SIDE;
    const uniform = energyOf({ bound: 7, first_state: first, reward_scale: rewardScale });
    const q = algorithm.softQ.values('test.q', SIDE ** 2);
    const values = gpu().tensor('test.values', [PLANE_SIDE ** 2]);
    await gpu().run(
      program('plane', [
        await step('plane_rows', planeRows, ['write'], uniform, [q.stateAction], SIDE ** 2 / 64),
        q.program,
        await step(
          'plane_values',
          planeValues,
          ['read', 'read', 'write'],
          uniform,
          [q.value, algorithm.temperature, values],
          1,
        ),
      ]),
    );
    const evaluator = new Evaluator(gpu(), algorithm, trainer.environment, { rollouts: 1, seed: 0 });
    const middle = (i: number) => ((i + 0.5) / PLANE_ACTIONS) * 2 - 1;
    const at = (i: number) => 7 * ((i / (PLANE_SIDE - 1)) * 2 - 1);
    const actions = Array.from({ length: PLANE_ACTIONS ** 2 }, (_, k) => [
      middle(k % PLANE_ACTIONS),
      middle(Math.floor(k / PLANE_ACTIONS)),
    ]);
    const shown = await gpu().read(values);
    const expected = [];
    for (const state of [first, first + SIDE - 1]) {
      const place = [at(state % PLANE_SIDE), at(Math.floor(state / PLANE_SIDE))];
      const nats = await evaluator.valuesAt(
        actions.map((action) => [...place, ...action]),
        rewardScale,
      );
      const mean = nats.reduce((sum, one) => sum + Math.exp(one / alpha), 0) / actions.length;
      expected.push(Math.log(4 * mean));
    }
    expect(relativeError([shown[first]!, shown[first + SIDE - 1]!], expected)).toBeLessThan(1e-4);
    expect(shown[0]).toBe(0);
  });
});

test('trails find the newest transitions of every environment in the ring, also after it has wrapped', async () => {
  const trainer = await Trainer.create(gpu(), CONFIG);
  const { environments, replayCapacity: capacity } = CONFIG;
  const ages = 3;
  const rows = gpu().tensor('rows', [ages * environments], { type: 'u32' });
  const code = `@group(0) @binding(0) var<uniform> clock: vec4u;
@group(0) @binding(1) var<storage, read_write> rows: array<u32>;
@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) {
  let age = 1u + id.x / ${environments}u;
  let row = row_of(id.x % ${environments}u, age, ${environments}u, clock.w, ${capacity}u);
  rows[id.x] = select(999u, row, is_kept(age, ${environments}u, clock.x));
}
${transition}`;
  const clock = gpu().device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  });
  const dispatch = await new Pipelines(fakeInstance(), true).dispatch(
    { label: 'rows', code, bindings: ['uniform', 'write'] },
    [clock, rows.buffer],
    ages * environments,
  );
  const before: number[][] = [];
  for (let iteration = 1; iteration <= 4; iteration++) {
    trainer.step('environment');
    before.push([...(await gpu().read(trainer.env.observation))]);
    const { replayCursor, replaySize } = await trainer.clock.read();
    gpu().device.queue.writeBuffer(clock, 0, Uint32Array.of(replaySize, 0, 0, replayCursor));
    await gpu().run(program('rows', [dispatch]));
    const found = await gpu().read(rows);
    const ring = await gpu().read(trainer.replay.ring);
    for (let age = 1; age <= ages; age++) {
      for (let environment = 0; environment < environments; environment++) {
        const row = found[(age - 1) * environments + environment]!;
        const kept = age <= iteration && age * environments <= capacity;
        expect(row === 999).toBe(!kept);
        if (!kept) continue;
        // s' of the transition is where the environment was after it; none has arrived or been reset so early.
        const after = before[iteration - age]!;
        const record = ring.subarray(9 * row, 9 * row + 9);
        expect([record[5], record[6]]).toEqual([after[2 * environment], after[2 * environment + 1]]);
      }
    }
  }
});

describe('squares on a canvas', () => {
  test('lie in its middle, two of them beside one another where they fit', () => {
    expect(layOut(560, 560, false)).toMatchObject({ panels: 1, split: 0, panel_width: 2, panel_height: 2 });
    expect(layOut(560, 560, true)).toMatchObject({ panels: 1, split: 1, panel_width: 2 });
    const wide = layOut(1200, 400, true);
    expect(wide).toMatchObject({ panels: 2, split: 0, panel_height: 2 });
    expect(wide.panel_width).toBeCloseTo(800 / 1200, 9);
    // Half a step to either side of the middle, and half a square.
    expect(wide.step_x).toBeGreaterThan(wide.panel_width);
    expect(wide.step_x + wide.panel_width).toBeLessThanOrEqual(2);
    expect(wide.step_y).toBe(0);
  });

  test('lie below one another on a high canvas, the first on top', () => {
    const high = layOut(485, 1000, true);
    expect(high).toMatchObject({ panels: 2, split: 0, panel_width: 2, step_x: 0 });
    expect(high.panel_height).toBeCloseTo(0.97, 9);
    expect(high.step_y).toBeCloseTo(-1.03, 9);
  });
});

describe.each([
  ['layered', ['act.policy', 'env.step', 'critic: tdTarget', 'actor: svgd', 'q.adam', 'tick']],
  ['fused', ['act.policy', 'env.step', 'draw: particles.forward', 'regress: q.parameters', 'q.adam', 'tick']],
] as const)('the parts of an iteration of %s kernels', (family, wanted) => {
  const device = useGpu(family);

  test('that are timed are all of it, once, and those of the update are opened', async () => {
    const trainer = await Trainer.create(device(), { ...CONFIG, updatesPerStep: 2 });
    const parts = partsOf(trainer.iterations.both);
    const labels = parts.map(({ label }) => label);
    expect(new Set(labels).size).toBe(labels.length);
    expect(labels).toEqual(expect.arrayContaining([...wanted]));
    const counted = parts.reduce((sum, { dispatches }) => sum + dispatches.length, 0);
    const one = await Trainer.create(device(), CONFIG);
    expect(counted).toBe(one.iterations.both.dispatches.length);
  });
});

describe('summaries', () => {
  const goals = [
    [5, 0],
    [-5, 0],
  ] as const;

  test('say where the points are and what the last test came to', () => {
    const positions = Float32Array.of(4, 0, 5, 1, 3, 3, -2, 0);
    expect(worldSummary(positions, goals, null)).toBe(
      '4 points on the plane; nearest goals: goal 1 75 %, goal 2 25 %.',
    );
    const evaluation = {
      rollouts: 256,
      success: 0.5,
      meanReturn: -100,
      meanLength: 10,
      outcomeShares: [0.375, 0.125],
      outcomeEntropy: 0.8,
    };
    expect(worldSummary(positions, goals, evaluation)).toMatch(
      / In the last test 50 % of 256 episodes reached a goal: 1 38 %, 2 13 %\.$/,
    );
  });

  test('name the peaks of a density', () => {
    const bump = (action: readonly [number, number], x: number, y: number) =>
      -20 * ((action[0] - x) ** 2 + (action[1] - y) ** 2);
    const density = Float32Array.from(LATTICE, (a) => Math.max(1 + bump(a, 0.5, 0), bump(a, -0.5, 0)));
    expect(energySummary([0, 0], density)).toBe(
      'At state (0.0, 0.0) the learned density over the actions has 2 peaks: (0.5, 0.0) with log density 1.0; ' +
        '(-0.5, 0.0) with log density 0.0.',
    );
  });
});
