import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, globals } from 'webgpu';
import { beforeAll, describe, expect, test } from 'vitest';
import { environmentNames } from '../../src/envs/environment.ts';
import { TabularMdp } from '../../src/exact/tabular.ts';
import { MultigoalOptimum } from '../../src/exact/multigoal-optimum.ts';
import { Gpu, type KernelFamily } from '../../src/gpu/gpu.ts';
import { constantsOf, shaderFiles, shaderSource } from '../../src/gpu/shader.ts';
import { checkKernels } from '../../src/node/doctor.ts';
import { CONFIG_ENTRIES, resolveConfig } from '../../src/train/config.ts';
import { refinedPolicy } from '../../src/rl/refined-policy.ts';
import { ParticleSampler } from '../../src/svgd/particle-sampler.ts';
import { Evaluator } from '../../src/train/evaluator.ts';
import { PRESETS } from '../../src/train/presets.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { ROOT } from '../support/child.ts';

const MOST_LINES = 120;
const MOST_STORAGE_BUFFERS = 8;
const MOST_INVOCATIONS = 256;

/** The comments that the linker acts on. */
const MARKERS = ['import', 'slot', 'tunable', 'unroll'];
const NAMES: readonly (readonly [what: string, declaration: RegExp, style: RegExp])[] = [
  ['function', /\bfn\s+(\w+)/g, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/],
  ['struct', /\bstruct\s+(\w+)/g, /^([A-Z][a-z0-9]*)+$/],
  ['override', /\boverride\s+(\w+)/g, /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/],
  ['const', /^const\s+(\w+)/gm, /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/],
];
/** Functions of WGSL's own, by its names, for devices that do not have them. */
const STAND_INS = /^subgroup[A-Z]/;
const FORBIDDEN: readonly (readonly [pattern: RegExp, rule: string])[] = [
  [
    /(?<![\w.\])])([a-z_][\w.[\]]*)\s*[!=]=\s*\1(?![\w.[(])/i,
    'find NaN by its exponent bits, never by x != x',
  ],
  [/atomic<\s*f32\s*>|atomicCompareExchange/, 'no float atomics: sums have a fixed order'],
  [/\$\{|#if/, 'no templates'],
  [/@(vertex|fragment)\b/, 'compute alone'],
];

interface Binding {
  readonly index: number;
  readonly name: string;
  /** Where it stands in the order params, environment parameters, clock, read, read_write. */
  readonly rank: number;
}

const ORDER = 'params, environment parameters, clock, read, read_write';

function bindingsOf(code: string): Binding[] {
  const pattern = /@binding\((\d+)\)\s*var<(\w+)(?:,\s*(\w+))?>\s*(\w+)/g;
  return [...code.matchAll(pattern)].map(([, index, space, access, name]) => {
    const uniform = name === 'params' ? 0 : name === 'clock' ? 2 : 1;
    const rank = space === 'uniform' ? uniform : access === 'read_write' ? 4 : 3;
    return { index: Number(index), name: name!, rank };
  });
}

/** Whether binding numbers rise and kinds come in their order, as the bindings stand. */
function inOrder(bindings: readonly Binding[]): boolean {
  return bindings.every((one, i) => {
    const before = bindings[i - 1];
    return before === undefined || (before.index < one.index && before.rank <= one.rank);
  });
}

const isKernel = (text: string) => text.includes('@compute');

/** What one file does against the conventions, a sentence each. */
function lint(file: string, text: string, files: readonly string[]): string[] {
  const found: string[] = [];
  const rule = (ok: boolean, sentence: string) => {
    if (!ok) found.push(`shaders/${file}: ${sentence}`);
  };
  const code = text.replace(/\/\/.*$/gm, '');
  rule(/^\/\/ [^#\s]/.test(text), 'begins with what it computes, in a comment');
  for (const [, marker, argument] of text.matchAll(/\/\/ ?#(\w+)[ \t]*(\S*)/g)) {
    rule(MARKERS.includes(marker!), `'#${marker}' is not one of ${MARKERS.join(', ')}`);
    if (marker === 'import') rule(files.includes(argument!), `imports '${argument}', which is not there`);
  }
  for (const [what, declaration, style] of NAMES) {
    for (const [, name] of code.matchAll(declaration)) {
      const standIn = file.startsWith('common/') && STAND_INS.test(name!);
      rule(style.test(name!) || standIn, `${what} '${name}' is not spelled like one`);
    }
  }
  for (const [pattern, sentence] of FORBIDDEN) rule(!pattern.test(code), sentence);
  rule(!/#if|\$\{/.test(text), 'no templates, in comments neither');
  for (const [, name, rest] of code.matchAll(/\boverride\s+(\w+)([^;]*);/g)) {
    rule(/^\s*:\s*\w+\s*$/.test(rest!), `override '${name}' has a type and no default`);
  }
  const params = /struct Params\s*\{([^}]*)\}/.exec(code)?.[1] ?? '';
  for (const [, name, type] of params.matchAll(/(\w+)\s*:\s*([^,]+),?/g)) {
    rule(/^(f32|u32|i32)\s*$/.test(type!), `Params holds scalars, but '${name}' is ${type!.trim()}`);
  }
  const bindings = bindingsOf(code);
  rule(!/@group\((?!0\))/.test(code), 'all bindings are in group 0');
  rule(inOrder(bindings), `bindings are numbered upwards in the order ${ORDER}`);
  if (file.startsWith('common/')) rule(bindings.length === 0, 'common/ holds no bindings');
  if (isKernel(code)) {
    const entries = [...code.matchAll(/@compute\s+@workgroup_size\([^)]*\)\s+fn\s+(\w+)/g)];
    const one = entries.length === 1 && code.match(/@compute/g)!.length === 1;
    rule(one && entries[0]![1] === 'main', "has one entry point, 'main'");
    const lines = text.trimEnd().split('\n').length;
    rule(lines <= MOST_LINES, `${lines} lines are more than ${MOST_LINES}`);
    rule(!file.startsWith('common/'), 'common/ holds no kernels');
  }
  return found;
}

/** What a linked shader needs beyond the portable limits. */
function lintLinked(file: string, code: string): string[] {
  const found: string[] = [];
  const constants = constantsOf(code);
  const size = /@workgroup_size\(([^)]*)\)/.exec(code)?.[1]?.split(',') ?? [];
  const invocations = size
    .map((part) => constants[part.trim()] ?? Number.parseInt(part, 10))
    .reduce((product, length) => product * length, 1);
  const bindings = bindingsOf(code).sort((a, b) => a.index - b.index);
  const storage = bindings.filter(({ rank }) => rank >= 3).length;
  if (!(invocations <= MOST_INVOCATIONS)) found.push(`${file}: ${invocations} invocations in a workgroup`);
  if (storage > MOST_STORAGE_BUFFERS) found.push(`${file}: ${storage} storage buffers`);
  if (!inOrder(bindings)) found.push(`${file}: linked, its bindings are not in the order ${ORDER}`);
  return found;
}

const kernels = shaderFiles().filter((file) => isKernel(shaderSource(file)));

describe('every shader', () => {
  test('keeps the conventions', () => {
    expect(shaderFiles().flatMap((file) => lint(file, shaderSource(file), shaderFiles()))).toEqual([]);
  });

  test('is used: kernels by a program, other files by a program or a shader', () => {
    const programs = ['src', 'bench'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => readFileSync(join(ROOT, folder, name), 'utf8')),
    );
    const shaders = shaderFiles().map((file) => shaderSource(file));
    const unused = shaderFiles().filter((file) => {
      const named = programs.some((text) => text.includes(`'${file}'`));
      const imported = shaders.some((text) => text.includes(`// #import ${file}\n`));
      return !(named || (imported && !kernels.includes(file)));
    });
    expect(unused).toEqual([]);
  });
});

describe('the conventions', () => {
  const GOOD = `// y = x: one invocation per number. x and y (N).
// #import common/clock.wgsl

override KIND: u32;
const ROWS = 8u; // #tunable

struct Params {
  size: u32, // numbers
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<uniform> clock: Clock;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

fn twice(x: f32) -> f32 { return 2.0 * x; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x != x.id.x && a[0] != a[0].x && KIND == KIND_2) { return; }
  y[id.x] = twice(x[id.x]);
}
`;
  const check = (text: string, file = 'nn/test.wgsl') => lint(file, text, ['common/clock.wgsl']);

  test('let through what keeps them', () => {
    expect(check(GOOD)).toEqual([]);
    expect(lintLinked('nn/test.wgsl', GOOD)).toEqual([]);
  });

  test.each<[string, string | RegExp, string, RegExp]>([
    ['no comment first', '// y = x', '\n// y = x', /begins with what it computes/],
    ['a marker first', '// y = x', '// #import common/clock.wgsl', /begins with what it computes/],
    ['an import that is not there', 'clock.wgsl', 'clocks.wgsl', /imports 'common\/clocks\.wgsl'/],
    ['an unknown marker', '#tunable', '#tuneable', /'#tuneable' is not one of/],
    ['a template', '// numbers', '// ${numbers}', /no templates/],
    ['a condition', '// numbers', '// #if numbers', /no templates/],
    ['camelCase functions', /twice/g, 'twiceOf', /function 'twiceOf' is not/],
    ['a stand-in outside common/', /twice/g, 'subgroupAdd', /function 'subgroupAdd' is not/],
    [
      'a struct in small letters',
      'struct Params',
      'struct other {\n}\nstruct Params',
      /struct 'other' is not/,
    ],
    ['an override in small letters', 'override KIND', 'override kind', /override 'kind' is not/],
    ['a const in small letters', 'const ROWS', 'const rows', /const 'rows' is not/],
    ['an override with a default', 'KIND: u32', 'KIND: u32 = 1u', /'KIND' has a type and no default/],
    ['a vector in Params', 'scale: f32', 'scale: vec4f', /'scale' is vec4f/],
    ['x != x', 'id.x != x.id.x', 'y[id.x] != y[id.x]', /never by x != x/],
    ['x == x', 'id.x != x.id.x', '!(v.x == v.x)', /never by x != x/],
    ['float atomics', 'y: array<f32>', 'y: array<atomic<f32>>', /no float atomics/],
    ['another group', '@group(0) @binding(5)', '@group(1) @binding(5)', /in group 0/],
    ['numbers that fall', '@binding(5)', '@binding(1)', /numbered upwards/],
    [
      'an input behind an output',
      '<storage, read> x',
      '<storage, read_write> w;\n@binding(4) var<storage, read> x',
      /in the order/,
    ],
    ['another entry point', 'fn main', 'fn start', /has one entry point, 'main'/],
    ['two entry points', 'fn twice', '@compute @workgroup_size(1) fn once() {}\nfn twice', /one entry point/],
    ['length', 'fn twice', `${'\n'.repeat(MOST_LINES)}fn twice`, /lines are more than/],
  ])('refuse %s', (_, part, instead, sentence) => {
    const text = GOOD.replace(part, instead.replaceAll('$', '$$$$'));
    expect(text).not.toBe(GOOD);
    expect(check(text).join('\n')).toMatch(sentence);
  });

  test('keep bindings and kernels out of common/, and know the stand-ins for what WGSL lacks', () => {
    expect(check(GOOD, 'common/test.wgsl').map((sentence) => sentence.split(': ')[1])).toEqual([
      'common/ holds no bindings',
      'common/ holds no kernels',
    ]);
    expect(check('// f\nfn subgroupAdd(x: u32) -> u32 { return x; }\n', 'common/test.wgsl')).toEqual([]);
  });

  test('hold linked shaders to the portable limits', () => {
    const outputs = Array.from(
      { length: 8 },
      (_, i) => `@group(0) @binding(${6 + i}) var<storage, read_write> y${i}: u32;\n`,
    ).join('');
    expect(lintLinked('a', GOOD + outputs)).toEqual(['a: 10 storage buffers']);
    expect(lintLinked('a', GOOD.replace('(64)', '(ROWS, 33)'))).toEqual([
      'a: 264 invocations in a workgroup',
    ]);
    expect(lintLinked('a', `${GOOD}@group(0) @binding(9) var<storage, read> late: u32;`)).toHaveLength(1);
  });
});

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
