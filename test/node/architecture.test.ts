import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../support/child.ts';

/**
 * Which folders of src a folder may import besides itself; `types` marks one whose types alone it may have. `profile`
 * (times of programs) and `physics` (bodies compiled to WGSL) are planned, and have their places already.
 */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  gpu: [],
  profile: ['nn', 'gpu'],
  nn: ['gpu'],
  svgd: ['gpu'],
  rl: ['svgd', 'nn', 'gpu'],
  physics: [],
  envs: ['physics', 'gpu'],
  algorithms: ['rl', 'svgd', 'nn', 'gpu'],
  exact: ['envs', 'gpu'],
  train: ['algorithms', 'exact', 'envs', 'physics', 'rl', 'svgd', 'nn', 'gpu'],
  report: ['train (types)'],
  experiments: ['train', 'report', 'exact', 'envs', 'gpu'],
};
/** The folder that may import every other, and that none may import. */
const NODE = 'node';
/** The sentence-sized errors that every folder may throw. */
const ERRORS = 'src/gpu/errors.ts';
const INDEX = 'src/index.ts';
/** What runs in a browser. Everything else, Node's own modules among it, is for src/node alone. */
const BROWSER_PACKAGES = ['@observablehq/plot', 'gl-matrix', 'valibot'];
/** What only the page has use for. */
const PAGE_PACKAGES = ['fflate', 'uplot'];
const NODE_GLOBALS = ['process', 'Buffer', 'require', '__dirname', '__filename', 'global', 'setImmediate'];
const PAGE_GLOBALS = ['window', 'document'];

interface Import {
  /** A path from the root of the repository, or the name of a package. */
  readonly target: string;
  readonly typeOnly: boolean;
}

interface Source {
  readonly path: string;
  readonly imports: readonly Import[];
  /** Names of Node's and of the page's that the code says, other than behind a dot. */
  readonly globals: readonly string[];
}

