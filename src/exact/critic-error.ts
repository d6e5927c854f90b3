import { random } from '../gpu/random.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';
import type { Optimum } from './optimum.ts';

const STREAM = constantsOf(shaderSource('common/random.wgsl'))['STREAM_REFERENCE']!;

/** State-action pairs of an optimum, row by row. */
export interface ReferencePairs {
  /** (n, S) */
  readonly states: readonly (readonly number[])[];
  /** (n, A) */
  readonly actions: readonly (readonly number[])[];
}

/** The dynamics that pi* is rolled out in. */
export interface EnvironmentModel {
  /** The first state (S) of an episode. */
  start(episode: number): readonly number[];
  /** The state after `action` and whether the episode ends there by the task's own rule. */
  step(state: readonly number[], action: readonly number[]): { next: readonly number[]; terminated: boolean };
}

/**
 * The first `count` state-action pairs of pi* when it acts episode after episode, each to its end or for `longest` steps:
 * distributed as pi* visits them, undiscounted. The last episode is cut where the count is reached, which makes early
 * states more likely by at most one episode in the count. The same seed gives the same actions.
 */
export function referencePairs(
  optimum: Pick<Optimum, 'sampleAt'>,
  model: EnvironmentModel,
  options: { readonly count?: number; readonly seed?: number; readonly longest?: number } = {},
): ReferencePairs {
  const { count = 1500, seed = 0, longest = 300 } = options;
  const states: (readonly number[])[] = [];
  const actions: (readonly number[])[] = [];
  for (let episode = 0; states.length < count; episode++) {
    let state = model.start(episode);
    for (let step = 0; step < longest && states.length < count; step++) {
      const [action] = optimum.sampleAt(state, 1, random(seed, STREAM, episode, step)[0]);
      states.push(state);
      actions.push(action!);
      const { next, terminated } = model.step(state, action!);
      if (terminated) break;
      state = next;
    }
  }
  return { states, actions };
}

/** How far a learned critic lies from the exact one, in nats (raw reward units over the temperature). */
export interface CriticError {
  /** mean |Q - Q*| / alpha */
  readonly meanAbsolute: number;
  /** mean (Q - Q*) / alpha: negative for a pessimistic critic. */
  readonly bias: number;
  /** max |Q - Q*| / alpha */
  readonly maxAbsolute: number;
}

/** The error of `learned` Q (n) against `exact` Q* (n), both in raw reward units, e.g. at `referencePairs`. */
export function criticError(
  learned: ArrayLike<number>,
  exact: ArrayLike<number>,
  temperature: number,
): CriticError {
  const errors = Array.from(exact, (reference, i) => (learned[i]! - reference) / temperature);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const sizes = errors.map(Math.abs);
  return {
    meanAbsolute: mean(sizes),
    bias: mean(errors),
    maxAbsolute: sizes.reduce((most, size) => Math.max(most, size), 0),
  };
}
