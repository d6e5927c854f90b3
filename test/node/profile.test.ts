import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UsageError } from '../../src/gpu/errors.ts';
import { profileAction } from '../../src/node/profile.ts';
import { drawSweeps, parseSweep, runSweep, type SweepResult } from '../../src/node/sweep.ts';
import { resolveConfig } from '../../src/train/config.ts';
import { runNode, type ChildResult } from '../support/child.ts';
import { useGpu } from '../support/gpu.ts';

const SMALL =
  '--environments 16 --warmup-transitions 64 --batch-size 8 --hidden 8 --value-particles 4 --fixed-particles 2 --updated-particles 2 --replay-capacity 500';
const CONFIG = resolveConfig({
  environment: 'multigoal',
  environments: 16,
  warmupTransitions: 64,
  batchSize: 8,
  hidden: [8],
});
const PEAK = { gflops: 3, gigabytesPerSecond: 5 };
/** Numbers of a transition in the ring: state, action, next state, reward, and how the episode went on. */
const RECORD = 2 + 2 + 2 + 1 + 2;
/** And of one in a minibatch: state and action for the critic, state, next state, reward, terminated. */
const BATCH = 4 + 2 + 2 + 1 + 1;
/** Numbers of the clock, as the uniform buffer that it also is, and of the seeds. */
const [CLOCK, SEEDS] = [8, 1];

const scratch = mkdtempSync(join(tmpdir(), 'softq-profile-'));
const at = (name: string) => join(scratch, name);

/** Runs the built command line as a user's shell does. */
function profile(line: string, env: Record<string, string> = {}): Promise<ChildResult> {
  return runNode(['dist/node/cli.js', 'profile', ...line.split(' ')], { env });
}

