import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runNode, type ChildResult } from '../support/child.ts';

const CLI = 'dist/node/cli.js';
const SMALL =
  '--environments 16 --warmup-transitions 64 --critic-first-updates 10 --batch-size 8 --hidden 8,8 --replay-capacity 500';
/** Longer than any test lets it run, without a checkpoint on the way: how far it gets is the machine's affair. */
const ENDLESS = '--updates 1000000 --checkpoint-every 1000000';

const scratch = mkdtempSync(join(tmpdir(), 'softq-cli-'));
const runs = join(scratch, 'runs');
let finished = '';

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Runs the built command line as a user's shell does. */
function softq(line: string, env: Record<string, string> = {}): Promise<ChildResult> {
  return runNode([CLI, ...line.split(' ')], { env });
}

beforeAll(async () => {
  // The command line is tested as it is built; this builds it only if a source changed.
  await runNode(['src/node/setup.mjs']);
  const { code, stdout, stderr } = await softq(
    `train multigoal --seed 3 --updates 60 ${SMALL} --runs ${runs}`,
  );
  expect(stderr).toContain('GPU memory');
  expect(code).toBe(0);
  for (const row of ['success', 'goal shares', 'goal entropy', 'mean return', 'updates/s', 'adapter']) {
    expect(stdout).toContain(row);
  }
  finished = join(runs, 'multigoal-default-s3-1');
}, 180_000);

