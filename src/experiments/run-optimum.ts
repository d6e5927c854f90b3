import { multigoal } from '../envs/multigoal.ts';
import { MultigoalOptimum } from '../exact/multigoal-optimum.ts';
import type { Optimum } from '../exact/optimum.ts';
import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Config } from '../train/config.ts';

/** Values are then within 0.13 reward units of the finest grid's, far less than a colour of a figure. */
const SPACING = 0.1;
/** Below, the grid is too coarse for the policy: the solver itself takes lower temperatures on finer ones. */
const COLDEST = 0.5;
/** From here on the optimum hovers between the goals for ever, and a discount near 1 lets no iteration settle. */
const HOTTEST = 15;

/**
 * What a run is measured against: the exact optimum of its task at `temperature`, on the solver's own fine grid.
 * @throws UsageError if the task has no exact solution here, or none at this temperature.
 */
export async function solveOptimum(
  gpu: Gpu,
  { environment, discount }: Pick<Config, 'environment' | 'discount'>,
  temperature: number,
): Promise<MultigoalOptimum> {
  if (environment !== multigoal.spec.name) {
    throw new UsageError(
      `The exact optimum is known of ${multigoal.spec.name} alone, not of ${environment}: measure without it.`,
    );
  }
  return MultigoalOptimum.solve(gpu, { temperature, discount });
}

/**
 * What a figure of a run is drawn with: the exact optimum of its task at `temperature` (raw reward units, the run's final
 * one), on a coarser grid than `solveOptimum`'s that takes about a second; undefined, and the figure goes without, where
 * none is known: for environments other than multigoal, and for temperatures outside [0.5, 15).
 */
export async function optimumForFigure(
  gpu: Gpu,
  config: Config,
  temperature: number,
): Promise<Optimum | undefined> {
  if (config.environment !== multigoal.spec.name) return undefined;
  if (!(temperature >= COLDEST && temperature < HOTTEST)) return undefined;
  return MultigoalOptimum.solve(gpu, { temperature, discount: config.discount, spacing: SPACING });
}
