import type { Gpu } from '../gpu/gpu.ts';
import type { Dispatch } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource, type SlotFiller } from '../gpu/shader.ts';
import { elementCount, padded, type Tensor } from '../gpu/tensor.ts';
import type { ParameterGradient } from './mlp-pass.ts';
import { mlpSizes } from './mlp-spec.ts';
import type { Mlp } from './mlp.ts';

/** The half of a fused kernel that says what the rows are: WGSL with `prepare`, `differentiate`, `finish`. */
export interface Role {
  readonly module: SlotFiller;
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly params: Readonly<Record<string, number>>;
  /** Its overrides. */
  readonly constants?: Readonly<Record<string, number>>;
}

/** What a pass has room for: `activations` if it only goes forward, `gradients` too if it also goes back. */
export type Regions = 'activations' | 'gradients';

/** Where the output's first feature is in a workspace, in numbers: of the first block, and from one block to the next. */
export interface OutputPlace {
  readonly first: number;
  readonly block: number;
}

const NETWORK = shaderSource('nn/fused/network.wgsl');
/** Rows that lie together, and that a workgroup computes. */
export const BLOCK = constantsOf(NETWORK)['BLOCK']!;
const KERNELS = {
  forward: 'nn/fused/forward.wgsl',
  gradient: 'nn/fused/gradient.wgsl',
  backward: 'nn/fused/backward.wgsl',
};
const MOST_SIZES = constantsOf(NETWORK)['MOST_SIZES']!;
const ACTIVATIONS = constantsOf(shaderSource('common/activation.wgsl'));

/** Blocks of rows in one partial sum of a parameter gradient, at least: more sums are more to do at a time, and to add up. */
const BLOCKS_PER_SPLIT = 2;
const MOST_SPLITS = 32;

/** Whether a pass of `rows` rows has room in one buffer of this adapter. */
export function fusedFits(gpu: Gpu, mlp: Mlp, rows: number, regions: Regions): boolean {
  return 4 * elementCount(workspaceShape(mlp, rows, regions)) <= gpu.mostTensorBytes;
}

function workspaceShape({ spec, parameters }: Mlp, rows: number, regions: Regions): number[] {
  const features = mlpSizes(spec).reduce((sum, size) => sum + padded(size), 0);
  return [parameters.members, Math.ceil(rows / BLOCK), regions === 'gradients' ? 2 : 1, features, BLOCK];
}

/**
 * One network at work on a fixed number of rows, a dispatch for all of its layers: the fused counterpart of `MlpPass`. A
 * workgroup takes a block of rows from their making (by the role) to their result, so nothing waits between layers but the
 * workgroup itself.
 */
export class FusedPass {
  readonly rows: number;
  /** Activations and gradients of all layers: (R, blocks, 1 or 2, features, BLOCK), as `shaders/nn/fused/network.wgsl` says. */
  readonly workspace: Tensor;
  readonly #gpu: Gpu;
  readonly #label: string;
  readonly #mlp: Mlp;
  readonly #sizes: readonly number[];
  readonly #features: number;
  readonly #regions: number;

