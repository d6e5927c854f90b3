import { UsageError } from '../gpu/errors.ts';
import { constantsOf } from '../gpu/shader.ts';

/** Vectors behind one another: (rows, width). */
export type Rows = readonly (readonly number[])[];

/** An energy on the GPU: a WGSL module that computes the gradient of its log density. */
export interface WgslEnergy {
  /**
   * A module that declares `const DIMENSIONS = 2u;` (a literal) and
   * `fn log_density_gradient(x: array<f32, DIMENSIONS>) -> array<f32, DIMENSIONS>`. It may call `condition(i)`, number i of
   * the condition under which x is drawn. It fills the slot of `shaders/svgd/log_density_gradient.wgsl`.
   */
  readonly wgsl: string;
}

/** An energy on the host, for code that cannot live on the GPU: each step costs a round trip. */
export interface HostEnergy {
  /** D */
  readonly dimensions: number;
  /** grad log p at each of `positions` (rows, D), drawn under the same row of `conditions` (rows, C): (rows, D). */
  readonly gradient: (positions: Rows, conditions: Rows) => Rows | Promise<Rows>;
}

/**
 * A density to sample from, given by the gradient of its logarithm (its score), so that no normalising constant is needed:
 * -energy, up to a constant. In the box the gradient is with respect to a in [-1, 1]^D itself; what the squash a = tanh u
 * does to the density is added by the Stein direction.
 */
export type Energy = WgslEnergy | HostEnergy;

/**
 * D of an energy.
 * @throws UsageError if a WGSL module does not state it.
 */
export function dimensionsOf(energy: Energy): number {
  const dimensions = 'wgsl' in energy ? constantsOf(energy.wgsl)['DIMENSIONS'] : energy.dimensions;
  if (dimensions === undefined || !Number.isInteger(dimensions) || dimensions < 1) {
    throw new UsageError(
      `An energy has a whole number of dimensions: in WGSL, a line such as 'const DIMENSIONS = 2u;'.`,
    );
  }
  return dimensions;
}
