import type { Gpu } from '../gpu/gpu.ts';
import { program, type Dispatch, type Program } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import { elementCount, padded, type Tensor } from '../gpu/tensor.ts';
import { Parameters, type LayerLayout } from './parameters.ts';
import { repeatMembers } from './repeat-members.ts';

/** Activation of the hidden layers; the last layer is always linear. */
export type Activation = 'relu' | 'tanh';

/** The shape of a multilayer perceptron: 1 to 4 hidden layers of widths up to 512. */
export interface MlpSpec {
  readonly inputSize: number;
  readonly hidden: readonly number[];
  readonly outputSize: number;
  readonly activation: Activation;
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

/** dL/dparameters as `splits` partial sums over rows, (R, splits, size); `Adam` adds them up. */
export interface ParameterGradient {
  readonly tensor: Tensor;
  readonly splits: number;
}

const ACTIVATIONS = constantsOf(shaderSource('common/activation.wgsl'));

/** Rows that one partial sum of a parameter gradient covers at least; more rows mean more sums in parallel. */
const ROWS_PER_SPLIT = 64;
const MOST_SPLITS = 32;

/**
 * The tile of an invocation by the lanes that share the loading of weights with it: rows, and columns in fours. What lanes
 * share costs a broadcast each, a row's own numbers a load for each lane: with eight lanes more columns pay, with four more
 * rows. Measured: docs/performance.md.
 */
function tileOf(lanes: number): { readonly rows: number; readonly columns4: number } {
  if (lanes >= 8) return { rows: 4, columns4: 8 };
  return lanes > 1 ? { rows: 8, columns4: 4 } : { rows: 4, columns4: 4 };
}

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
    return new MlpPass(this.#gpu, label, this, rows, input);
  }
}

/** Layer sizes, input first. */
export function mlpSizes({ inputSize, hidden, outputSize }: MlpSpec): number[] {
  return [inputSize, ...hidden, outputSize];
}

/** One network at work on a fixed number of rows: saved activations, and the programs that go forward and back. */
export class MlpPass {
  readonly rows: number;
  /** (R, rows, padded input size) */
  readonly input: Tensor;
  /** (R, rows, padded output size) */
  readonly output: Tensor;
  readonly #gpu: Gpu;
  readonly #label: string;
  readonly #mlp: Mlp;
  /** Input of each layer, then the output of the last. */
  readonly #activations: readonly Tensor[];
  /** Fills `input` for all members, where fewer are given. */
  readonly #repeat: readonly Dispatch[];
  /** Gradients of the hidden activations, made when the first backward program is. */
  #grads: Tensor[] | undefined;

  constructor(gpu: Gpu, label: string, mlp: Mlp, rows: number, input?: Tensor) {
    this.#gpu = gpu;
    this.#label = label;
    this.#mlp = mlp;
    this.rows = rows;
    const { inputSize } = mlp.spec;
    const shape = [mlp.parameters.members, rows, padded(inputSize)];
    const given = input ?? gpu.tensor(`${label}.input`, shape);
    const whole = given.size === elementCount(shape);
    const repeated = whole ? undefined : repeatMembers(gpu, `${label}.copies`, given, shape);
    this.input = repeated?.copies ?? given;
    this.#repeat = repeated ? [repeated.dispatch] : [];
    this.#activations = [
      this.input,
      ...mlp.parameters.layers.map(({ outputSize }, i) => this.#rowsOf(`${label}.layer${i}`, outputSize)),
    ];
    this.output = this.#activations.at(-1)!;
  }

  /** A tensor for dL/dy or dL/dx of this pass, (R, rows, padded size). */
  gradTensor(label: string, size: number): Tensor {
    return this.#rowsOf(`${this.#label}.${label}`, size);
  }

