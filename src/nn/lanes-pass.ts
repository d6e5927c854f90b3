import type { Gpu } from '../gpu/gpu.ts';
import { program, type Dispatch, type Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { MlpPass, type BackwardOptions, type RowRange } from './mlp-pass.ts';
import type { MlpSpec } from './mlp.ts';
import type { LayerLayout } from './parameters.ts';

const FORWARD = 'nn/lanes/forward.wgsl';
const BACKWARD = 'nn/lanes/backward.wgsl';

/** Lanes of a subgroup that the kernels are written for. */
const LANES = 8;

/** Widest hidden layer: what a lane keeps of wider ones no longer stays in a processor's first cache. */
const WIDEST = 128;

/** Inputs and outputs fit one vec4f each. */
const MOST_INPUTS = 4;
const MOST_OUTPUTS = 4;

/**
 * Whether networks of this shape go through `LanesPass` on this device: two hidden layers of ReLUs of at most 128 units that
 * divide among eight lanes, and at most four inputs and outputs.
 */
export function lanesFit(gpu: Gpu, { inputSize, hidden, outputSize, activation }: MlpSpec): boolean {
  const widths = hidden.length === 2 && hidden.every((width) => width <= WIDEST && width % LANES === 0);
  const ends = inputSize <= MOST_INPUTS && outputSize <= MOST_OUTPUTS;
  return (
    gpu.kernelFamily === 'lanes' && gpu.subgroupLanes === LANES && widths && ends && activation === 'relu'
  );
}

/** Rows of a lane: fewer of a wider layer, which fills more of the first cache and compiles for longer. */
function rowsOf(width: number): number {
  return width <= 64 ? 4 : 2;
}

/**
 * A pass in which lanes take rows through the whole network in one dispatch, shaders/nn/lanes, for processors: nothing
 * is stored between layers, `backward` goes forward again.
 */
export class LanesPass extends MlpPass {
  readonly keepsActivations = false;

  forward(): Program {
    const range = { first_row: 0, rows: this.rows, total_rows: this.rows };
    const step = this.#step(
      { file: FORWARD, outputs: this.#sharedOutputs() },
      range,
      { result: this.output },
      { label: `${this.label}.forward`, flops: this.#flopsOfLayers(0, this.rows) },
    );
    return program(`${this.label}.forward`, [...this.repeat, step]);
  }

  backward(options: BackwardOptions): Program {
    const { outputGrad: dOutput, inputGrad, parameterGrad } = options;
    const range = this.rangeOf(options);
    const flopsFrom = (layer: number) => this.#flopsOfLayers(layer, range.rows);
    const steps: Dispatch[] = [];
    if (parameterGrad) {
      steps.push(
        this.#step(
          { file: BACKWARD, gradient: 'nn/lanes/parameter_gradient.wgsl', outputs: this.#sharedOutputs() },
          range,
          { dOutput, result: parameterGrad.tensor },
          { label: `${this.label}.backwardParameters`, flops: flopsFrom(0) + flopsFrom(1) },
        ),
      );
    }
    if (inputGrad) {
      steps.push(
        this.#step(
          { file: BACKWARD, gradient: 'nn/lanes/input_gradient.wgsl', outputs: this.mlp.spec.outputSize },
          range,
          { dOutput, result: inputGrad },
          {
            label: `${this.label}.backwardInput`,
            flops: flopsFrom(0) - (parameterGrad ? flopsFrom(1) : 0),
          },
        ),
      );
    }
    return program(`${this.label}.backward`, [...this.repeat, ...steps]);
  }

  protected splitsOf(rows: number): number {
    return Math.ceil(rows / (rowsOf(this.mlp.spec.hidden[0]!) * LANES));
  }

  /** Outputs that a kernel computes: two also where there is one, so that critic and policy share a pipeline. */
  #sharedOutputs(): number {
    return Math.max(2, this.mlp.spec.outputSize);
  }

  /** Operations of one of the products of the layers from `first` on. */
  #flopsOfLayers(first: number, rows: number): number {
    const layers = this.mlp.parameters.layers.slice(first);
    return layers.reduce((sum, layer) => sum + this.flopsOf(layer, rows), 0);
  }

  #step(
    { file, gradient, outputs }: { file: string; gradient?: string; outputs: number },
    range: RowRange,
    tensors: Readonly<Record<string, Tensor>>,
    { label, flops }: { label: string; flops: number },
  ): Dispatch {
    const slots = gradient === undefined ? {} : { gradient: { file: gradient } };
    const { parameters, spec } = this.mlp;
    const [first, second] = spec.hidden as [number, number];
    const tunables = {
      ROWS: rowsOf(first),
      LOADS1: first / LANES,
      LOADS2: second / LANES,
      OUTPUTS: outputs,
      ...(file === BACKWARD && { WORDS1: Math.ceil(first / 32), WORDS2: Math.ceil(second / 32) }),
    };
    const kernel = this.gpu.kernel(file, { slots, tunables, subgroups: true });
    const [one, two, three] = parameters.layers as [LayerLayout, LayerLayout, LayerLayout];
    return kernel.bind(
      { input: this.input, parameters: parameters.tensor, ...tensors },
      {
        threads: [LANES * this.splitsOf(range.rows), parameters.members],
        params: {
          ...range,
          weights0: one.weights,
          bias0: one.bias,
          weights1: two.weights,
          bias1: two.bias,
          weights2: three.weights,
          bias2: three.bias,
          member_size: parameters.size,
          splits: this.splitsOf(range.rows),
        },
        label,
        flops,
      },
    );
  }
}
