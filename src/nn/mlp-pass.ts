import type { Gpu } from '../gpu/gpu.ts';
import type { Dispatch, Program } from '../gpu/program.ts';
import { elementCount, padded, type Tensor } from '../gpu/tensor.ts';
import type { MlpSpec } from './mlp-spec.ts';
import type { LayerLayout, Parameters } from './parameters.ts';
import { repeatMembers } from './repeat-members.ts';

/** What a pass is of: an `Mlp`. */
export interface Network {
  readonly spec: MlpSpec;
  readonly parameters: Parameters;
}

/** Which gradients a backward pass computes, for which rows of the last forward pass. */
export interface BackwardOptions {
  /** dL/dy (R, rows of the pass, padded output), given from outside: a loss's gradient or a Stein direction. */
  readonly outputGrad: Tensor;
  /** Where dL/dx (R, rows of the pass, padded input) goes; left out, it is not computed. */
  readonly inputGrad?: Tensor;
  /** Where the partial sums of dL/dparameters go; left out, they are not computed. */
  readonly parameterGrad?: ParameterGradient;
  /** The first row and the number of rows to go back through: all by default. */
  readonly firstRow?: number;
  readonly rows?: number;
}

/**
 * dL/dparameters as `splits` partial sums over rows, (R, splits, size); every `backward` fills all of them, `Adam` adds them
 * up.
 */
export interface ParameterGradient {
  readonly tensor: Tensor;
  readonly splits: number;
}

/** Rows of a pass that a backward program is about, by the names that kernels give them. */
export interface RowRange {
  readonly first_row: number;
  readonly rows: number;
  readonly total_rows: number;
}

/** One network at work on a fixed number of rows, and the programs that go forward and back. */
export abstract class MlpPass {
  readonly rows: number;
  /** (R, rows, padded input size) */
  readonly input: Tensor;
  /** (R, rows, padded output size) */
  readonly output: Tensor;
  /**
   * Whether `backward` reads activations that `forward` stored; otherwise `forward` need not have run, unless it also copies
   * an input of fewer members to all.
   */
  abstract readonly keepsActivations: boolean;
  protected readonly gpu: Gpu;
  protected readonly label: string;
  protected readonly mlp: Network;
  /** Fills `input` for all members, where fewer are given. */
  protected readonly repeat: readonly Dispatch[];

  constructor(gpu: Gpu, label: string, mlp: Network, rows: number, input?: Tensor) {
    this.gpu = gpu;
    this.label = label;
    this.mlp = mlp;
    this.rows = rows;
    const { inputSize, outputSize } = mlp.spec;
    const shape = [mlp.parameters.members, rows, padded(inputSize)];
    const given = input ?? gpu.tensor(`${label}.input`, shape);
    const whole = given.size === elementCount(shape);
    const repeated = whole ? undefined : repeatMembers(gpu, `${label}.copies`, given, shape);
    this.input = repeated?.copies ?? given;
    this.repeat = repeated ? [repeated.dispatch] : [];
    this.output = this.gradTensor('output', outputSize);
  }

  /** A tensor for dL/dy or dL/dx of this pass, (R, rows, padded size). */
  gradTensor(label: string, size: number): Tensor {
    return this.gpu.tensor(`${this.label}.${label}`, [this.mlp.parameters.members, this.rows, padded(size)]);
  }

  /** Room for the parameter gradient of `rows` rows of this pass. */
  parameterGradient(rows = this.rows): ParameterGradient {
    const { members, size } = this.mlp.parameters;
    const splits = this.splitsOf(rows);
    return { tensor: this.gpu.tensor(`${this.label}.parameterGrad`, [members, splits, size]), splits };
  }

  /** output = network(input). */
  abstract forward(): Program;

  /**
   * The gradients asked for, from an outside dL/dy.
   * @throws RangeError if there are no rows, or they leave the pass.
   */
  abstract backward(options: BackwardOptions): Program;

  /** Partial sums that a parameter gradient of `rows` rows has. */
  protected abstract splitsOf(rows: number): number;

  /** @throws RangeError if there are no rows, or they leave the pass. */
  protected rangeOf({ firstRow = 0, rows = this.rows }: BackwardOptions): RowRange {
    if (!(firstRow >= 0 && rows >= 1 && firstRow + rows <= this.rows)) {
      throw new RangeError(`${this.label}: rows ${firstRow} to ${firstRow + rows} of ${this.rows}.`);
    }
    return { first_row: firstRow, rows, total_rows: this.rows };
  }

  /** A product and a sum for each weight and row, whichever of the three products of a layer it is. */
  protected flopsOf({ inputSize, outputSize }: LayerLayout, rows: number): number {
    return 2 * this.mlp.parameters.members * rows * inputSize * outputSize;
  }
}
