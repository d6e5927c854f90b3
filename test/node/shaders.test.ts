import { create, globals } from 'webgpu';
import { beforeAll, describe, expect, test } from 'vitest';
import { environmentNames } from '../../src/envs/environment.ts';
import { TabularMdp } from '../../src/exact/tabular.ts';
import { MultigoalOptimum } from '../../src/exact/multigoal-optimum.ts';
import { Gpu, type KernelFamily } from '../../src/gpu/gpu.ts';
import { shaderFiles, shaderSource } from '../../src/gpu/shader.ts';
import { checkKernels } from '../../src/node/doctor.ts';
import { CONFIG_ENTRIES, resolveConfig } from '../../src/train/config.ts';
import { refinedPolicy } from '../../src/rl/refined-policy.ts';
import { ParticleSampler } from '../../src/svgd/particle-sampler.ts';
import { Evaluator } from '../../src/train/evaluator.ts';
import { PRESETS } from '../../src/train/presets.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { isKernel, lintLinked } from '../support/shader-conventions.ts';

const kernels = shaderFiles().filter((file) => isKernel(shaderSource(file)));

/** Kernels that no training, evaluation or diagnosis runs, and why. */
const NOT_IN_USE: Readonly<Record<string, string>> = {
  'profile/copy.wgsl': 'measures the adapter, for the profile',
  'profile/roofline.wgsl': 'measures the adapter, for the profile and bench/',
};

/** A density of the plane under a condition. */
const ENERGY = `const DIMENSIONS = 2u;
fn log_density_gradient(x: array<f32, DIMENSIONS>) -> array<f32, DIMENSIONS> {
  return array(condition(0u) - x[0], -x[1]);
}`;

const REFINEMENTS = [
  { kind: 'langevin', steps: 1, stepSize: 0.05 },
  { kind: 'resample', candidates: 2 },
] as const;

/** A shader variant that was compiled, and what the compiler said. */
interface Compiled {
  readonly file: string;
  readonly code: string;
  readonly messages: readonly string[];
}

/** Devices that get different variants: by the number of lanes in a subgroup. */
const LANES: readonly (readonly [device: string, lanes: number | undefined])[] = [
  ['without subgroups', undefined],
  ['with subgroups of 4 lanes, as SwiftShader', 4],
  ['with subgroups of 8 lanes, as lavapipe', 8],
  ['with subgroups of 32 lanes', 32],
];

// Dawn ends the process when an instance is collected.
const pinned: GPU[] = ((globalThis as { nullInstances?: GPU[] }).nullInstances ??= []);

/** A device of Dawn's null backend, which compiles and validates everything and computes nothing. */
async function openNull(
  lanes: number | undefined,
  family?: KernelFamily,
): Promise<{ gpu: Gpu; compiled: () => Promise<Compiled[]> }> {
  Object.assign(globalThis, globals);
  const instance = create(['backend=null']);
  pinned.push(instance);
  const real = (await instance.requestAdapter())!;
  const modules: { file: string; code: string; info: Promise<GPUCompilationInfo> }[] = [];
  const features = new Set(real.features);
  if (lanes === undefined) features.delete('subgroups');
  const adapter = {
    features,
    limits: real.limits,
    info: {
      vendor: 'null',
      architecture: '',
      device: '',
      description: '',
      subgroupMinSize: lanes ?? 4,
      subgroupMaxSize: lanes ?? 128,
    },
    async requestDevice(descriptor: GPUDeviceDescriptor): Promise<GPUDevice> {
      const device = await real.requestDevice(descriptor);
      const createShaderModule = device.createShaderModule.bind(device);
      device.createShaderModule = (module) => {
        const made = createShaderModule(module);
        modules.push({ file: module.label!, code: module.code, info: made.getCompilationInfo() });
        return made;
      };
      return device;
    },
  } as unknown as GPUAdapter;
  const gpu = await Gpu.create(instance, adapter, family);
  const compiled = () =>
    Promise.all(
      modules.map(async ({ file, code, info }) => {
        const messages = (await info).messages.map((m) => `${file}:${m.lineNum} ${m.type}: ${m.message}`);
        return { file, code, messages };
      }),
    );
  return { gpu, compiled };
}

/** Every configuration that chooses kernels or their variants, small enough to build quickly. */
function configurations() {
  const sizes = { environments: 4, replayCapacity: 64, batchSize: 4, hidden: [8, 8], updates: 1 };
  const small = { ...sizes, latentSize: 2 }; // as the proposal 'policy-jacobian' needs it
  const { proposal, stein, activation } = CONFIG_ENTRIES;
  const [first, ...others] = environmentNames();
  const choices = [first].flatMap((environment) =>
    proposal.pipe[0].options.flatMap((one) =>
      stein.pipe[0].options.flatMap((direction) =>
        activation.pipe[0].options.flatMap((hidden) =>
          [0, 0.3].flatMap((noiseSigma) =>
            [null, 5].map((finalTemperature) => ({
              ...small,
              environment,
              proposal: one,
              stein: direction,
              activation: hidden,
              noiseSigma,
              finalTemperature,
            })),
          ),
        ),
      ),
    ),
  );
  const { environments, replayCapacity } = small;
  const presets = Object.keys(PRESETS).map((preset) => ({ preset, environments, replayCapacity }));
  const baselines = [
    { ...sizes, algorithm: 'ddpg' },
    { ...sizes, algorithm: 'sac', targetEntropy: 0.5 },
    { ...sizes, algorithm: 'sac', mixtureComponents: 4 },
    { ...small, targetEntropy: 0.5 },
    { ...small, critics: 2 },
    { ...small, critics: 2, ensemble: 'min' },
  ];
  // An environment and the learner's kernels do not depend on each other.
  const environmentsOnly = others.map((environment) => ({ ...small, environment }));
  return [...choices, ...environmentsOnly, ...presets, ...baselines].map((given) => resolveConfig(given));
}

