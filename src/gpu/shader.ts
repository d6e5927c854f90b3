/**
 * Loads WGSL files, links them and reads their interface from their own text, which is the only place where it is
 * written down. Conventions: docs of `linkShader`; CONTRIBUTING.md, "Shaders".
 */

const SOURCES: Record<string, string> = Object.fromEntries(
  Object.entries(
    import.meta.glob<string>('../../shaders/**/*.wgsl', { query: '?raw', import: 'default', eager: true }),
  ).map(([path, text]) => [path.replace('../../shaders/', ''), text]),
);

/** How a binding is used, in the words of a bind group layout. */
export type BindingKind = 'uniform' | 'read-only-storage' | 'storage';

/** One `@binding` of a shader, found in its text. */
export interface Binding {
  readonly index: number;
  readonly name: string;
  readonly kind: BindingKind;
  /** The WGSL type as written, e.g. `array<vec4f>`. */
  readonly type: string;
}

/** One field of a WGSL struct; `offset` and `size` in bytes, `columns` 1 for scalars, 4 for vec4f. */
export interface StructField {
  readonly name: string;
  readonly scalar: 'f32' | 'u32' | 'i32';
  readonly columns: number;
  readonly count: number;
  readonly offset: number;
}

/** A struct of scalars, vec4f and arrays of vec4f: what a uniform buffer may hold here. `size` in bytes. */
export interface Struct {
  readonly fields: readonly StructField[];
  readonly size: number;
}

/** A linked shader: its text and everything the host needs to know of it. */
export interface Shader {
  readonly name: string;
  readonly code: string;
  readonly bindings: readonly Binding[];
  /** `override` names; each must get a value. */
  readonly overrides: readonly string[];
  /** `struct Params`, if the shader has one. */
  readonly params: Struct | undefined;
  /** Structs of the uniform bindings besides `params`, by binding name: those of one's own, and the clock's. */
  readonly uniforms: ReadonlyMap<string, Struct>;
  readonly workgroupSize: readonly [number, number, number];
}

/** What fills a `// #slot`: a file of `shaders/` or a text, e.g. a generated environment. */
export type SlotFiller = { readonly file: string } | { readonly name: string; readonly text: string };

/** Link-time choices: slot fillers, values for `// #tunable` constants, and whether subgroup functions are built in. */
export interface LinkOptions {
  readonly slots?: Readonly<Record<string, SlotFiller>>;
  readonly tunables?: Readonly<Record<string, number>>;
  /** True leaves out `common/subgroup_of_one.wgsl`; the device must have the feature `subgroups`. */
  readonly subgroups?: boolean;
}

const SUBGROUP_OF_ONE = 'common/subgroup_of_one.wgsl';

/** Names of all WGSL files, relative to `shaders/`. */
export function shaderFiles(): string[] {
  return Object.keys(SOURCES).sort();
}

/**
 * The text of one file of `shaders/`.
 * @throws Error if there is no such file.
 */
export function shaderSource(file: string): string {
  const text = SOURCES[file];
  if (text === undefined) throw new Error(`There is no shader file shaders/${file}.`);
  return text;
}

/** The values of `const NAME = ...;` lines of a WGSL text: numbers, and products of numbers and earlier constants. */
export function constantsOf(text: string): Record<string, number> {
  const constants: Record<string, number> = {};
  for (const [, name, product] of text.matchAll(/^const\s+(\w+)\s*=\s*([-\w.\s*]+);/gm)) {
    const factors = product!
      .split('*')
      .map((factor) => constants[factor.trim()] ?? Number.parseFloat(factor));
    constants[name!] = factors.reduce((value, factor) => value * factor, 1);
  }
  return constants;
}

/**
 * The constant of a WGSL text that stands for a choice: `tanh-kernel` is TANH_KERNEL.
 * @throws Error if the text has none of that name.
 */
export function constantFor(constants: Readonly<Record<string, number>>, choice: string): number {
  const value = constants[choice.toUpperCase().replaceAll('-', '_')];
  if (value === undefined) throw new Error(`No shader constant stands for '${choice}'.`);
  return value;
}

/**
 * Links `file`: imports (`// #import common/x.wgsl`, each file once) and slot fillers (`// #slot name`) are appended
 * after it, so that compiler line numbers stay true; `// #tunable` constants take the given values; loops under
 * `// #unroll` are repeated with literal indices. Comments and slots are the only markers; the rest is plain WGSL.
 * @throws Error naming the file for an unknown import, slot, tunable or a loop that cannot be unrolled.
 */
