import type { Gpu } from '../gpu/gpu.ts';
import { program, type Dispatch, type Program } from '../gpu/program.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';
import { padded, view, type Tensor } from '../gpu/tensor.ts';
import { MlpPass, type BackwardOptions, type Network, type RowRange } from './mlp-pass.ts';
import { mlpSizes } from './mlp-spec.ts';
import type { LayerLayout } from './parameters.ts';

const FORWARD = 'nn/lanes/forward.wgsl';
const BACKWARD = 'nn/lanes/backward.wgsl';
const INPUT_GRADIENT = 'nn/lanes/input_gradient.wgsl';
const PARAMETER_GRADIENT = 'nn/lanes/parameter_gradient.wgsl';

/** Lanes of a subgroup that the kernels are written for, rows of each, and rows of numbers bound of the first layer. */
const { LANES, ROWS, FIRST_PART_ROWS } = constantsOf(shaderSource('nn/lanes/network.wgsl')) as Record<
  'LANES' | 'ROWS' | 'FIRST_PART_ROWS',
  number
>;

/**
 * Widest hidden layer: what a lane keeps of wider ones no longer stays in a processor's first cache, and the weights between
 * two of this width are just what a uniform binding may hold by the portable limits.
 */
const WIDEST = 128;

/** One lane less than there are: the last one's part of a unit's gradient is the bias. */
const MOST_INPUTS = LANES - 1;
const MOST_OUTPUTS = 4;

/** Bits of a word of the ReLUs that were above zero. */
const WORD = 32;

/** Rows of a workgroup. */
const WORKGROUP_ROWS = ROWS * LANES;

/** Most partial sums of a parameter gradient: with more rows, further dispatches add to the sums of the first. */
const MOST_SPLITS = 512;

/**
 * Why networks of this shape do not go through `LanesPass` on this device, in words for people; null where they do: those
 * of two hidden layers of ReLUs that divide among eight lanes.
 */
export function obstacleToLanes(gpu: Gpu, { spec }: Pick<Network, 'spec'>): string | null {
  if (gpu.subgroupLanes !== LANES) return `subgroups of this adapter do not have ${LANES} lanes`;
  const { inputSize, hidden, outputSize, activation } = spec;
  const widths = hidden.length === 2 && hidden.every((width) => width <= WIDEST && width % LANES === 0);
  const ends = inputSize <= MOST_INPUTS && outputSize <= MOST_OUTPUTS;
  if (widths && ends && activation === 'relu') return null;
  return (
    `a network of ${mlpSizes(spec).join('-')} units with ${activation} is not one of two hidden layers ` +
    `of ReLUs of multiples of ${LANES} up to ${WIDEST}, at most ${MOST_INPUTS} inputs and ${MOST_OUTPUTS} outputs`
  );
}

/**
 * A pass in which lanes take rows through the whole network in one dispatch, shaders/nn/lanes, for processors: nothing
 * is stored between layers, `backward` goes forward again.
 */
export class LanesPass extends MlpPass {
  readonly keepsActivations = false;