test('a warning of the compiler is seen', async () => {
  const { gpu, compiled } = await openNull(undefined);
  gpu.device.createShaderModule({ label: 'nn/test.wgsl', code: 'fn f() {\n  return;\n  let x = 1u;\n}' });
  expect((await compiled()).flatMap(({ messages }) => messages)).toEqual([
    'nn/test.wgsl:3 warning: code is unreachable',
  ]);
  gpu.dispose();
});

describe.each(LANES)('on a device %s, every shader in use', (_, lanes) => {
  let all: Compiled[];
  beforeAll(async () => {
    const { gpu, compiled } = await openNull(lanes);
    for (const config of configurations()) {
      const free = gpu.scope();
      const trainer = await Trainer.create(gpu, config);
      const evaluator = new Evaluator(gpu, trainer.algorithm, trainer.environment, { rollouts: 2, seed: 0 });
      await evaluator.rollOut();
      if (trainer.environment.observesState) await gpu.run(trainer.env.relabel(trainer.replay.sink));
      const { observationSize, actionSize } = trainer.environment.spec;
      const state = Array.from({ length: observationSize }, () => 0);
      await evaluator.actionsAt([state], 1);
      await evaluator.valuesAt([[...state, ...Array.from({ length: actionSize }, () => 0)]], 1);
      free();
    }
    const process = { states: 1, actions: 1, transitions: [1], rewards: [0], discount: 0 };
    const tabular = new TabularMdp(gpu, process);
    await tabular.solve({ temperature: 1 });
    await tabular.evaluate([1], { temperature: 1 });
    // What is not in any training: particles on an energy of somebody's own, with the directions of that use alone.
    for (const kind of ['unbounded', 'uncorrected'] as const) {
      const start = Array.from({ length: 40 }, (__, i) => [i / 40, -i / 40]);
      await new ParticleSampler(gpu, { wgsl: ENERGY }, { kind, start, stepSize: 0.1 }).run(1);
    }
    // Temperatures choose the variants; with noise there are more kernels.
    for (const temperature of [0.3, 1, 10]) {
      await MultigoalOptimum.solve(gpu, { temperature, spacing: 0.1, params: { noise: 0.1 } }).catch(
        (error: Error) => {
          // A device that computes nothing reads back anything; the kernels are made before that.
          if (!error.message.includes('does not settle')) throw error;
        },
      );
    }
    const learner = await Trainer.create(gpu, configurations()[0]!);
    const { policy, softQ, temperature } = learner.algorithm;
    const options = { observation: learner.env.observation, states: 1, particles: 1, use: 'act' } as const;
    for (const refinement of REFINEMENTS) {
      const density = { softQ, temperature, rewardScale: 1 };
      refinedPolicy(gpu, policy, density, refinement).draw('refined', options);
    }
    // It computes nothing, so no check is ok; but every kernel of theirs must have run.
    expect((await checkKernels(gpu)).flatMap(({ failure }) => failure ?? [])).toEqual([]);
    await gpu.ready();
    gpu.check();
    all = await compiled();
    gpu.dispose();
    // The kernels that this device would not choose by itself.
    for (const family of (['layered', 'lanes', 'fused'] as const).filter((one) => one !== gpu.kernelFamily)) {
      const other = await openNull(lanes, family);
      const free = other.gpu.scope();
      await Trainer.create(other.gpu, configurations()[0]!);
      free();
      all.push(...(await other.compiled()));
      other.gpu.dispose();
    }
  });

  test('compiles without a message', () => {
    expect(all.flatMap(({ messages }) => messages)).toEqual([]);
  });

  test('stays within the portable limits', () => {
    expect(all.flatMap(({ file, code }) => lintLinked(file, code))).toEqual([]);
  });

  test('is a kernel of shaders/, and there are no others', () => {
    const used = new Set(all.map(({ file }) => file));
    const runs = (file: string) => {
      const ofSubgroups = shaderSource(file).includes('subgroup_invocation_id');
      return file.startsWith('nn/lanes/') ? lanes === 8 : lanes !== undefined || !ofSubgroups;
    };
    expect([...used, ...Object.keys(NOT_IN_USE)].sort()).toEqual(kernels.filter(runs));
  });
});
