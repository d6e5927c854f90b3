import type { Gpu } from '../gpu/gpu.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { LanesPass, obstacleToLanes } from './lanes-pass.ts';
import { LayeredPass } from './layered-pass.ts';
import type { MlpPass } from './mlp-pass.ts';
import { mlpSizes, type MlpSpec } from './mlp-spec.ts';
import { Parameters } from './parameters.ts';

/**
 * A multilayer perceptron of R members in its parameters: what is computed, not where. `pass` gives it rows to work on.
 * Gradients are written out by hand, there is no tape.
 */
export class Mlp {
  readonly spec: MlpSpec;
  readonly parameters: Parameters;
  readonly #gpu: Gpu;

  /** @param parameters Existing parameters to use, a target network's say, instead of new ones. */
  constructor(gpu: Gpu, name: string, spec: MlpSpec, members: number, parameters?: Parameters) {
    this.#gpu = gpu;
    this.spec = spec;
    this.parameters = parameters ?? new Parameters(gpu, name, mlpSizes(spec), members);
  }

  /**
   * Buffers for `rows` rows at a time. `input`, (R, rows, padded input size) with zero padding, may be a tensor that
   * another step writes; one of (R / n, rows, padded input size) is copied for n consecutive members each.
   */
  pass(label: string, rows: number, input?: Tensor): MlpPass {
    const lanes = this.#gpu.kernelFamily === 'lanes' && obstacleToLanes(this.#gpu, this) === null;
    const Pass = lanes ? LanesPass : LayeredPass;
    return new Pass(this.#gpu, label, this, rows, input);
  }
}