/** Every import, re-export, dynamic import and import type of a file, and the global names that it uses. */
function parse(path: string, text: string): Source {
  const imports: Import[] = [];
  const globals = new Set<string>();
  const add = (specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (!specifier || !ts.isStringLiteralLike(specifier)) return;
    const name = specifier.text.replace(/\?.*$/, '');
    const target = name.startsWith('.') ? posix.join(posix.dirname(path), name) : name;
    imports.push({ target, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeOnly(node.importClause));
    else if (ts.isExportDeclaration(node))
      add(node.moduleSpecifier, node.isTypeOnly || allTypes(node.exportClause));
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
    else if (ts.isIdentifier(node) && [...NODE_GLOBALS, ...PAGE_GLOBALS].includes(node.text)) {
      if (!isMemberName(node)) globals.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return { path, imports, globals: [...globals] };
}

function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  return clause.name === undefined && allTypes(clause.namedBindings);
}

/** Whether every name in the braces has the word `type` before it. */
function allTypes(names: ts.NamedImportBindings | ts.NamedExportBindings | undefined): boolean {
  if (!names || !(ts.isNamedImports(names) || ts.isNamedExports(names))) return false;
  return names.elements.length > 0 && names.elements.every((element) => element.isTypeOnly);
}

/** Whether an identifier names a member of something, as in `event.document` or `{ window: 3 }`; not of globalThis. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) {
    const owner = parent.expression;
    return parent.name === node && !(ts.isIdentifier(owner) && ['globalThis', 'self'].includes(owner.text));
  }
  if (ts.isBindingElement(parent)) return parent.propertyName === node;
  return (
    (ts.isPropertyAssignment(parent) || ts.isTypeElement(parent) || ts.isClassElement(parent)) &&
    parent.name === node
  );
}

/** The files of the graph that `from` reaches, itself included. */
function reachable(graph: ReadonlyMap<string, Source>, from: string): Set<string> {
  const reached = new Set<string>();
  const open = [from];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const source = graph.get(path);
    if (!source || reached.has(path)) continue;
    reached.add(path);
    open.push(...source.imports.map(({ target }) => target));
  }
  return reached;
}

/** One shortest way from each file back to itself, each circle once. Imports of types count like any other. */
function circles(graph: ReadonlyMap<string, Source>): string[] {
  const found = new Map<string, string>();
  for (const start of graph.keys()) {
    const before = new Map<string, string>();
    const open = [start];
    for (let path = open.shift(); path !== undefined && !before.has(start); path = open.shift()) {
      for (const { target } of graph.get(path)?.imports ?? []) {
        if (before.has(target) || !graph.has(target)) continue;
        before.set(target, path);
        open.push(target);
      }
    }
    if (!before.has(start)) continue;
    const way = [start];
    do way.unshift(before.get(way[0]!)!);
    while (way[0] !== start);
    const key = [...new Set(way)].sort().join();
    if (!found.has(key)) found.set(key, `${way.join(' imports ')}: imports must not go in a circle`);
  }
  return [...found.values()];
}

/** Why a file may not have an import; undefined if it may. */
function refusal({ path }: Source, { target, typeOnly }: Import): string | undefined {
  const [top, folder = ''] = path.split('/');
  const [targetTop, targetFolder = ''] = target.split('/');
  const ours = /^(src|demo|bench|test|shaders)\//.test(target) || /^[^@/]+\.(js|json|ts)$/.test(target);
  const inNode = top === 'src' && folder === NODE;
  if (!ours) {
    if (top === 'demo' && PAGE_PACKAGES.some((name) => target === name || target.startsWith(`${name}/`)))
      return;
    if (inNode || BROWSER_PACKAGES.some((name) => target === name || target.startsWith(`${name}/`))) return;
    return `only src/${NODE} may import Node's modules and packages that need them`;
  }
  if (top === 'demo') {
    return targetTop === 'demo' || target === INDEX ? undefined : `demo imports ${INDEX} and nothing else`;
  }
  if (targetTop !== 'src') return 'src imports nothing of ours outside src';
  if (targetFolder === NODE && !inNode) return `nothing outside it may import src/${NODE}`;
  if (inNode || path === INDEX || target === ERRORS || folder === targetFolder) return;
  const allowed = LAYERS[folder] ?? [];
  if (allowed.includes(targetFolder) || (typeOnly && allowed.includes(`${targetFolder} (types)`))) return;
  return `src/${folder} may import ${allowed.join(', ') || 'nothing of ours'}`;
}

/** Everything that breaks the layers, one sentence each: the file, what it does, and the rule. */
function violations(sources: readonly Source[]): string[] {
  const graph = new Map(sources.map((source) => [source.path, source]));
  const inWorkers = reachable(graph, INDEX);
  const found = sources.flatMap((source) => {
    const { path, imports, globals } = source;
    const [top, folder = ''] = path.split('/');
    const sentences: string[] = [];
    if (top === 'src' && path !== INDEX && !(folder in LAYERS) && folder !== NODE)
      sentences.push(`${path}: src/${folder} is not in the table of layers`);
    for (const one of imports) {
      const rule = refusal(source, one);
      if (rule) sentences.push(`${path} imports ${one.target}: ${rule}`);
    }
    for (const name of globals) {
      if (NODE_GLOBALS.includes(name) && !(top === 'src' && folder === NODE))
        sentences.push(`${path} says '${name}': only src/${NODE} may use what is Node's`);
      if (PAGE_GLOBALS.includes(name) && inWorkers.has(path))
        sentences.push(`${path} says '${name}': ${INDEX} imports it and runs in a Worker, which has none`);
    }
    return sentences;
  });
  return [...found, ...circles(graph)];
}

/** Every source file under the given folders. */
function readSources(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
      .filter((path) => /\.(ts|mts|js|mjs)$/.test(path))
      .sort()
      .map((path) => parse(path, readFileSync(join(ROOT, path), 'utf8'))),
  );
}

describe('the layers of the code', () => {
  // How the page is built is no part of the page.
  const sources = readSources('src', 'demo').filter(({ path }) => path !== 'demo/vite.config.ts');

  test('hold: upper imports lower, never back, and nothing in a circle', () => {
    expect(violations(sources)).toEqual([]);
  });

  test('are looked at as a whole', () => {
    // Guards against a parser that finds nothing: these arrows are what the layers are for.
    const arrow = (path: string, target: string) =>
      sources.find((source) => source.path === path)?.imports.some((one) => one.target === target);
    expect(arrow('src/train/algorithms.ts', 'src/algorithms/soft-q-learning.ts')).toBe(true);
    expect(arrow('src/node/adapter.ts', 'webgpu')).toBe(true);
    expect(arrow('demo/page/link.ts', INDEX)).toBe(true);
    const graph = new Map(sources.map((source) => [source.path, source]));
    const reached = reachable(graph, INDEX);
    for (const folder of ['gpu', 'nn', 'svgd', 'rl', 'envs', 'exact', 'algorithms', 'train']) {
      expect([...reached].some((path) => path.startsWith(`src/${folder}/`))).toBe(true);
    }
  });
});

