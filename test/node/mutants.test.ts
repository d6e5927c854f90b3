import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { THRESHOLDS } from '../../src/experiments/acceptance.ts';
import { MUTANTS, occurrences } from '../mutants/mutants.mjs';
import { ROOT } from '../support/child.ts';

test.each(MUTANTS)('the mutant $name can be made, and names tests and rows that exist', (mutant) => {
  expect(occurrences(readFileSync(join(ROOT, mutant.file), 'utf8'), mutant)).toBe(1);
  expect(mutant.replace).not.toBe(mutant.find);
  expect(mutant.checks.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  expect(mutant.checks).not.toEqual([]);
  const rows: readonly string[] = Object.keys(THRESHOLDS.default);
  expect((mutant.acceptance ?? []).filter((row) => !rows.includes(row))).toEqual([]);
});

test('mutants have names of their own', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});