  /** @throws Error if the network has more layers than the kernels take. */
  constructor(gpu: Gpu, label: string, mlp: Mlp, rows: number, regions: Regions) {
    this.#gpu = gpu;
    this.#label = label;
    this.#mlp = mlp;
    this.rows = rows;
    this.#sizes = mlpSizes(mlp.spec);
    if (this.#sizes.length > MOST_SIZES) throw new Error(`${label}: more than ${MOST_SIZES - 1} layers.`);
    const shape = workspaceShape(mlp, rows, regions);
    this.#regions = shape[2]!;
    this.#features = shape[3]!;
    this.workspace = gpu.tensor(`${label}.workspace`, shape);
  }

  /** Where the output is. */
  get output(): OutputPlace {
    const before = this.#features - padded(this.#sizes.at(-1)!);
    return { first: before * BLOCK, block: this.#regions * this.#features * BLOCK };
  }

  /** y = f(x): the role prepares the rows and finishes them. */
  forward(role: Role): Dispatch {
    return this.#dispatch('forward', role, this.#flops(0), {});
  }

  /** Forward, then back from the gradient that the role gives the output, to the input if `inputGradient` says so. */
  gradient(role: Role, { inputGradient }: { readonly inputGradient: boolean }): Dispatch {
    const flops = this.#flops(0) + this.#flops(inputGradient ? 0 : 1);
    return this.#dispatch('gradient', role, flops, { inputGradient });
  }

  /**
   * Back through rows from `firstRow` on, which have gone forward before, from the gradient that the role gives the output.
   * Rows that share a block with the first are gone through too: the role gives them none.
   */
  backward(role: Role, { firstRow }: { readonly firstRow: number }): Dispatch {
    return this.#dispatch('backward', role, this.#flops(1, this.rows - firstRow), { firstRow });
  }

  /** dJ/dparameters from the gradients of the rows from `firstRow` on: partial sums, and the dispatch that fills them. */
  parameterGradient(firstRow = 0): ParameterGradient & { readonly step: Dispatch } {
    const blocks = this.#blocks - Math.floor(firstRow / BLOCK);
    const { members, size } = this.#mlp.parameters;
    const perSplit = Math.max(BLOCKS_PER_SPLIT, Math.ceil(blocks / MOST_SPLITS));
    const splits = Math.ceil(blocks / perSplit);
    const tensor = this.#gpu.tensor(`${this.#label}.parameterGrad`, [members, splits, size]);
    const kernel = this.#gpu.kernel('nn/fused/parameters.wgsl', { constants: this.#constants });
    const { WORKGROUP, INPUTS } = constantsOf(kernel.shader.code) as Record<'WORKGROUP' | 'INPUTS', number>;
    const tiles = this.#mlp.parameters.layers.reduce(
      (sum, { inputSize, outputSize }) =>
        sum + Math.ceil(padded(inputSize) / INPUTS) * Math.ceil(padded(outputSize) / 4 / WORKGROUP),
      0,
    );
    const step = kernel.bind(
      { parameters: this.#mlp.parameters.tensor, workspace: this.workspace, dParameters: tensor },
      {
        threads: [tiles * WORKGROUP, splits, members],
        uniforms: { network: this.#network(firstRow, false) },
        params: { splits, blocks_per_split: perSplit, count: blocks },
        label: `${this.#label}.parameters`,
        flops: this.#flops(0, this.rows - firstRow),
      },
    );
    return { tensor, splits, step };
  }

  get #blocks(): number {
    return Math.ceil(this.rows / BLOCK);
  }

  get #constants() {
    return { ACTIVATION: constantFor(ACTIVATIONS, this.#mlp.spec.activation) };
  }

  #dispatch(
    kind: keyof typeof KERNELS,
    role: Role,
    flops: number,
    range: { readonly firstRow?: number; readonly inputGradient?: boolean },
  ): Dispatch {
    const { firstRow = 0, inputGradient = false } = range;
    const kernel = this.#gpu.kernel(KERNELS[kind], {
      slots: { role: role.module },
      constants: { ...this.#constants, ...role.constants },
    });
    const { parameters } = this.#mlp;
    const invocations = kernel.shader.workgroupSize[0];
    return kernel.bind(
      { ...role.tensors, parameters: parameters.tensor, workspace: this.workspace },
      {
        threads: [(this.#blocks - Math.floor(firstRow / BLOCK)) * invocations, 1, parameters.members],
        uniforms: { network: this.#network(firstRow, inputGradient) },
        params: role.params,
        label: `${this.#label}.${kind}`,
        flops,
      },
    );
  }

  #network(firstRow: number, inputGradient: boolean) {
    const sizes = Array.from({ length: MOST_SIZES }, (_, i) => [`size${i}`, padded(this.#sizes[i] ?? 0) / 4]);
    return {
      rows: this.rows,
      first_block: Math.floor(firstRow / BLOCK),
      blocks: this.#blocks,
      layers: this.#sizes.length - 1,
      ...(Object.fromEntries(sizes) as Record<string, number>),
      features: this.#features,
      block_features: this.#regions * this.#features,
      member4: this.#mlp.parameters.size / 4,
      input_gradient: inputGradient ? 1 : 0,
    };
  }

  /** A product and a sum for each weight and row, from layer `first` on. */
  #flops(first: number, rows = this.rows): number {
    const { layers, members } = this.#mlp.parameters;
    const weights = layers.slice(first).reduce((sum, one) => sum + one.inputSize * one.outputSize, 0);
    return 2 * members * rows * weights;
  }
}