  forward(): Program {
    const range = { first_row: 0, rows: this.rows, total_rows: this.rows };
    const kernel = { file: FORWARD, outputs: this.#sharedOutputs() };
    const text = { label: `${this.label}.forward`, flops: this.#flopsOfLayers(0, this.rows) };
    const steps = this.#steps(kernel, range, { result: this.output }, text);
    return program(text.label, [...this.repeat, ...steps]);
  }

  backward(options: BackwardOptions): Program {
    const { outputGrad: dOutput, inputGrad, parameterGrad } = options;
    const range = this.rangeOf(options);
    const flopsFrom = (layer: number) => this.#flopsOfLayers(layer, range.rows);
    const steps: Dispatch[] = [];
    if (parameterGrad) {
      const { tensor: result, splits } = parameterGrad;
      const label = `${this.label}.backwardParameters`;
      const most = splits * WORKGROUP_ROWS;
      for (let done = 0; done < range.rows; done += most) {
        const rows = Math.min(most, range.rows - done);
        const part = { ...range, first_row: range.first_row + done, rows };
        // The first one fills all sums, those of no rows with zeros.
        const workgroups = done === 0 ? splits : Math.ceil(rows / WORKGROUP_ROWS);
        const flops = ((flopsFrom(0) + flopsFrom(1)) * rows) / range.rows;
        const kernel = { file: PARAMETER_GRADIENT, outputs: this.#sharedOutputs(), adds: done > 0 };
        steps.push(
          ...this.#steps(kernel, part, { dOutput, result }, { label, flops }, { workgroups, splits }),
        );
      }
    }
    if (inputGrad) {
      const kernel = { file: INPUT_GRADIENT, outputs: this.mlp.spec.outputSize };
      const flops = flopsFrom(0) - (parameterGrad ? flopsFrom(1) : 0);
      const text = { label: `${this.label}.backwardInput`, flops };
      steps.push(...this.#steps(kernel, range, { dOutput, result: inputGrad }, text));
    }
    return program(`${this.label}.backward`, steps);
  }

  protected splitsOf(rows: number): number {
    const { members, size } = this.mlp.parameters;
    const room = this.gpu.mostTensorBytes / (4 * members * size);
    return Math.min(Math.ceil(rows / WORKGROUP_ROWS), MOST_SPLITS, Math.max(1, Math.floor(room)));
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

  /** A dispatch for each member: uniform bindings hold the parameters of one. */
  #steps(
    { file, outputs, adds = false }: { file: string; outputs: number; adds?: boolean },
    range: RowRange,
    tensors: Readonly<Record<string, Tensor>>,
    { label, flops }: { label: string; flops: number },
    { workgroups, splits } = { workgroups: Math.ceil(range.rows / WORKGROUP_ROWS), splits: 0 },
  ): Dispatch[] {
    const { parameters, spec } = this.mlp;
    const { members, size, tensor } = parameters;
    const [width1, width2] = spec.hidden as [number, number];
    const [one, two, three] = parameters.layers as [LayerLayout, LayerLayout, LayerLayout];
    const back = file !== FORWARD;
    const lastPart = three.bias + 4 - two.bias;
    const tunables = {
      OUTPUTS: outputs,
      LOADS1: width1 / LANES,
      LOADS2: width2 / LANES,
      VECTORS1: Math.ceil(width1 / (4 * LANES)),
      LAST_PART: lastPart / 4,
      ...(back && {
        VECTORS2: Math.ceil(width2 / (4 * LANES)),
        WORDS1: Math.ceil(width1 / WORD),
        WORDS2: Math.ceil(width2 / WORD),
      }),
      ...(file === PARAMETER_GRADIENT && { ADDS: adds ? 1 : 0 }),
    };
    const kernel = this.gpu.kernel(back ? BACKWARD : FORWARD, {
      slots: back ? { gradient: { file } } : {},
      tunables,
      subgroups: true,
    });
    return Array.from({ length: members }, (_, member) => {
      const part = (name: string, first: number, length: number) =>
        view(tensor, `${tensor.label}.${name}`, member * size + first, [length]);
      return kernel.bind(
        {
          input: this.input,
          first: part('first', one.weights, FIRST_PART_ROWS * width1),
          second: part('second', two.weights, width1 * width2),
          last: part('last', two.bias, lastPart),
          ...tensors,
        },
        {
          threads: [LANES * workgroups],
          params: {
            member,
            ...range,
            input4: padded(spec.inputSize) / 4,
            last_weights: (three.weights - two.bias) / 4,
            weights0: one.weights,
            bias0: one.bias,
            weights1: two.weights,
            bias1: two.bias,
            weights2: three.weights,
            bias2: three.bias,
            member_size: size,
            splits,
          },
          label: members === 1 ? label : `${label}.${member}`,
          flops: flops / members,
        },
      );
    });
  }
}