export function linkShader(file: string, options: LinkOptions = {}): Shader {
  const { slots = {}, tunables = {}, subgroups = false } = options;
  const parts: string[] = [];
  const seen = new Set<string>(subgroups ? [SUBGROUP_OF_ONE] : []);
  const openSlots = new Set(Object.keys(slots));
  const append = (name: string, text: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    parts.push(text);
    for (const [, imported] of text.matchAll(/^\s*\/\/ #import (\S+)\s*$/gm)) {
      append(imported!, shaderSource(imported!));
    }
    for (const [, slot] of text.matchAll(/^\s*\/\/ #slot (\w+)/gm)) {
      const filler = slots[slot!];
      if (filler === undefined) throw new Error(`shaders/${file}: slot '${slot}' is not filled.`);
      openSlots.delete(slot!);
      if ('file' in filler) append(filler.file, shaderSource(filler.file));
      else append(filler.name, filler.text);
    }
  };
  append(file, shaderSource(file));
  if (openSlots.size > 0) throw new Error(`shaders/${file} has no slot '${[...openSlots].join("', '")}'.`);

  let text = parts.join('\n');
  for (const [name, value] of Object.entries(tunables)) {
    const line = new RegExp(`^(const ${name} = )\\d+(u; // #tunable)`, 'm');
    if (!line.test(text)) throw new Error(`shaders/${file} has no tunable '${name}'.`);
    text = text.replace(line, `$1${value}$2`);
  }
  const constants = constantsOf(text);
  // In front of the first line, not above it: line numbers stay true.
  const enable = subgroups ? 'enable subgroups; ' : '';
  const code = enable + unrollLoops(stripComments(text), constants, file);
  return { name: file, code, ...reflect(code, constants, file) };
}

const UNROLL = '@unroll@';

/** Removes `//` comments but keeps every line, and leaves a mark where a loop is to be unrolled. */
function stripComments(text: string): string {
  return text.replace(/\/\/(.*)$/gm, (_, comment: string) => (comment.trim() === '#unroll' ? UNROLL : ''));
}

/** Repeats each marked loop with literal indices; a copy's lines are folded so that later lines keep their numbers. */
function unrollLoops(code: string, constants: Record<string, number>, file: string): string {
  const at = code.indexOf(UNROLL);
  if (at < 0) return code;
  const loop = /^\s*for\s*\(var (\w+) = 0u; \1 < (\w+); \1\+\+\)\s*\{/.exec(code.slice(at + UNROLL.length));
  const line = code.slice(0, at).split('\n').length;
  if (!loop) throw new Error(`shaders/${file}:${line}: '#unroll' needs 'for (var i = 0u; i < N; i++) {'.`);
  const [head, variable, bound] = loop;
  const count = constants[bound!] ?? Number.parseInt(bound!, 10);
  if (!Number.isInteger(count))
    throw new Error(`shaders/${file}:${line}: '${bound}' is not a known constant.`);
  const start = at + UNROLL.length + head.length;
  const end = closingBrace(code, start);
  const body = code.slice(start, end);
  const copies = Array.from({ length: count }, (_, i) =>
    `{${body.replace(new RegExp(`\\b${variable}\\b`, 'g'), `${i}u`)}}`.replace(/\s*\n\s*/g, ' '),
  );
  const lines = code.slice(at, end + 1).split('\n').length - 1;
  // A body that held marked loops of its own carries their marks into each copy; the recursion reaches them.
  return unrollLoops(
    code.slice(0, at) + copies.join(' ') + '\n'.repeat(lines) + code.slice(end + 1),
    constants,
    file,
  );
}

function closingBrace(code: string, start: number): number {
  let depth = 1;
  for (let i = start; i < code.length; i++) {
    if (code[i] === '{') depth++;
    if (code[i] === '}' && --depth === 0) return i;
  }
  throw new Error('A brace is never closed.');
}

const BINDING =
  /@group\(0\)\s*@binding\((\d+)\)\s*var<(uniform|storage)(?:,\s*(read|read_write))?>\s*(\w+)\s*:\s*([^;]+);/g;

function reflect(code: string, constants: Record<string, number>, file: string) {
  const bindings = [...code.matchAll(BINDING)]
    .map(([, index, space, access, name, type]): Binding => ({
      index: Number(index),
      name: name!,
      kind: space === 'uniform' ? 'uniform' : access === 'read_write' ? 'storage' : 'read-only-storage',
      type: type!.trim(),
    }))
    .sort((a, b) => a.index - b.index);
  const overrides = [...code.matchAll(/^override\s+(\w+)\s*:\s*\w+\s*;/gm)].map((match) => match[1]!);
  const size = /@workgroup_size\(([^)]+)\)/
    .exec(code)?.[1]
    ?.split(',')
    .map((part) => {
      const token = part.trim();
      return constants[token] ?? Number.parseInt(token, 10);
    });
  if (!size?.every(Number.isInteger)) throw new Error(`shaders/${file} has no literal @workgroup_size.`);
  const [x = 1, y = 1, z = 1] = size;
  const workgroupSize: [number, number, number] = [x, y, z];
  const uniforms = new Map(
    bindings
      .filter(({ name, kind, type }) => kind === 'uniform' && name !== 'params' && /^\w+$/.test(type))
      .map(({ name, type }) => [name, structOf(code, type)!]),
  );
  return { bindings, overrides, params: structOf(code, 'Params'), uniforms, workgroupSize };
}

/**
 * The layout of `struct name` in a WGSL text, by WGSL's rules for the types a uniform may have here:
 * f32, u32, i32, vec4f and array<vec4f, N>. Undefined if the text has no such struct.
 * @throws Error for a field of another type.
 */
export function structOf(text: string, name: string): Struct | undefined {
  const code = stripComments(text);
  const body = new RegExp(`struct ${name}\\s*\\{([^}]*)\\}`).exec(code)?.[1];
  if (body === undefined) return undefined;
  const constants = constantsOf(text);
  const fields: StructField[] = [];
  let end = 0;
  for (const [, field, type] of body.matchAll(
    /(\w+)\s*:\s*(f32|u32|i32|vec4f|array<\s*vec4f\s*,\s*\w+\s*>)\s*(?:,|$)/gm,
  )) {
    const array = /array<\s*vec4f\s*,\s*(\w+)\s*>/.exec(type!);
    const count = array ? (constants[array[1]!] ?? Number.parseInt(array[1]!, 10)) : 1;
    const columns = array || type === 'vec4f' ? 4 : 1;
    const offset = columns === 4 ? Math.ceil(end / 16) * 16 : end;
    const scalar = columns === 4 ? 'f32' : (type as 'f32' | 'u32' | 'i32');
    fields.push({ name: field!, scalar, columns, count, offset });
    end = offset + 4 * columns * count;
  }
  if (fields.length !== body.split('\n').filter((line) => line.includes(':')).length) {
    throw new Error(`struct ${name} has a field that is not f32, u32, i32, vec4f or array<vec4f, N>.`);
  }
  return { fields, size: Math.ceil(end / 16) * 16 };
}

/**
 * The bytes of a struct with the given values by field name; a vec4f array takes its numbers flat.
 * @throws Error if a field is missing, unknown, or has too many numbers.
 */
export function packStruct(
  struct: Struct,
  values: Readonly<Record<string, number | readonly number[]>>,
  what: string,
): ArrayBuffer {
  const names = struct.fields.map((field) => field.name);
  const missing = names.filter((name) => values[name] === undefined);
  const unknown = Object.keys(values).filter((name) => !names.includes(name));
  if (missing.length + unknown.length > 0) {
    throw new Error(`${what}: missing [${missing.join(', ')}], unknown [${unknown.join(', ')}].`);
  }
  const bytes = new DataView(new ArrayBuffer(struct.size));
  for (const { name, scalar, columns, count, offset } of struct.fields) {
    const numbers = [values[name]!].flat();
    if (numbers.length > columns * count)
      throw new Error(`${what}: '${name}' has more than ${columns * count} numbers.`);
    numbers.forEach((number, i) => {
      if (scalar === 'f32') bytes.setFloat32(offset + 4 * i, number, true);
      else if (scalar === 'u32') bytes.setUint32(offset + 4 * i, number, true);
      else bytes.setInt32(offset + 4 * i, number, true);
    });
  }
  return bytes.buffer;
}