  /** Room for the parameter gradient of `rows` rows of this pass. */
  parameterGradient(rows = this.rows): ParameterGradient {
    const { members, size } = this.#mlp.parameters;
    const splits = Math.min(MOST_SPLITS, Math.max(1, Math.floor(rows / ROWS_PER_SPLIT)));
    return { tensor: this.#gpu.tensor(`${this.#label}.parameterGrad`, [members, splits, size]), splits };
  }

  /** output = network(input), every layer's activations kept for `backward`. */
  forward(): Program {
    const { parameters } = this.#mlp;
    const steps = parameters.layers.map((layer, i) => {
      const { kernel, tile } = this.#tiled('nn/dense_forward.wgsl', layer.outputSize);
      return kernel.bind(
        { input: this.#activations[i]!, parameters: parameters.tensor, output: this.#activations[i + 1]! },
        {
          threads: [
            tilesOf(this.rows, tile['ROWS']!),
            tilesOf(layer.outputSize, tile['TILE']!),
            parameters.members,
          ],
          params: {
            rows: this.rows,
            total_rows: this.rows,
            ...this.#layerParams(layer),
            bias4: layer.bias / 4,
            activated: this.#activatedAfter(i),
          },
          label: `${this.#label}.forward${i}`,
          flops: this.#flopsOf(layer, this.rows),
        },
      );
    });
    return program(`${this.#label}.forward`, [...this.#repeat, ...steps]);
  }

  /** The gradients asked for, from an outside dL/dy, layer by layer from the last. */
  backward(options: BackwardOptions): Program {
    const { outputGrad, inputGrad, parameterGrad, firstRow = 0, rows = this.rows } = options;
    if (firstRow < 0 || firstRow + rows > this.rows) {
      throw new RangeError(`${this.#label}: rows ${firstRow} to ${firstRow + rows} of ${this.rows}.`);
    }
    const { layers } = this.#mlp.parameters;
    this.#grads ??= layers.slice(1).map((layer, i) => this.gradTensor(`layer${i}Grad`, layer.inputSize));
    const grads = this.#grads;
    const range = { first_row: firstRow, rows, total_rows: this.rows };
    const steps: Dispatch[] = [];
    for (let i = layers.length - 1; i >= 0; i--) {
      const dOutput = i === layers.length - 1 ? outputGrad : grads[i]!;
      if (parameterGrad) steps.push(this.#parameterStep(i, dOutput, parameterGrad, range));
      const dInput = i > 0 ? grads[i - 1]! : inputGrad;
      if (dInput) steps.push(this.#inputStep(i, dOutput, dInput, range));
    }
    return program(`${this.#label}.backward`, steps);
  }

  #parameterStep(i: number, dOutput: Tensor, gradient: ParameterGradient, range: RowRange): Dispatch {
    const kernel = this.#gpu.kernel('nn/dense_backward_parameters.wgsl');
    const tile = constantsOf(kernel.shader.code);
    const { parameters } = this.#mlp;
    const layer = parameters.layers[i]!;
    const columnTiles = tilesOf(layer.outputSize, tile['COLUMNS']!);
    const tiles = columnTiles * tilesOf(layer.inputSize, tile['INPUTS']!);
    return kernel.bind(
      { input: this.#activations[i]!, dOutput, dParameters: gradient.tensor },
      {
        threads: [tiles * gradient.splits, parameters.members],
        params: {
          ...range,
          ...this.#layerParams(layer),
          bias4: layer.bias / 4,
          splits: gradient.splits,
          rows_per_split: Math.ceil(range.rows / gradient.splits),
          tiles,
          column_tiles: columnTiles,
        },
        label: `${this.#label}.backwardParameters${i}`,
        flops: this.#flopsOf(layer, range.rows),
      },
    );
  }

  #inputStep(i: number, dOutput: Tensor, dInput: Tensor, range: RowRange): Dispatch {
    const { parameters } = this.#mlp;
    const layer = parameters.layers[i]!;
    const { kernel, tile } = this.#tiled('nn/dense_backward_input.wgsl', layer.inputSize);
    return kernel.bind(
      { dOutput, parameters: parameters.tensor, saved: this.#activations[i]!, dInput },
      {
        threads: [
          tilesOf(range.rows, tile['ROWS']!),
          tilesOf(layer.inputSize, tile['TILE']!),
          parameters.members,
        ],
        params: { ...range, ...this.#layerParams(layer), activated: this.#activatedAfter(i - 1) },
        label: `${this.#label}.backwardInput${i}`,
        flops: this.#flopsOf(layer, range.rows),
      },
    );
  }

  /** A product and a sum for each weight and row, whichever of the three products of a layer it is. */
  #flopsOf({ inputSize, outputSize }: LayerLayout, rows: number): number {
    return 2 * this.#mlp.parameters.members * rows * inputSize * outputSize;
  }

  #layerParams({ inputSize, outputSize, weights }: LayerLayout) {
    return {
      input4: padded(inputSize) / 4,
      output4: padded(outputSize) / 4,
      weights4: weights / 4,
      member4: this.#mlp.parameters.size / 4,
    };
  }

  /** A kernel whose tile is `columns` wide, or as wide as it gets, and the tile's constants. */
  #tiled(file: string, columns: number) {
    const lanes = this.#gpu.subgroupLanes;
    // A narrow tile is a pipeline of its own, and worth it: first and last layers are a few columns wide.
    const tile = tileOf(lanes);
    const columns4 = columns <= 4 ? 1 : tile.columns4;
    const tunables = {
      ROWS: tile.rows,
      COLUMNS4: columns4,
      LANES: lanes,
      LOADS: Math.ceil((4 * columns4) / lanes),
    };
    const constants = { ACTIVATION: constantFor(ACTIVATIONS, this.#mlp.spec.activation) };
    const kernel = this.#gpu.kernel(file, { tunables, constants, subgroups: lanes > 1 });
    return { kernel, tile: constantsOf(kernel.shader.code) };
  }

  /** Whether an activation stands behind layer `i`: none does behind the last, nor in front of the first (i = -1). */
  #activatedAfter(i: number): number {
    return i >= 0 && i < this.#mlp.parameters.layers.length - 1 ? 1 : 0;
  }

  #rowsOf(label: string, size: number): Tensor {
    return this.#gpu.tensor(label, [this.#mlp.parameters.members, this.rows, padded(size)]);
  }
}

interface RowRange {
  readonly first_row: number;
  readonly rows: number;
  readonly total_rows: number;
}

function tilesOf(length: number, tile: number): number {
  return Math.ceil(length / tile);
}
