import { multigoal } from '../envs/multigoal.ts';
import { MultigoalOptimum } from '../exact/multigoal-optimum.ts';
import type { Optimum } from '../exact/optimum.ts';
import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Config } from '../train/config.ts';

/** Values are then within 0.13 reward units of the finest grid's, far less than a colour of a figure. */
const SPACING = 0.1;
/** Below, draws of pi* by rejection from so coarse a grid take seconds each, and then none succeeds. */
const COLDEST = 1;
/** From here on the optimum hovers between the goals for ever, and a discount near 1 lets no iteration settle. */
const HOTTEST = 15;

/**
 * The exact optimum of a run's task at `temperature`, on the solver's own fine grid. Nothing else may be made on `gpu`
 * until it resolves; see `MultigoalOptimum.solve`.
 * @throws UsageError if the task has no exact solution here, or none at this temperature.
 */
export async function solveOptimum(
  gpu: Gpu,
  { environment, discount }: Pick<Config, 'environment' | 'discount'>,
  temperature: number,
): Promise<MultigoalOptimum> {
  if (environment !== multigoal.spec.name) {
    throw new UsageError(
      `The exact optimum is known of ${multigoal.spec.name} alone, not of ${environment}: leave out --exact.`,
    );
  }
  return MultigoalOptimum.solve(gpu, { temperature, discount });
}

/**
 * The exact optimum of a run's task at `temperature` (raw reward units, the run's final one), on a grid that is fine enough
 * for figures and takes about a second; undefined where none is known: for environments other than multigoal, and for
 * temperatures outside [1, 15). Destroys what is made on `gpu` until it resolves, so ask for it before an Evaluator is made.
 */
export async function optimumOf(gpu: Gpu, config: Config, temperature: number): Promise<Optimum | undefined> {
  if (config.environment !== multigoal.spec.name) return undefined;
  if (!(temperature >= COLDEST && temperature < HOTTEST)) return undefined;
  return MultigoalOptimum.solve(gpu, { temperature, discount: config.discount, spacing: SPACING });
}
