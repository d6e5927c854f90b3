import { constantsOf } from '../../src/gpu/shader.ts';

/** Lines that a kernel's file may have at most. */
export const MOST_LINES = 120;
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

/** Whether a shader's text is a kernel, with an entry point, rather than functions to import. */
export const isKernel = (text: string) => text.includes('@compute');

/** What one file of `shaders/`, among `files`, does against the conventions: a sentence each. */
export function lint(file: string, text: string, files: readonly string[]): string[] {
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

/** What a linked shader needs beyond WebGPU's portable limits: a sentence each. */
export function lintLinked(file: string, code: string): string[] {
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
