import type { DenseTile, Gpu } from '../gpu/gpu.ts';
import { program, type Dispatch, type Program } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import {
  MlpPass,
  type BackwardOptions,
  type Network,
  type ParameterGradient,
  type RowRange,
} from './mlp-pass.ts';
import type { LayerLayout } from './parameters.ts';

const ACTIVATIONS = constantsOf(shaderSource('common/activation.wgsl'));

/** Rows that one partial sum of a parameter gradient covers at least; more rows mean more sums in parallel. */
const ROWS_PER_SPLIT = 64;
const MOST_SPLITS = 32;

/** Invocations of a workgroup where lanes share nothing; elsewhere a workgroup is a subgroup, and few rows leave no lane idle. */
const UNSHARED_WORKGROUP = 16;

/** Narrowest layer, in and out, whose parameter gradient lanes share: their tiles are at least 16 columns wide. */
const LEAST_SHARED = 24;

/** Tiles that lie side by side in a layer at least, where a tile is not four columns wide. */
const LEAST_TILES = 4;

/** Narrowest layer, in and out, whose parameter gradient has large tiles with four lanes. */
const LEAST_WIDE = 128;

/** The files of the kernels that are compiled for a tile of `denseTiles`. */
export const TILED_SHADERS = ['nn/dense_forward.wgsl', 'nn/dense_backward_input.wgsl'] as const;

/**
 * The tiles that an invocation may have, by the lanes that share the loading of weights with it; the first is taken unless
 * `gpu.denseTile` says otherwise. What lanes share costs a broadcast each, a row's own numbers a load for each lane; a larger
 * tile has fewer loads for each product but is longer to compile, with eight lanes much longer. Measured: docs/performance.md.
 * Every tile adds up a number in the same order, so that results are the same to the bit, unless a driver's compiler joins
 * products and sums differently from tile to tile (none tried does).
 */
export function denseTiles(lanes: number): readonly [DenseTile, ...DenseTile[]] {
  const tile = (rows: number, columns: number): DenseTile => ({ rows, columns4: columns / 4 });
  if (lanes >= 8) return [tile(4, 32), tile(4, 16), tile(8, 16)];
  return lanes > 1 ? [tile(8, 32), tile(8, 16), tile(4, 16)] : [tile(4, 16), tile(4, 8), tile(8, 8)];
}

/** The same for gradients with respect to parameters: inputs and columns in fours, and rows in a turn of the loop. */
function parameterTileOf(lanes: number, narrowest: number) {
  if (lanes === 1) return { inputs4: 2, columns4: 2, rows: 1 };
  const large = lanes < 8 && narrowest >= LEAST_WIDE;
  return large ? { inputs4: 8, columns4: 2, rows: 4 } : { inputs4: 4, columns4: 1, rows: 1 };
}

/** A pass with a dispatch for each layer and gradient, for networks of every shape on every adapter. */
export class LayeredPass extends MlpPass {
  readonly keepsActivations = true;
  /** Input of each layer, then the output of the last. */
  readonly #activations: readonly Tensor[];
  /** Gradients of the hidden activations, made when the first backward program is. */
  #grads: Tensor[] | undefined;

  constructor(gpu: Gpu, label: string, mlp: Network, rows: number, input?: Tensor) {
    super(gpu, label, mlp, rows, input);
    const hidden = mlp.spec.hidden.map((width, i) => this.gradTensor(`layer${i}`, width));
    this.#activations = [this.input, ...hidden, this.output];
  }

