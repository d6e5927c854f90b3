import { describe, expect, test } from 'vitest';
import { requestTestAdapter } from '#test-gpu';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Kernel } from '../../src/gpu/kernel.ts';
import { program } from '../../src/gpu/program.ts';
import {
  constantsOf,
  linkShader,
  packStruct,
  shaderFiles,
  shaderSource,
  structOf,
  type Shader,
  type SlotFiller,
} from '../../src/gpu/shader.ts';
import { view } from '../../src/gpu/tensor.ts';
import { Draws } from '../oracles/random.ts';
import { expectClose } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();

const RESET = 'vector_env/reset.wgsl';
const ENV = { file: 'envs/multigoal.wgsl' };
const DENSE = 'nn/dense_forward.wgsl';

const count = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].length;

/** A reset kernel around an environment of the test's own text. */
const linkedWith = (text: string) => linkShader(RESET, { slots: { env: { name: 'test.wgsl', text } } });

/**
 * Whether a kernel asks for its lane, which takes the feature; others have stand-ins for WGSL's subgroup functions. A lane
 * to broadcast from must be a constant, which a loop's variable is only once it is unrolled.
 */
const needsSubgroups = (file: string) => shaderSource(file).includes('subgroup_invocation_id');

/** The file with its imports, and theirs, appended and nothing else done to it. */
function asWritten(shader: Shader): Shader {
  const files = new Set([shader.name]);
  // A set that grows while it is walked is walked to its end.
  for (const file of files)
    for (const [, imported] of shaderSource(file).matchAll(/#import (\S+)/g)) files.add(imported!);
  return { ...shader, code: [...files].map(shaderSource).join('\n') };
}

describe('linkShader', () => {
  test('appends each import once, behind the file, whose lines keep their numbers', () => {
    const { code } = linkShader('vector_env/step.wgsl', {
      slots: {
        env: ENV,
        sink: { name: 'sink', text: '// #import common/random.wgsl\n// #import common/clock.wgsl' },
      },
    });
    for (const once of [/^fn random\(/gm, /^struct Clock /gm, /^struct StepResult /gm, /^fn env_step\(/gm]) {
      expect(count(code, once)).toBe(1);
    }
    const lines = code.split('\n');
    const source = shaderSource('vector_env/step.wgsl').split('\n');
    expect(lines.slice(0, source.length)).toEqual(source.map((line) => line.replace(/\/\/.*$/, '')));
    expect(code).not.toContain('//');
  });

  test('every kernel is valid WGSL, linked and as it is written', async () => {
    const gpu = gpuOf();
    const kernels = shaderFiles().filter((file) => shaderSource(file).includes('@compute'));
    expect(kernels.length).toBeGreaterThan(20);
    const energy = {
      name: 'energy',
      text: `const DIMENSIONS = 1u;
fn log_density_gradient(x: array<f32, DIMENSIONS>) -> array<f32, DIMENSIONS> { return x; }`,
    };
    const slots: Record<string, SlotFiller> = {
      env: ENV,
      sink: { file: 'replay/sink.wgsl' },
      energy,
      follow: { file: 'nn/polyak.wgsl' },
      role: { file: 'rl/fused/critic.wgsl' },
      gradient: { file: 'nn/lanes/parameter_gradient.wgsl' },
    };
    for (const file of kernels) {
      const open = [...shaderSource(file).matchAll(/#slot (\w+)/g)].map(([, slot]) => slot!);
      const shader = linkShader(file, {
        slots: Object.fromEntries(open.map((slot) => [slot, slots[slot]!])),
        subgroups: needsSubgroups(file),
      });
      const texts = open.length > 0 || needsSubgroups(file) ? [shader] : [shader, asWritten(shader)];
      for (const { code } of texts) {
        const module = gpu.device.createShaderModule({ label: file, code });
        const { messages } = await module.getCompilationInfo();
        expect(messages.map(({ message, lineNum }) => `${file}:${lineNum} ${message}`)).toEqual([]);
      }
    }
  });

  test('reads bindings, overrides and sizes from the text', () => {
    const shader = linkShader('svgd/stein_direction.wgsl');
    expect(shader.overrides).toEqual(['DIRECTION']);
    expect(shader.workgroupSize).toEqual([64, 1, 1]);
    expect(shader.bindings.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(shader.bindings.map(({ kind }) => kind).join(' ')).toBe(
      `uniform ${'read-only-storage '.repeat(6)}storage`,
    );
    expect(shader.bindings[0]).toEqual({ index: 0, name: 'params', kind: 'uniform', type: 'Params' });
    expect(linkShader('clock/tick.wgsl').bindings[1]).toMatchObject({ name: 'clock', kind: 'storage' });
  });

  test('no kernel needs more than the portable limits', () => {
    for (const file of shaderFiles()) {
      const text = shaderSource(file);
      if (!text.includes('@compute') || text.includes('#slot')) continue;
      const { bindings, workgroupSize } = linkShader(file);
      expect(bindings.filter(({ kind }) => kind !== 'uniform').length).toBeLessThanOrEqual(8);
      expect(workgroupSize.reduce((product, size) => product * size)).toBeLessThanOrEqual(256);
    }
  });

  test('slots must be filled, and be there', () => {
    expect(() => linkShader(RESET)).toThrow(/reset\.wgsl: slot 'env' is not filled/);
    expect(() => linkShader('clock/tick.wgsl', { slots: { env: ENV } })).toThrow(/has no slot 'env'/);
    expect(() => linkShader('nowhere.wgsl')).toThrow(/no shader file shaders\/nowhere\.wgsl/);
    expect(() => linkedWith('// #import common/nowhere.wgsl')).toThrow(
      /no shader file shaders\/common\/nowhere/,
    );
  });

  test('tunables take values, and must be there', () => {
    expect(constantsOf(linkShader(DENSE).code)['ROWS']).not.toBe(3);
    const { code } = linkShader(DENSE, { tunables: { ROWS: 3 } });
    expect(constantsOf(code)['ROWS']).toBe(3);
    expect(() => linkShader(DENSE, { tunables: { STREAM_ACT: 3 } })).toThrow(/no tunable 'STREAM_ACT'/);
    expect(constantsOf('const A = 3u;\nconst B = 2u * A;\nconst C = -1.5;')).toEqual({ A: 3, B: 6, C: -1.5 });
  });

  test('#unroll repeats a loop with literal indices in place of its lines', () => {
    const text = [
      'const N = 2u;',
      'fn f() {',
      '  // #unroll',
      '  for (var i = 0u; i < N; i++) {',
      '    let index = i; // i stands alone here',
      '    // #unroll',
      '    for (var j = 0u; j < 3u; j++) {',
      '      use(i, j);',
      '    }',
      '  }',
      '  behind();',
      '}',
    ].join('\n');
    const linked = linkedWith(text).code.split('\n');
    const head = shaderSource(RESET).split('\n').length;
    const imports = ['vector_env/interface', 'common/clock', 'common/random'].map((file) =>
      shaderSource(`${file}.wgsl`),
    );
    const first = head + imports.join('\n').split('\n').length;
    const at = linked.findIndex((line) => line.includes('fn f()'));
    // The slot's text begins behind the file and its imports, and line for line where it was.
    expect(at).toBe(first + 1);
    expect(linked[at + 9]).toContain('behind();');
    const body = linked.slice(at + 1, at + 9).join('\n');
    expect(count(body, /for/g)).toBe(0);
    const calls = [...body.matchAll(/use\((\d)u, (\d)u\)/g)].map(([, i, j]) => `${i}${j}`);
    expect(calls).toEqual(['00', '01', '02', '10', '11', '12']);
    expect(body).toContain('let index = 1u;');
  });

  test('#unroll refuses what is not a loop with known bounds', () => {
    const loop = (text: string) => () => linkedWith(`fn f() {\n// #unroll\n${text}\n}`);
    expect(loop('for (var i = 1u; i < 3u; i++) { }')).toThrow(/reset\.wgsl:\d+: '#unroll' needs/);
    expect(loop('while (true) { }')).toThrow(/'#unroll' needs/);
    expect(loop('for (var i = 0u; i < UNKNOWN; i++) { }')).toThrow(/'UNKNOWN' is not a known constant/);
    expect(loop('for (var i = 0u; i < 3u; i++) { {')).toThrow(/never closed/);
  });

  test('unrolled loops give the numbers of the loops', async () => {
    const gpu = gpuOf();
    const shader = linkShader(DENSE);
    expect(count(shaderSource(DENSE), /#unroll/g)).toBeGreaterThan(0);
    const draws = new Draws(1);
    const [rows, inputs, outputs] = [13, 20, 12];
    const normals = (label: string, size: number) =>
      gpu.tensorOf(label, Float32Array.from(draws.normals(size)));
    const input = normals('input', rows * inputs);
    const parameters = normals('parameters', (inputs + 1) * outputs);
    const results = await Promise.all(
      [shader, asWritten(shader)].map(async (variant) => {
        const kernel = new Kernel(gpu.device, variant, { ACTIVATION: 1 });
        await kernel.compiled;
        const output = gpu.tensor('output', [rows, outputs]);
        const params = {
          rows,
          total_rows: rows,
          input4: inputs / 4,
          output4: outputs / 4,
          weights4: 0,
          member4: ((inputs + 1) * outputs) / 4,
          bias4: (inputs * outputs) / 4,
          activated: 0,
        };
        const dispatch = kernel.bind({ input, parameters, output }, { threads: [outputs, rows], params });
        await gpu.run(program('dense', [dispatch]));
        return gpu.read(output);
      }),
    );
    expect(results[0]!.some((value) => value !== 0)).toBe(true);
    // The driver may contract a * b + c differently in the two: a few roundings of float32, nothing more.
    expectClose(results[0]!, results[1]!, 1e-6);
  });
});

describe('structs', () => {
  const TEXT = `
const N = 2u;
struct Params { // a comment: with a colon
  first: u32, // another: one
  second: f32,
  vector: vec4f,
  third: i32,
  list: array<vec4f, N>,
  last: u32,
}`;

  test('are laid out by the rules of WGSL', () => {
    const { fields, size } = structOf(TEXT, 'Params')!;
    expect(fields.map(({ name, offset }) => `${name} ${offset}`)).toEqual([
      'first 0',
      'second 4',
      'vector 16',
      'third 32',
      'list 48',
      'last 80',
    ]);
    expect(size).toBe(96);
    expect(structOf(TEXT, 'Other')).toBeUndefined();
    expect(structOf('struct One {\n  x: f32,\n}', 'One')!.size).toBe(16);
    expect(() => structOf('struct Bad {\n  x: vec3f,\n}', 'Bad')).toThrow(
      /struct Bad has a field that is not/,
    );
  });

  test('take their numbers by name', () => {
    const struct = structOf(TEXT, 'Params')!;
    const values = {
      first: 0xffffffff,
      second: 1.5,
      vector: [1, 2, 3],
      third: -7,
      list: [1, 2, 3, 4, 5],
      last: 9,
    };
    const bytes = new DataView(packStruct(struct, values, 'test'));
    expect(bytes.byteLength).toBe(96);
    expect(bytes.getUint32(0, true)).toBe(0xffffffff);
    expect([4, 16, 20, 24, 28, 48, 64, 68].map((at) => bytes.getFloat32(at, true))).toEqual([
      1.5, 1, 2, 3, 0, 1, 5, 0,
    ]);
    expect(bytes.getInt32(32, true)).toBe(-7);
    expect(bytes.getUint32(80, true)).toBe(9);
    const { last, ...rest } = values;
    expect(() => packStruct(struct, { ...rest, lasst: last }, 'test')).toThrow(
      'test: missing [last], unknown [lasst].',
    );
    expect(() => packStruct(struct, { ...values, vector: [1, 2, 3, 4, 5] }, 'test')).toThrow(
      /'vector' has more than 4/,
    );
  });
});

describe('kernels', () => {
  test('refuse bindings, constants, views and sizes that do not fit, by name', () => {
    const gpu = gpuOf();
    const kernel = gpu.kernel('nn/repeat_members.wgsl');
    const [source, copies] = [gpu.tensor('source', [8]), gpu.tensor('copies', [8])];
    const params = { length: 4, count: 1 };
    const bind = (
      tensors: Parameters<Kernel['bind']>[0],
      threads = 4,
      given: Record<string, number> = params,
    ) => kernel.bind(tensors, { threads: [threads], params: given });
    expect(() => bind({ source, coppies: copies })).toThrow('missing [copies], unknown [coppies]');
    expect(() => bind({ source, copies }, 0)).toThrow(/has nothing to do: 0 x 1 x 1 workgroups/);
    expect(() => bind({ source, copies }, 64 * 65536)).toThrow(/65536 x 1 x 1 workgroups/);
    expect(() => bind({ source: view(source, 'part', 4, [4]), copies })).toThrow(/takes no view as 'source'/);
    expect(() => bind({ source, copies }, 4, { length: 4 })).toThrow('missing [count]');
    expect(() => gpu.kernel('svgd/stein_direction.wgsl')).toThrow('missing [DIRECTION]');
    expect(() => view(source, 'part', 5, [4])).toThrow(/leaves tensor 'source' of 8/);
    expect(bind({ source, copies }, 65).workgroups).toEqual([2, 1, 1]);
  });

  test('are compiled once for each variant', () => {
    const gpu = gpuOf();
    const kernel = gpu.kernel('svgd/stein_direction.wgsl', { constants: { DIRECTION: 1 } });
    expect(gpu.kernel('svgd/stein_direction.wgsl', { constants: { DIRECTION: 1 } })).toBe(kernel);
    expect(gpu.kernel('svgd/stein_direction.wgsl', { constants: { DIRECTION: 2 } })).not.toBe(kernel);
  });

  test('a text that the compiler refuses is named with its file and line', async () => {
    const { gpu: instance, adapter } = await requestTestAdapter();
    const gpu = await Gpu.create(instance, adapter);
    const text = `${shaderSource('envs/multigoal.wgsl')}\nfn broken() -> f32 { return 1u; }`;
    gpu.kernel(RESET, { slots: { env: { name: 'test.wgsl', text } } });
    await expect(gpu.ready()).rejects.toThrow(
      /refuses vector_env\/reset\.wgsl:\n {2}shaders\/.*:\d+:\d+ error: /,
    );
    // The error was caught where it was made: it must not also be one of the device's.
    gpu.check();
    gpu.dispose();
  });
});