describe('the check', () => {
  const check = (files: Readonly<Record<string, string>>) =>
    violations(Object.entries(files).map(([path, text]) => parse(path, text)));

  test('lets through what the layers allow', () => {
    expect(
      check({
        'src/gpu/errors.ts': 'export class UsageError {}',
        'src/gpu/gpu.ts': "import { UsageError } from './errors.ts'; const { process: all } = x.window;",
        'src/physics/model.ts': "import { UsageError } from '../gpu/errors.ts';",
        'src/rl/q.ts': "import { gpu } from '../gpu/gpu.ts';",
        'src/train/trainer.ts': "import '../rl/q.ts'; import * as v from 'valibot';",
        'src/report/figure.ts': "import type { A } from '../train/trainer.ts'; draw(document);",
        'src/index.ts': "export { Trainer } from './train/trainer.ts';",
        'src/node/cli.ts': "import '../train/trainer.ts'; import 'node:fs'; await import('webgpu'); process;",
        'demo/main.ts':
          "import { Trainer } from '../src/index.ts'; import './style.css'; import 'gl-matrix';",
      }),
    ).toEqual([]);
  });

  test.each<[string, string, string, RegExp]>([
    ['a lower layer that imports an upper one', 'src/gpu/a.ts', "import '../train/b.ts';", /nothing of ours/],
    ['a re-export', 'src/nn/a.ts', "export { b } from '../rl/b.ts';", /src\/nn may import gpu$/],
    ['a type', 'src/svgd/a.ts', "import type { B } from '../nn/b.ts';", /src\/svgd may import gpu$/],
    ['an import type', 'src/envs/a.ts', "type B = import('../rl/b.ts').B;", /may import physics, gpu$/],
    ['a dynamic import', 'src/exact/a.ts', "await import('../train/b.ts');", /may import envs, gpu$/],
    [
      "a figure with more than train's types",
      'src/report/a.ts',
      "import '../train/b.ts';",
      /train \(types\)$/,
    ],
    ['environments that know learners', 'src/envs/a.ts', "import '../algorithms/b.ts';", /physics, gpu$/],
    ['someone who imports src/node', 'src/train/a.ts', "import '../node/b.ts';", /nothing outside it/],
    ['src that imports tests', 'src/train/a.ts', "import '../../test/b.ts';", /nothing of ours outside src/],
    ["Node's modules", 'src/train/a.ts', "import 'node:fs';", /imports node:fs: only src\/node/],
    ["Node's modules by their old names", 'src/train/a.ts', "import 'fs';", /imports fs: only src\/node/],
    ['webgpu', 'src/index.ts', "await import('webgpu');", /imports webgpu: only src\/node/],
    ['a Node-only package', 'src/report/a.ts', "import { parseHTML } from 'linkedom';", /linkedom: only src/],
    [
      'a page that looks behind the index',
      'demo/a.ts',
      "import '../src/gpu/b.ts';",
      /demo imports src\/index/,
    ],
    ['a page with Node packages', 'demo/a.ts', "import 'commander';", /commander: only src\/node/],
    ['a folder without a layer', 'src/utils/a.ts', '', /src\/utils is not in the table/],
    ["Node's globals", 'src/gpu/a.ts', 'process.env;', /says 'process': only src\/node/],
    ['a page global in a Worker', 'src/index.ts', 'window.alert();', /says 'window': .* Worker/],
    ['one by way of globalThis', 'src/index.ts', 'globalThis.document;', /says 'document': .* Worker/],
  ])('names %s', (_, path, text, sentence) => {
    const found = check({ [path]: text });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(sentence);
    expect(found[0]!.startsWith(path)).toBe(true);
  });

  test('follows imports to a page global', () => {
    const far = { 'src/gpu/b.ts': 'document.title;', 'src/gpu/a.ts': "import './b.ts';" };
    expect(check(far)).toEqual([]);
    expect(check({ ...far, 'src/index.ts': "export * from './gpu/a.ts';" })).toEqual([
      "src/gpu/b.ts says 'document': src/index.ts imports it and runs in a Worker, which has none",
    ]);
  });

  test('finds circles, of types too, each once', () => {
    const files = {
      'src/gpu/a.ts': "import './b.ts';",
      'src/gpu/b.ts': "import type { C } from './c.ts';",
      'src/gpu/c.ts': "export * from './a.ts';",
      'src/gpu/d.ts': "import './a.ts';",
    };
    expect(check(files)).toEqual([
      'src/gpu/a.ts imports src/gpu/b.ts imports src/gpu/c.ts imports src/gpu/a.ts: imports must not go in a circle',
    ]);
  });
});
