import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { MultigoalOptimum } from '../../src/exact/multigoal-optimum.ts';
import { UsageError } from '../../src/gpu/errors.ts';
import { verifyVectors } from '../../src/node/verify-vectors.ts';
import { ROOT } from '../support/child.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();
const VECTORS = join(ROOT, 'test/vectors');

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'softq-vectors-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A folder of its own with one changed file in it. */
function changed(file: string, change: (parsed: ReturnType<typeof JSON.parse>) => unknown): string {
  const copy = mkdtempSync(join(folder, 'copy-'));
  const parsed = JSON.parse(readFileSync(join(VECTORS, file), 'utf8')) as unknown;
  writeFileSync(join(copy, file), JSON.stringify(change(parsed) ?? parsed));
  return copy;
}

describe('verifyVectors', () => {
  test('the GPU agrees with the project’s own vectors', async () => {
    // The optimum, which takes seconds to solve, has a test of its own.
    const copy = join(folder, 'all');
    cpSync(VECTORS, copy, { recursive: true, filter: (name) => !name.endsWith('oracle.json') });
    const { rows, notChecked, ok } = await verifyVectors(gpuOf(), copy);
    expect(rows.filter((row) => !row.ok)).toEqual([]);
    expect(ok).toBe(true);
    const quantities = (file: string) => rows.filter((row) => row.file === file).map((row) => row.quantity);
    const directions = ['ref/ref', 'ref/k1', 'tanhk/ref', 'tanhk/k1', 'raw/ref', 'raw/k1'];
    const parts = (key: string) => ['h', 'phi_u', 'actor_grad'].map((part) => `${key}.${part}`);
    const update = [
      ...['q_forward', 'value_uniform.q', 'value_uniform.V', 'critic.y', 'critic.loss', 'critic.grad'],
      ...['actions', 'absdet', 'logq (as 1/q)', 'V'].map((part) => `value_policy.${part}`),
      ...['svgd.u', 'svgd.a', 'svgd.dQda_fixed'],
      ...directions.flatMap((name) => parts(`svgd.${name}`)),
      ...['svgd_shared.dQda', ...parts('svgd_shared')],
      ...['polyak.target_after', 'adam.theta_after_1', 'adam.theta_after_2'],
    ];
    expect(quantities('sql_small.json')).toEqual(update);
    expect(quantities('sql_wide.json')).toEqual(update);
    const step = ['s2', 'r', 'done', 'nearest (arrivals)'];
    const sigmas = ['sigma=0.0', 'sigma=0.25'];
    expect(quantities('env.json')).toEqual(sigmas.flatMap((sigma) => step.map((part) => `${sigma}.${part}`)));
    expect(quantities('r2.json')).toEqual(['g', 'actions']);
    expect(notChecked).toEqual([]);
  });

  type Change = (parsed: ReturnType<typeof JSON.parse>) => unknown;
  test.each<[string, string, Change]>([
    ['sql_small.json', 'critic.grad', (all) => (all.critic.grad[3] += 1e-3)],
    ['sql_wide.json', 'svgd.tanhk/ref.phi_u', (all) => (all.svgd['tanhk/ref'].phi_u[2][1][0] *= -1)],
    ['sql_small.json', 'adam.theta_after_2', (all) => (all.adam.theta_after_2[0] += 1e-3)],
    [
      'sql_wide.json',
      'value_policy.logq (as 1/q)',
      (all) =>
        all.value_policy.logq.forEach((row: number[]) => row.forEach((one, k) => (row[k] = one + 1e-3))),
    ],
    ['sql_small.json', 'value_policy.V', (all) => (all.value_policy.V[3] += 1e-3)],
    ['env.json', 'sigma=0.25.done', (all) => (all['sigma=0.25'].done[0] = 1 - all['sigma=0.25'].done[0])],
    ['r2.json', 'actions', (all) => (all.actions[1][4][0] += 1e-4)],
  ])('one changed number in %s is a miss of %s alone', async (file, quantity, change) => {
    const where = changed(file, (parsed) => void change(parsed));
    const { rows, ok } = await verifyVectors(gpuOf(), where);
    expect(ok).toBe(false);
    expect(rows.filter((row) => !row.ok).map((row) => row.quantity)).toEqual([quantity]);
  });

  test('the exact optimum is solved once for entries of one problem, and each number counts', async () => {
    const where = changed('oracle.json', ([entry]) => {
      const shift = (name: string, by: number) => {
        const values = [...(entry![name] as number[])];
        values[4]! += by;
        return { ...(entry as object), [name]: values };
      };
      return [entry, shift('V', 0.03), shift('Q', -0.03), shift('H', 0.01)];
    });
    const solve = vi.spyOn(MultigoalOptimum, 'solve');
    const { rows, notChecked } = await verifyVectors(gpuOf(), where);
    expect(notChecked).toEqual([]);
    expect(rows.slice(0, 3).map(({ quantity }) => quantity)).toEqual(
      ['0.V', '0.H', '0.Q'].map((quantity) => `${quantity} (alpha 6)`),
    );
    expect(solve).toHaveBeenCalledOnce();
    solve.mockRestore();
    expect(rows.filter(({ ok }) => !ok).map(({ quantity }) => quantity)).toEqual(
      ['1.V', '2.Q', '3.H'].map((quantity) => `${quantity} (alpha 6)`),
    );
  });

  test('files and keys that it does not know are named, and the rest is checked', async () => {
    const where = changed('env.json', (parsed) => ({ ...parsed, wind: [1], 'sigma=x': {} }));
    writeFileSync(join(where, 'notes.json'), '');
    const { notChecked, ok } = await verifyVectors(gpuOf(), where);
    expect(ok).toBe(true);
    expect(notChecked.map(({ file, quantity }) => [file, quantity])).toEqual([
      ['env.json', 'wind'],
      ['env.json', 'sigma=x'],
      ['notes.json', 'all'],
    ]);
  });

  test.each<[string, string, Change, RegExp]>([
    [
      'a short list',
      'sql_small.json',
      (all) => void all.critic.grad.pop(),
      /'critic\.grad' should hold numbers in the/,
    ],
    [
      'a missing key',
      'sql_small.json',
      (all) => void delete all.gamma,
      /^sql_small\.json: 'gamma' should hold/,
    ],
    [
      'a missing table',
      'sql_small.json',
      (all) => void delete all.s,
      /^sql_small\.json: 's' should be lists nested 2/,
    ],
    [
      'a ragged table',
      'env.json',
      (all) => void all.a[3].pop(),
      /^env\.json: 'a' should hold numbers in the shape/,
    ],
    ['a text for a number', 'env.json', (all) => void (all.eps[0][0] = '1'), /'eps' should hold numbers/],
    ['null for a number', 'r2.json', (all) => void (all.g = null), /'g' should hold numbers/],
    [
      'wrong layers',
      'sql_small.json',
      (all) => void (all.sizes_q = [4, 6, 6, 2]),
      /'sizes_q' should be layer sizes/,
    ],
    [
      'wrong inputs',
      'sql_small.json',
      (all) => void (all.sizes_q = [5, 6, 6, 1]),
      /do not fit 2 observations and 2 act/,
    ],
    ['wrong counts', 'sql_small.json', (all) => void (all.svgd.Kf = 7), /do not add up to the 15 particles/],
    [
      'no list of entries',
      'oracle.json',
      () => ({}),
      /^oracle\.json: the file should be lists nested 1 deep\.$/,
    ],
    [
      'a state outside',
      'oracle.json',
      ([entry]) => void (entry.states[2][1] = -8),
      /^oracle\.json: '0\.states' should lie within 7 on every side\.$/,
    ],
    ['no object', 'env.json', () => [1, 2], /^env\.json: 's' should be lists nested 2 deep\.$/],
  ])('%s in %s is one sentence', async (_, file, change, sentence) => {
    const refused = verifyVectors(gpuOf(), changed(file, change));
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(sentence);
  });

  test('a missing folder, one without vectors, and a file that is not JSON are refused', async () => {
    const refused = async (where: string, sentence: RegExp) => {
      await expect(verifyVectors(gpuOf(), where)).rejects.toThrow(UsageError);
      await expect(verifyVectors(gpuOf(), where)).rejects.toThrow(sentence);
    };
    await refused(join(folder, 'nowhere'), /nowhere' cannot be read/);
    await refused(mkdtempSync(join(folder, 'empty-')), /holds no sql_\*\.json, env\.json, r2\.json or/);
    const torn = mkdtempSync(join(folder, 'torn-'));
    cpSync(join(VECTORS, 'env.json'), join(torn, 'env.json'));
    writeFileSync(join(torn, 'r2.json'), '{"g": 1.3');
    await refused(torn, /^r2\.json cannot be read as JSON: /);
  });
});
