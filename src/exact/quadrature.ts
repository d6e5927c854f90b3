import { UsageError } from '../gpu/errors.ts';

/** Points and weights of an integral over the box [-1, 1]^A. */
export interface ActionQuadrature {
  /** (n, A) */
  readonly actions: readonly (readonly number[])[];
  /** (n), adding up to the box's volume 2^A. */
  readonly weights: Float64Array;
}

/** Dimensions beyond which a product grid has too many points to be worth its error. */
const LARGEST_ACTION_SIZE = 2;

/**
 * The Gauss-Legendre product rule with `perAxis` points on each of `actionSize` axes, the last axis running fastest.
 * Exact for polynomials up to degree 2 perAxis - 1 in each action; `docs/distances.md` gives the error for critics.
 * Throws beyond two dimensions.
 */
export function actionQuadrature(actionSize: number, perAxis = 32): ActionQuadrature {
  if (actionSize < 1 || actionSize > LARGEST_ACTION_SIZE)
    throw new UsageError(
      `Integrals over actions are computed in one or two dimensions, not ${actionSize}; compare samples instead.`,
    );
  const { nodes, weights } = gaussLegendre(perAxis);
  let actions: number[][] = [[]];
  let products = [1];
  for (let axis = 0; axis < actionSize; axis++) {
    actions = actions.flatMap((action) => nodes.map((node) => [...action, node]));
    products = products.flatMap((product) => weights.map((weight) => product * weight));
  }
  return { actions, weights: Float64Array.from(products) };
}

/**
 * log of the integral of exp(f) over the box in nats: log sum_i w_i exp(f_i), shifted by the maximum. `values` (n) are f,
 * in nats, at the actions of a quadrature with `weights` (n). V(s) = alpha logPartition(Q(s, .) / alpha).
 */
export function logPartition(values: ArrayLike<number>, weights: ArrayLike<number>): number {
  let top = -Infinity;
  for (let i = 0; i < values.length; i++) top = Math.max(top, values[i]!);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += weights[i]! * Math.exp(values[i]! - top);
  return top + Math.log(sum);
}

/** Newton's method stops here: the roots of P_n are then right to rounding. */
const ROOT_TOLERANCE = 1e-15;
const NEWTON_STEPS = 20;

/** Roots of the Legendre polynomial P_n on (-1, 1), rising, and their weights 2 / ((1 - x^2) P_n'(x)^2). */
function gaussLegendre(n: number): { nodes: number[]; weights: number[] } {
  const nodes: number[] = [];
  const weights: number[] = [];
  for (let i = n; i >= 1; i--) {
    // Tricomi's first guess; Newton's method then converges to this root and no other.
    let x = Math.cos((Math.PI * (i - 0.25)) / (n + 0.5));
    let slope = 1;
    for (let step = 0; step < NEWTON_STEPS; step++) {
      let [previous, value] = [1, x];
      for (let m = 2; m <= n; m++)
        [previous, value] = [value, ((2 * m - 1) * x * value - (m - 1) * previous) / m];
      slope = (n * (x * value - previous)) / (x * x - 1);
      const change = value / slope;
      x -= change;
      if (Math.abs(change) < ROOT_TOLERANCE) break;
    }
    nodes.push(x);
    weights.push(2 / ((1 - x * x) * slope * slope));
  }
  return { nodes, weights };
}