  /** output = network(input), a dispatch for each layer; every layer's activations are kept for `backward`. */
  forward(): Program {
    const { parameters } = this.mlp;
    const steps = parameters.layers.map((layer, i) => {
      const { kernel, tile } = this.#tiled(TILED_SHADERS[0], layer.outputSize);
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
          label: `${this.label}.forward${i}`,
          flops: this.flopsOf(layer, this.rows),
        },
      );
    });
    return program(`${this.label}.forward`, [...this.repeat, ...steps]);
  }

  /** The gradients asked for, from an outside dL/dy, layer by layer from the last. */
  backward(options: BackwardOptions): Program {
    const { outputGrad, inputGrad, parameterGrad } = options;
    const range = this.rangeOf(options);
    const { layers } = this.mlp.parameters;
    this.#grads ??= layers.slice(1).map((layer, i) => this.gradTensor(`layer${i}Grad`, layer.inputSize));
    const grads = this.#grads;
    const steps: Dispatch[] = [];
    for (let i = layers.length - 1; i >= 0; i--) {
      const dOutput = i === layers.length - 1 ? outputGrad : grads[i]!;
      if (parameterGrad) steps.push(this.#parameterStep(i, dOutput, parameterGrad, range));
      const dInput = i > 0 ? grads[i - 1]! : inputGrad;
      if (dInput) steps.push(this.#inputStep(i, dOutput, dInput, range));
    }
    return program(`${this.label}.backward`, steps);
  }

  #parameterStep(i: number, dOutput: Tensor, gradient: ParameterGradient, range: RowRange): Dispatch {
    const { parameters } = this.mlp;
    const layer = parameters.layers[i]!;
    const { kernel, tile, lanes } = this.#parameterTiled(layer);
    const columnTiles = tilesOf(layer.outputSize, tile['COLUMNS']!);
    const tiles = columnTiles * tilesOf(layer.inputSize, tile['INPUTS']!);
    return kernel.bind(
      { input: this.#activations[i]!, dOutput, dParameters: gradient.tensor },
      {
        threads: [tiles * gradient.splits * lanes, parameters.members],
        params: {
          ...range,
          ...this.#layerParams(layer),
          bias4: layer.bias / 4,
          splits: gradient.splits,
          rows_per_split: Math.ceil(range.rows / gradient.splits),
          tiles,
          column_tiles: columnTiles,
        },
        label: `${this.label}.backwardParameters${i}`,
        flops: this.flopsOf(layer, range.rows),
      },
    );
  }

  #inputStep(i: number, dOutput: Tensor, dInput: Tensor, range: RowRange): Dispatch {
    const { parameters } = this.mlp;
    const layer = parameters.layers[i]!;
    const { kernel, tile } = this.#tiled(TILED_SHADERS[1], layer.inputSize);
    return kernel.bind(
      { dOutput, parameters: parameters.tensor, saved: this.#activations[i]!, dInput },
      {
        threads: [
          tilesOf(range.rows, tile['ROWS']!),
          tilesOf(layer.inputSize, tile['TILE']!),
          parameters.members,
        ],
        params: { ...range, ...this.#layerParams(layer), activated: this.#activatedAfter(i - 1) },
        label: `${this.label}.backwardInput${i}`,
        flops: this.flopsOf(layer, range.rows),
      },
    );
  }

  #layerParams({ inputSize, outputSize, weights }: LayerLayout) {
    return {
      input4: padded(inputSize) / 4,
      output4: padded(outputSize) / 4,
      weights4: weights / 4,
      member4: this.mlp.parameters.size / 4,
    };
  }

  /** A kernel whose tile is `columns` wide, or as wide as it gets, and the tile's constants. */
  #tiled(file: string, columns: number) {
    const lanes = this.gpu.subgroupLanes;
    // A narrow tile is a pipeline of its own, and worth it: first and last layers are a few columns wide, and in layers of
    // middling width a wide tile takes longer to compile than a training of some thousand updates gains by it.
    const tile = this.gpu.denseTile ?? denseTiles(lanes)[0];
    const columns4 = Math.min(
      tile.columns4,
      Math.max(1, 2 ** Math.floor(Math.log2(columns / LEAST_TILES / 4))),
    );
    const tunables = {
      ROWS: tile.rows,
      COLUMNS4: columns4,
      LANES: lanes,
      LOADS: Math.ceil((4 * columns4) / lanes),
      WORKGROUP: workgroupOf(lanes),
    };
    const constants = { ACTIVATION: constantFor(ACTIVATIONS, this.mlp.spec.activation) };
    const kernel = this.gpu.kernel(file, { tunables, constants, subgroups: lanes > 1 });
    return { kernel, tile: constantsOf(kernel.shader.code) };
  }

  /** The kernel of a layer's parameter gradient, its tile's constants, and the lanes that share a tile's inputs. */
  #parameterTiled({ inputSize, outputSize }: LayerLayout) {
    const narrowest = Math.min(inputSize, outputSize);
    const lanes = narrowest < LEAST_SHARED ? 1 : this.gpu.subgroupLanes;
    const tile = parameterTileOf(lanes, narrowest);
    const tunables = {
      INPUTS4: tile.inputs4,
      COLUMNS4: tile.columns4,
      ROWS: tile.rows,
      LANES: lanes,
      LOADS: Math.ceil(tile.inputs4 / lanes),
      WORKGROUP: workgroupOf(lanes),
    };
    const kernel = this.gpu.kernel('nn/dense_backward_parameters.wgsl', { tunables, subgroups: lanes > 1 });
    return { kernel, tile: constantsOf(kernel.shader.code), lanes };
  }

  /** Whether an activation stands behind layer `i`: none does behind the last, nor in front of the first (i = -1). */
  #activatedAfter(i: number): number {
    return i >= 0 && i < this.mlp.parameters.layers.length - 1 ? 1 : 0;
  }

  protected splitsOf(rows: number): number {
    return Math.min(MOST_SPLITS, Math.max(1, Math.floor(rows / ROWS_PER_SPLIT)));
  }
}

function workgroupOf(lanes: number): number {
  return lanes > 1 ? lanes : UNSHARED_WORKGROUP;
}

function tilesOf(length: number, tile: number): number {
  return Math.ceil(length / tile);
}
