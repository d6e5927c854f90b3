import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/gpu/errors.ts';
import { parseRefinement, refinementSuffix, refinementText } from '../../src/node/refinement.ts';

describe('the flags of a refinement', () => {
  test('are none, or complete with their defaults, in words and in names of files', () => {
    expect(parseRefinement({}, 'ddpg')).toBeUndefined();
    const langevin = parseRefinement({ refine: 'langevin', refineStepSize: '0.02' }, 'sac')!;
    expect(langevin).toEqual({ kind: 'langevin', steps: 3, stepSize: 0.02 });
    expect(refinementText(langevin)).toBe('3 Langevin steps of 0.02');
    expect(refinementSuffix(langevin)).toBe('-langevin-3x0.02');
    const resample = parseRefinement({ refine: 'resample' }, 'soft-q')!;
    expect(resample).toEqual({ kind: 'resample', candidates: 64 });
    expect(refinementText(resample)).toBe('resampling of 64 candidates');
    expect(refinementSuffix(resample)).toBe('-resample-64');
  });

  test.each([
    [{ refine: 'anneal' }, /--refine must be langevin or resample, not 'anneal'/],
    [{ refineSteps: '3' }, /--refine-steps belongs to --refine langevin: add that/],
    [{ refine: 'langevin', refineCandidates: '4' }, /--refine-candidates belongs to --refine resample/],
    [{ refine: 'resample', refineStepSize: '0.1' }, /--refine-step-size belongs to --refine langevin/],
    [{ refine: 'langevin', refineSteps: '0' }, /--refine-steps must be a whole number from 1 to 1000/],
    [{ refine: 'langevin', refineStepSize: 'x' }, /--refine-step-size must be a number, not 'x'/],
    [{ refine: 'langevin', refineStepSize: '2' }, /--refine-step-size must be greater than 0 and at most 1/],
    [
      { refine: 'resample', refineCandidates: '513' },
      /--refine-candidates must be a whole number from 1 to 512/,
    ],
  ])('%o is refused in a sentence', (flags, sentence) => {
    expect(() => parseRefinement(flags, 'soft-q')).toThrow(UsageError);
    expect(() => parseRefinement(flags, 'soft-q')).toThrow(sentence);
  });

  test('a critic without a temperature has no density', () => {
    expect(() => parseRefinement({ refine: 'langevin' }, 'ddpg')).toThrow(/knows no temperature/);
  });
});