describe('softq train', () => {
  test('leaves a complete run folder and overwrites nothing', async () => {
    expect(readdirSync(finished).sort()).toEqual([
      'checkpoint-000060',
      'config.json',
      'evaluation.json',
      'figure1.png',
      'figure1.svg',
      'learning-curves.png',
      'learning-curves.svg',
      'metrics.jsonl',
    ]);
    const figure = readFileSync(join(finished, 'figure1.svg'), 'utf8');
    expect(figure.match(/>exact</g)).toHaveLength(3);
    const lines = readFileSync(join(finished, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const rows = lines.map((line) => JSON.parse(line) as { global_step: number; updates: number });
    expect(rows.map(({ updates }) => updates)).toEqual([25, 50]);
    // 4 iterations of warm-up and one for each update, of 16 environments.
    expect(rows.map(({ global_step: steps }) => steps)).toEqual([29 * 16, 54 * 16]);
    const again = await softq(`train multigoal --config ${finished}/config.json --updates 20 --runs ${runs}`);
    expect(again.code).toBe(0);
    expect(existsSync(join(runs, 'multigoal-default-s3-2', 'checkpoint-000020'))).toBe(true);
  });

  test('the same command twice gives the same checkpoint hash', async () => {
    const hashes = [];
    for (let i = 0; i < 2; i++) {
      const { stdout } = await softq(`train multigoal --seed 5 --updates 30 ${SMALL} --runs ${runs}`);
      hashes.push(/checkpoint\s+│\s+(\w{16})/.exec(stdout)?.[1]);
    }
    expect(hashes[0]).toMatch(/^[0-9a-f]{16}$/);
    expect(hashes[1]).toBe(hashes[0]);
  });

  test('an interrupted run saves what it has, also when the signal comes twice', async () => {
    const child = spawn(process.execPath, [
      CLI,
      ...`train multigoal --seed 6 ${ENDLESS} ${SMALL} --runs ${runs}`.split(' '),
    ]);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    const folder = join(runs, 'multigoal-default-s6-1');
    await vi.waitUntil(() => existsSync(join(folder, 'metrics.jsonl')), { timeout: 60_000 });
    child.kill('SIGINT');
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(130);
    expect(stdout).toContain('mean return');
    expect(readdirSync(folder).filter((name) => name.startsWith('checkpoint-'))).toHaveLength(1);
    expect((await softq(`evaluate ${folder}`)).code).toBe(0);
  });

  test('a disk that refuses the metrics ends the run with a sentence, after the checkpoint', async () => {
    const folder = join(runs, 'multigoal-default-s8-1');
    const child = softq(`train multigoal --seed 8 ${ENDLESS} ${SMALL} --runs ${runs}`);
    await vi.waitUntil(() => existsSync(join(folder, 'config.json')), { timeout: 60_000 });
    // What cannot be appended to, as on a full disk; renamed into place, since the run may write at any moment.
    symlinkSync(scratch, join(scratch, 'no-file'));
    renameSync(join(scratch, 'no-file'), join(folder, 'metrics.jsonl'));
    const { code, stderr } = await child;
    expect(code).toBe(2);
    expect(stderr).toMatch(/softq: Reading or writing a file failed \(.*metrics\.jsonl/);
    expect(readdirSync(folder).filter((name) => name.startsWith('checkpoint-'))).toHaveLength(1);
  });

  test('a run that diverges ends with a sentence and keeps its last good checkpoint', async () => {
    const { code, stderr } = await softq(
      `train multigoal --seed 4 --updates 4000 --checkpoint-every 10 --critic-learning-rate 1e18 ${SMALL} --runs ${runs}`,
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /Training diverged: the .* became NaN or infinite in update \d+ \(iteration \d+\); tensor '/,
    );
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

test('softq train says when the kernels asked for cannot take the whole update', async () => {
  const line = `train multigoal --kernels lanes --updates 1 ${SMALL.replace('8,8', '12,8')} --runs ${runs}`;
  const { code, stderr } = await softq(line);
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /softq: the update is computed at least in part layer by layer, because .*(lanes|12-8)/,
  );
});

describe('the baselines', () => {
  test.each([
    ['sac', '--mixture-components 4', 'Soft actor-critic with a mixture of 4 Gaussians', 100],
    ['ddpg', '', 'Deep deterministic policy gradient', 1],
  ])('softq train --algorithm %s, and evaluate its run', async (algorithm, flags, title, actions) => {
    const line = `train multigoal --algorithm ${algorithm} ${flags} --seed 3 --updates 2 ${SMALL} --runs ${runs}`;
    expect((await softq(line.replace('  ', ' '))).code).toBe(0);
    const folder = join(runs, `multigoal-${algorithm}-default-s3-1`);
    const figure = readFileSync(join(folder, 'figure1.svg'), 'utf8');
    expect(figure).toContain(`${title} on the multi-goal task`);
    // A deterministic policy has one action at each of three states; below each are draws of the optimum.
    const [, ...panels] = figure.split('class="actions"');
    expect(panels.map((panel) => panel.split('</g>')[0]!.split('<circle').length - 1)).toEqual([
      actions,
      100,
      actions,
      100,
      actions,
      100,
    ]);
    const { code, stdout } = await softq(`evaluate ${folder} --json`);
    expect(code).toBe(0);
    const recorded = JSON.parse(readFileSync(join(folder, 'evaluation.json'), 'utf8')) as object;
    expect(JSON.parse(stdout)).toMatchObject(recorded);
  });
});

describe('softq evaluate', () => {
  test('--json puts one object on stdout and nothing else, the same numbers as the training did', async () => {
    const { code, stdout } = await softq(`evaluate ${finished} --json`);
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as Record<string, unknown>;
    const recorded = JSON.parse(readFileSync(join(finished, 'evaluation.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    expect(result).toMatchObject({ updates: 60, checkpoint: 'checkpoint-000060', rollouts: 500 });
    expect(result['meanReturn']).toBe(recorded['meanReturn']);
  });

  test.each([
    ['langevin --refine-steps 1', { kind: 'langevin', steps: 1, stepSize: 0.05 }, 'langevin-1x0.05'],
    ['resample --refine-candidates 4', { kind: 'resample', candidates: 4 }, 'resample-4'],
  ])('--refine %s evaluates another policy, under another name', async (flags, refinement, name) => {
    const { code, stdout } = await softq(`evaluate ${finished} --rollouts 20 --json --refine ${flags}`);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ refinement, rollouts: 20 });
    const file = join(finished, `evaluation-checkpoint-000060-s3-n20-${name}.json`);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ refinement });
    const plain = JSON.parse((await softq(`evaluate ${finished} --rollouts 20 --json`)).stdout) as object;
    expect(plain).not.toHaveProperty('refinement');
    expect(JSON.parse(stdout)).not.toMatchObject({ ...plain });
  });

  test('damaged checkpoints are refused, file by file, and nothing is written over', async () => {
    const damage: [string, (bytes: Buffer) => Buffer, RegExp][] = [
      [
        'learner.safetensors',
        (bytes) => bytes.subarray(0, bytes.length / 2),
        /learner\.safetensors is damaged/,
      ],
      [
        'learner.safetensors',
        (bytes) => Buffer.from(bytes.map((byte, i) => (i === 900 ? byte ^ 1 : byte))),
        /damaged/,
      ],
      ['checkpoint.json', () => Buffer.from('{'), /checkpoint\.json is damaged: it is not JSON/],
      ['checkpoint.json', () => Buffer.from('null'), /format version undefined/],
      [
        'checkpoint.json',
        (bytes) => Buffer.from(bytes.toString().replace('"temperature": 10', '"temperature": 11')),
        /damaged/,
      ],
      [
        'checkpoint.json',
        (bytes) => Buffer.from(bytes.toString().replace('"updates": 60', '"updates": 61')),
        /damaged/,
      ],
      ['checkpoint.json', () => Buffer.from('{"formatVersion": 99}'), /format version 99, not 1/],
    ];
    for (const [file, change, sentence] of damage) {
      const copy = join(scratch, 'damaged');
      rmSync(copy, { recursive: true, force: true });
      cpSync(finished, copy, { recursive: true });
      const path = join(copy, 'checkpoint-000060', file);
      writeFileSync(path, change(readFileSync(path)));
      const before = readFileSync(join(copy, 'evaluation.json'), 'utf8');
      const { code, stdout, stderr } = await softq(`evaluate ${copy} --json`);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(sentence);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(readFileSync(join(copy, 'evaluation.json'), 'utf8')).toBe(before);
    }
  });
});

describe('softq verify-vectors', () => {
  test('vectors of the project agree, and a file that is not checked is named', async () => {
    const folder = join(scratch, 'known-vectors');
    cpSync('test/vectors/sql_small.json', join(folder, 'sql_small.json'));
    writeFileSync(join(folder, 'notes.json'), '{}');
    const { code, stdout } = await softq(`verify-vectors ${folder}`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/│ sql_small\.json\s+│ critic\.grad\s+│ \d\.\de-\d+ │ 2\.0e-5\s+│ ok/);
    expect(stdout).toMatch(/\nnot checked: notes\.json all: unknown file\n/);
    expect(stdout).toMatch(/\n(\d+) of \1 quantities agree on /);
  });

  test('a number that differs is a miss and exit code 1; --json puts one object on stdout', async () => {
    const folder = join(scratch, 'vectors');
    cpSync('test/vectors/r2.json', join(folder, 'r2.json'));
    const parsed = JSON.parse(readFileSync(join(folder, 'r2.json'), 'utf8')) as { actions: number[][][] };
    parsed.actions[1]![4]![0]! += 1e-3;
    writeFileSync(join(folder, 'r2.json'), JSON.stringify(parsed));
    const { code, stdout } = await softq(`verify-vectors ${folder} --json`);
    expect(code).toBe(1);
    const report = JSON.parse(stdout) as { ok: boolean; rows: { quantity: string; ok: boolean }[] };
    expect(report.ok).toBe(false);
    expect(report.rows.filter(({ ok }) => !ok).map(({ quantity }) => quantity)).toEqual(['actions']);
  });
});

describe('bad input is one sentence and exit code 2', () => {
  test.each([
    ['train', /missing required argument/],
    ['train chess', /no environment 'chess'; there is multigoal/],
    ['train multigoal --preset huge', /no preset 'huge'/],
    ['train multigoal --speed 3', /unknown option '--speed'.*\n.*Did you mean --seed/],
    ['train multigoal --environments -4', /--environments must be at least 1, not -4/],
    ['train multigoal --temperature 0', /--temperature must be greater than 0, not 0/],
    ['train multigoal --algorithm ppo', /--algorithm must be one of soft-q, sac, ddpg, not ppo/],
    [
      'train multigoal --algorithm ddpg --fixed-particles 4',
      /--fixed-particles does nothing with --algorithm ddpg/,
    ],
    [
      'train multigoal --algorithm ddpg --target-entropy 0',
      /--target-entropy does nothing with --algorithm ddpg/,
    ],
    [
      'train multigoal --algorithm sac --mixture-components 3',
      /--policy-particles must be a multiple of --mixture-components/,
    ],
    ['train multigoal --hidden 64,x', /--hidden must be a number, not x/],
    ['train multigoal --config nowhere.json', /'nowhere\.json' cannot be read/],
    ['train multigoal --config package.json', /no setting 'name'/],
    ['train multigoal --runs package.json/x', /No run folder can be made/],
    ['train multigoal --replay-capacity 900000000', /use --replay-capacity \d+ or less/],
    [
      'train multigoal --environments 90000000 --replay-capacity 90000000',
      /use --replay-capacity|lower --environments/,
    ],
    ['train multigoal --adapter quantum', /must be one of auto, system, swiftshader/],
    ['reproduce multigoal --learners soft-q,td3', /--learners knows no 'td3'; there is soft-q, /],
    ['train multigoal --preset sharp --config CONFIG', /already starts from preset 'default'/],
    ['train multigoal --algorithm sac --config CONFIG', /already starts from algorithm 'soft-q'/],
    ['train multigoal --target-interval 4294967296', /--target-interval must be below 2\^32/],
    ['train multigoal --temperature 1e-300', /--temperature must fit a float32/],
    ['train multigoal --batch-size 1100000', /65,535 along an axis|storage binding|one buffer/],
    ['evaluate nowhere', /'nowhere' is not a folder/],
    ['evaluate src', /'src' is not a run folder/],
    ['evaluate runs --rollouts none', /--rollouts must be a whole number/],
    ['evaluate runs --rollouts 1000000', /--rollouts must be a whole number from 1 to 100000/],
    ['acceptance --seeds 0-9999999999', /--seeds must lie below 2\^32/],
    ['acceptance --seeds x', /--seeds must be numbers and ranges/],
    ['acceptance --preset paper', /acceptance bounds for default and tiny/],
    ['verify-vectors', /missing required argument/],
    ['verify-vectors nowhere', /The folder 'nowhere' cannot be read/],
    ['verify-vectors src', /'src' holds no sql_/],
    ['doctor --adapter quantum', /must be one of auto, system, swiftshader/],
    ['fly', /unknown command 'fly'/],
  ])('softq %s', async (line, sentence) => {
    const { code, stdout, stderr } = await softq(line.replace('CONFIG', join(finished, 'config.json')));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('no adapter at all', async () => {
    const { code, stderr } = await softq('train multigoal --adapter system', {
      VK_ICD_FILENAMES: '/nowhere.json',
      VK_DRIVER_FILES: '/nowhere.json',
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^softq: No graphics driver of this system can be used .* or use --adapter swiftshader\.\n$/,
    );
  });
});
