/** A compiled kernel bound to its buffers: frozen at construction, replayed by the loop. */
export interface Dispatch {
  readonly label: string;
  /** Set once the pipeline is compiled; `Gpu.ready` waits for it. */
  readonly kernel: { readonly pipeline: GPUComputePipeline };
  readonly bindGroup: GPUBindGroup;
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
}

/** Makes a program of dispatches and programs; the order is the order on the GPU. */
export function program(label: string, steps: readonly (Dispatch | Program)[]): Program {
  const dispatches = steps.flatMap((step) => ('dispatches' in step ? step.dispatches : [step]));
  return { label, steps, dispatches };
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
  const head = `${indent}${step.label} (${step.dispatches.length})`;
  return [head, ...step.steps.map((inner) => describe(inner, `${indent}  `))].join('\n');
}
