import type { Tensor } from './tensor.ts';

/** A tensor as a dispatch sees it; a view counts as itself, not as the buffer behind it. */
export interface Bound {
  readonly tensor: Tensor;
  /** Whether the shader may write it. */
  readonly written: boolean;
}

/** A compiled kernel bound to its buffers: frozen at construction, replayed by the loop. */
export interface Dispatch {
  readonly label: string;
  /** The pipeline is set once it is compiled; `Gpu.ready` waits for it. The shader's name is its file, if it is one's. */
  readonly kernel: { readonly pipeline: GPUComputePipeline; readonly shader?: { readonly name: string } };
  readonly bindGroup: GPUBindGroup;
  /** The tensors behind the bind group, as `Kernel.bind` knows them: what `bytesOf` and `levelsOf` count. */
  readonly bound?: readonly Bound[];
  readonly workgroups: readonly [number, number, number];
  /** Floating-point operations of its dense layer, padding left out: for rates. Undefined for everything else. */
  readonly flops?: number;
}

/** An ordered, labelled list of dispatches: one named step of an algorithm. */
export interface Program {
  readonly label: string;
  readonly steps: readonly (Dispatch | Program)[];
  /** All dispatches of the tree, in order. */
  readonly dispatches: readonly Dispatch[];
  /** What a reader of the tree should know of this step, such as why it takes a slower path on this device. */
  readonly note?: string;
}

/** Makes a program of dispatches and programs; the order is the order on the GPU. */
export function program(label: string, steps: readonly (Dispatch | Program)[], note?: string): Program {
  const dispatches = steps.flatMap((step) => ('dispatches' in step ? step.dispatches : [step]));
  return { label, steps, dispatches, ...(note !== undefined && { note }) };
}

/** Encodes every dispatch of `program` into `pass`. No allocation, no lookup: this is the inside of the loop. */
export function encode(program: Program, pass: GPUComputePassEncoder): void {
  let pipeline: GPUComputePipeline | undefined;
  for (const dispatch of program.dispatches) {
    if (dispatch.kernel.pipeline !== pipeline) {
      pipeline = dispatch.kernel.pipeline;
      pass.setPipeline(pipeline);
    }
    pass.setBindGroup(0, dispatch.bindGroup);
    const [x, y, z] = dispatch.workgroups;
    pass.dispatchWorkgroups(x, y, z);
  }
}

/** The tree of `program` as indented text, one line a step, with workgroup counts: for people and for tests. */
export function describe(step: Program | Dispatch, indent = ''): string {
  if (!('steps' in step)) return `${indent}${step.label} [${step.workgroups.join(' x ')}]`;
  const note = step.note === undefined ? '' : `: ${step.note}`;
  const head = `${indent}${step.label} (${step.dispatches.length})${note}`;
  return [head, ...step.steps.map((inner) => describe(inner, `${indent}  `))].join('\n');
}
