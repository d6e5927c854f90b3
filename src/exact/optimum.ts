/**
 * The exact maximum-entropy optimum of a task, for learned results to be held against. Values are in raw reward units,
 * densities and entropies in nats over actions in the box [-1, 1]^A (Theorems 1 and 2 of the paper).
 */
export interface Optimum {
  /** alpha, raw reward units. */
  readonly temperature: number;
  /** gamma */
  readonly discount: number;
  /** V*(s) = alpha log of the integral of exp(Q*(s, a) / alpha) over the box. */
  valueAt(state: readonly number[]): number;
  /** Q*(s, a) = E[r + gamma (1 - terminated) V*(s')]. */
  qAt(state: readonly number[], action: readonly number[]): number;
  /** log pi*(a|s) = (Q*(s, a) - V*(s)) / alpha. */
  logDensityAt(state: readonly number[], action: readonly number[]): number;
  /** Entropy of pi*(.|s). */
  entropyAt(state: readonly number[]): number;
  /** `count` independent draws of pi*(.|s), each (A); the same seed gives the same draws. */
  sampleAt(state: readonly number[], count: number, seed: number): number[][];
}
