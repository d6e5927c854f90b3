import { UsageError } from '../gpu/errors.ts';
import type { Refinement } from '../rl/refined-policy.ts';
import type { Config } from '../train/config.ts';
import { finiteNumber, wholeNumber } from './arguments.ts';

/** The flags of `softq evaluate` that ask for a refinement, as the user wrote them. */
export interface RefinementFlags {
  readonly refine?: string;
  readonly refineSteps?: string;
  readonly refineStepSize?: string;
  readonly refineCandidates?: string;
}

/** What the flags are when they are left out. */
export const REFINEMENT_DEFAULTS = { refineSteps: '3', refineStepSize: '0.05', refineCandidates: '64' };

/** Steps that take a minute on the slowest machine. */
const MOST_STEPS = 1000;
/** Beyond it the critic's rows of one probe do not fit what WebGPU allows along an axis. */
const MOST_CANDIDATES = 512;

/** Flags of one refinement that mean nothing to the other. */
const ONLY_FOR = [
  ['refineSteps', '--refine-steps', 'langevin'],
  ['refineStepSize', '--refine-step-size', 'langevin'],
  ['refineCandidates', '--refine-candidates', 'resample'],
] as const;

/**
 * The refinement that the flags ask for; undefined if they ask for none.
 * @throws UsageError for an unknown refinement, values out of range, flags that do not go with it, and DDPG: its critic
 * has no entropy in it, and what it learns is no density.
 */
export function parseRefinement(
  flags: RefinementFlags,
  algorithm: Config['algorithm'],
): Refinement | undefined {
  const { refine: kind } = flags;
  if (kind !== undefined && kind !== 'langevin' && kind !== 'resample')
    throw new UsageError(`--refine must be langevin or resample, not '${kind}'.`);
  for (const [key, flag, owner] of ONLY_FOR) {
    if (flags[key] !== undefined && kind !== owner)
      throw new UsageError(`${flag} belongs to --refine ${owner}: add that, or leave ${flag} out.`);
  }
  if (kind === undefined) return undefined;
  if (algorithm === 'ddpg') {
    throw new UsageError(
      `The critic of a ddpg run knows no temperature, so there is no density to refine towards: leave out --refine.`,
    );
  }
  const { refineSteps, refineStepSize, refineCandidates } = { ...REFINEMENT_DEFAULTS, ...flags };
  if (kind === 'resample')
    return { kind, candidates: wholeNumber('--refine-candidates', refineCandidates, 1, MOST_CANDIDATES) };
  const stepSize = finiteNumber('--refine-step-size', refineStepSize);
  if (!(stepSize > 0 && stepSize <= 1))
    throw new UsageError(`--refine-step-size must be greater than 0 and at most 1, not ${refineStepSize}.`);
  return { kind, steps: wholeNumber('--refine-steps', refineSteps, 1, MOST_STEPS), stepSize };
}

/** A refinement in words, for tables and captions. */
export function refinementText(refinement: Refinement): string {
  return refinement.kind === 'langevin'
    ? `${refinement.steps} Langevin step${refinement.steps === 1 ? '' : 's'} of ${refinement.stepSize}`
    : `resampling of ${refinement.candidates} candidate${refinement.candidates === 1 ? '' : 's'}`;
}

/** A refinement in the name of a file. */
export function refinementSuffix(refinement: Refinement): string {
  return refinement.kind === 'langevin'
    ? `-langevin-${refinement.steps}x${refinement.stepSize}`
    : `-resample-${refinement.candidates}`;
}
