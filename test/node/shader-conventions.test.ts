import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shaderFiles, shaderSource } from '../../src/gpu/shader.ts';
import { ROOT } from '../support/child.ts';
import { isKernel, lint, lintLinked, MOST_LINES } from '../support/shader-conventions.ts';

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
      return !(named || (imported && !isKernel(shaderSource(file))));
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