beforeAll(async () => {
  await runNode(['src/node/setup.mjs']);
}, 180_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Step {
  readonly label: string;
  readonly depth: number;
  readonly milliseconds: number;
  readonly dispatches: number;
  readonly bytes: number;
}

interface Report {
  readonly denseTile: { readonly rows: number; readonly columns4: number; readonly origin: string };
  readonly peak: { readonly gflops: number; readonly gigabytesPerSecond: number };
  readonly iteration: {
    readonly milliseconds: number;
    readonly updatesPerSecond: number;
    readonly timestampStep: number | null;
    readonly steps: readonly Step[];
    readonly memory: { readonly total: number; readonly tensors: readonly { readonly bytes: number }[] };
  };
}

test('softq profile prints tables, and leaves the numbers and a trace', async () => {
  const { code, stdout, stderr } = await profile(
    `multigoal ${SMALL} --kernels layered --no-autotune --json ${at('profile.json')} --trace ${at('trace.json')}`,
    { SOFTQ_AUTOTUNE: '1' },
  );
  expect(stderr).toMatch(/^softq: profiling multigoal by soft-q on .*\n$/);
  expect(code).toBe(0);
  for (const words of [
    '  env.step',
    'nn/dense_forward.wgsl',
    'of FMA',
    'a dependent dispatch',
    'levels of dependence',
    'replay.ring',
  ]) {
    expect(stdout).toContain(words);
  }
  const { iteration, peak, denseTile } = JSON.parse(readFileSync(at('profile.json'), 'utf8')) as Report;
  const { steps, memory } = iteration;
  expect(Math.min(peak.gflops, peak.gigabytesPerSecond, iteration.timestampStep!)).toBeGreaterThan(0);
  expect(denseTile.origin).toBe('table');
  expect(stdout).toContain(
    `${denseTile.rows} rows x ${4 * denseTile.columns4} columns in wide layers, from the table`,
  );
  expect(iteration.updatesPerSecond * iteration.milliseconds).toBeCloseTo(1000, 6);
  expect(memory.total).toBe(memory.tensors.reduce((sum, { bytes }) => sum + bytes, 0));

  // Of the ring a minibatch gathers its rows alone.
  const sample = steps.find(({ label }) => label === 'sample')!;
  expect(sample.bytes).toBe(4 * (CLOCK + SEEDS + 8 * (RECORD + BATCH)));

  const { traceEvents } = JSON.parse(readFileSync(at('trace.json'), 'utf8')) as {
    traceEvents: { name: string; ph: string; ts: number; dur?: number; tid: number }[];
  };
  const spans = traceEvents.filter(({ ph }) => ph === 'X');
  expect(spans.map(({ name, tid }) => [name, tid])).toEqual(steps.map(({ label, depth }) => [label, depth]));
  const [whole] = spans;
  for (const { ts, dur } of spans) {
    expect(dur).toBeGreaterThan(0);
    expect(ts + dur!).toBeLessThanOrEqual(whole!.dur! * (1 + 1e-9));
  }
});

test('a mistake ends in one sentence and exit code 2', async () => {
  const wrong = await profile('--sweep hidden=1k --json');
  expect([wrong.code, wrong.stdout]).toEqual([2, '']);
  expect(wrong.stderr).toBe('softq: --hidden must be at most 512, not 1000.\n');
});

test('--autotune and --no-autotune go before SOFTQ_AUTOTUNE', async () => {
  const [autotune, adapter] = [/SOFTQ_AUTOTUNE is 'maybe'/, /--adapter is 'none'/];
  for (const [flag, complaint] of [
    ['', autotune],
    ['--autotune ', adapter],
    ['--no-autotune ', adapter],
  ] as const) {
    const { code, stderr } = await profile(`${flag}--adapter none`, { SOFTQ_AUTOTUNE: 'maybe' });
    expect([code, stderr]).toEqual([2, expect.stringMatching(complaint)]);
  }
});

describe('a sweep', () => {
  const gpu = useGpu();

  test('times an iteration at every value and is drawn', async () => {
    const sweeps = ['environments=16,0.1k', 'hidden=4,8'].map((text) => parseSweep(text, CONFIG));
    const results: SweepResult[] = [];
    const before = gpu().memory().total;
    for (const sweep of sweeps) results.push(await runSweep(gpu(), sweep, PEAK));
    expect(gpu().memory().total).toBe(before);
    expect(results.map(({ setting, points }) => [setting, points.map(({ value }) => value)])).toEqual([
      ['environments', [16, 100]],
      ['hidden', [4, 8]],
    ]);
    for (const { value, milliseconds, environmentStepsPerSecond } of results[0]!.points) {
      expect((environmentStepsPerSecond * milliseconds) / value).toBeCloseTo(1000, 6);
    }
    for (const { gflops, rooflineShare } of results[1]!.points) {
      expect(rooflineShare).toBe(gflops / PEAK.gflops);
    }
    // Twice the width in one hidden layer of a few inputs is twice the operations.
    const operations = results[1]!.points.map(({ gflops, milliseconds }) => gflops * milliseconds);
    expect(operations[1]! / operations[0]!).toBeCloseTo(2, 6);

    await drawSweeps(at('sweep.svg'), results, 'an adapter', CONFIG);
    const svg = readFileSync(at('sweep.svg'), 'utf8');
    expect(svg.match(/class="panel /g)).toHaveLength(4);
    expect(svg).toContain('width of the hidden layers');
    expect(svg).toContain('minibatches of 8');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  test('keeps the number of layers, and takes a setting by the name of its flag', () => {
    const { values, configs } = parseSweep('hidden=32,64', { ...CONFIG, hidden: [8, 8, 8] });
    expect(values).toEqual([32, 64]);
    expect(configs.map(({ hidden }) => hidden)).toEqual([
      [32, 32, 32],
      [64, 64, 64],
    ]);
    expect(parseSweep('batch-size=2k,1.5k', CONFIG)).toMatchObject({
      setting: 'batchSize',
      values: [2000, 1500],
    });
  });

  test.each([
    ['speed=1,2', /--sweep knows environments, batch-size, .*, not 'speed'/],
    ['environments', /--sweep must be a setting and whole numbers .*, not 'environments'/],
    ['environments=', /--sweep must be a setting/],
    ['environments=1k,,4k', /--sweep must be a setting/],
    ['environments=1G', /--sweep must be a setting/],
    ['batchSize=0.5', /--sweep must be a setting/],
    ['environments=64,32,64', /--sweep has a value twice/],
    ['batch-size=0', /--batch-size must be at least 1, not 0/],
    ['environments=2M', /2000000 environments do not fit a replay buffer/],
  ])('of %s is refused', (text, sentence) => {
    expect(() => parseSweep(text, CONFIG)).toThrow(UsageError);
    expect(() => parseSweep(text, CONFIG)).toThrow(sentence);
  });
});

test.each([
  [{ figure: 'a.png' }, /--figure draws sweeps: add --sweep/],
  [{ sweep: ['hidden=8'], figure: 'a.pdf' }, /must name a file that ends in .svg or .png, not 'a.pdf'/],
  [{ sweep: ['hidden=8'], trace: 'a.json' }, /--trace shows one iteration: leave it or --sweep out/],
  [{ trace: 'nowhere/a.json' }, /'nowhere\/a.json' cannot be written .*: name another file with --trace/],
  [{ json: 'multigoal' }, /--json would write a file 'multigoal': name the environment before it/],
  [{ json: 'src' }, /'src' cannot be written \(it is no file\)/],
  [{ json: 'a.json', trace: './a.json' }, /--json and --trace name the same file '.\/a.json'/],
  [{ json: 'nowhere/a.json' }, /'nowhere\/a.json' cannot be written .*: name another file with --json/],
])('softq profile with %o is refused', async (flags, sentence) => {
  const refused = profileAction('multigoal', { sweep: [], ...flags });
  await expect(refused).rejects.toThrow(UsageError);
  await expect(refused).rejects.toThrow(sentence);
});
