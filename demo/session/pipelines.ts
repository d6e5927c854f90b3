import type { Dispatch, Gpu } from '../../src/index.ts';

/** What a shader binds, in the order of its `@binding` numbers. */
export type BindingKind = 'uniform' | 'read' | 'write';

/** A pipeline of the pictures with the layout of its bindings. */
interface Compiled<P> {
  readonly pipeline: P;
  readonly layout: GPUBindGroupLayout;
}

/** Something to draw: a render pipeline joined to its buffers. */
export interface Layer {
  readonly pipeline: GPURenderPipeline;
  readonly bindGroup: GPUBindGroup;
}

/** A shader of the pictures and how it binds. */
export interface Shading {
  readonly label: string;
  /** WGSL, without imports. */
  readonly code: string;
  readonly bindings: readonly BindingKind[];
}

const BUFFER_TYPES = { uniform: 'uniform', read: 'read-only-storage', write: 'storage' } as const;

/** Alpha already multiplied into the colours. */
const OVER: GPUBlendState = {
  color: { srcFactor: 'one', dstFactor: 'one-minus-src-alpha' },
  alpha: { srcFactor: 'one', dstFactor: 'one-minus-src-alpha' },
};

/** The compiled shaders of one device's pictures; they outlive the runs that are drawn with them. */
export class Pipelines {
  readonly gpu: Gpu;
  /** Of every canvas and of what is copied to one. */
  readonly format: GPUTextureFormat;
  /** Whether the device is the processor, for which pictures are kept small. */
  readonly software: boolean;
  readonly #compiled = new Map<string, Promise<Compiled<GPURenderPipeline | GPUComputePipeline>>>();

  constructor(gpu: Gpu, software: boolean) {
    this.gpu = gpu;
    this.software = software;
    this.format = gpu.instance.getPreferredCanvasFormat();
  }

  /** A picture whose vertices `vertex` places and whose pixels `shade` colours, over what is there already. */
  async layer(shading: Shading & { readonly vertex: string }, buffers: readonly GPUBuffer[]): Promise<Layer> {
    const { pipeline, layout } = (await this.#once(shading, async (module, pipelineLayout) =>
      this.gpu.device.createRenderPipelineAsync({
        label: shading.label,
        layout: pipelineLayout,
        vertex: { module, entryPoint: shading.vertex },
        fragment: { module, entryPoint: 'shade', targets: [{ format: this.format, blend: OVER }] },
      }),
    )) as Compiled<GPURenderPipeline>;
    return { pipeline, bindGroup: this.#bind(shading.label, layout, buffers) };
  }

  /** A step of a program: entry point `main` on `workgroups` workgroups. */
  async dispatch(shading: Shading, buffers: readonly GPUBuffer[], workgroups: number): Promise<Dispatch> {
    const { pipeline, layout } = (await this.#once(shading, async (module, pipelineLayout) =>
      this.gpu.device.createComputePipelineAsync({
        label: shading.label,
        layout: pipelineLayout,
        compute: { module, entryPoint: 'main' },
      }),
    )) as Compiled<GPUComputePipeline>;
    const { label } = shading;
    return {
      label,
      kernel: { pipeline },
      bindGroup: this.#bind(label, layout, buffers),
      workgroups: [workgroups, 1, 1],
    };
  }

  #once<P extends GPURenderPipeline | GPUComputePipeline>(
    { label, code, bindings }: Shading,
    make: (module: GPUShaderModule, layout: GPUPipelineLayout) => Promise<P>,
  ): Promise<Compiled<GPURenderPipeline | GPUComputePipeline>> {
    const known = this.#compiled.get(label);
    if (known) return known;
    const { device } = this.gpu;
    const visibility = bindings.includes('write')
      ? GPUShaderStage.COMPUTE
      : GPUShaderStage.VERTEX | GPUShaderStage.FRAGMENT;
    const layout = device.createBindGroupLayout({
      label,
      entries: bindings.map((kind, binding) => ({
        binding,
        visibility,
        buffer: { type: BUFFER_TYPES[kind] },
      })),
    });
    const module = device.createShaderModule({ label, code });
    const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
    const compiled = make(module, pipelineLayout).then((pipeline) => ({ pipeline, layout }));
    this.#compiled.set(label, compiled);
    return compiled;
  }

  #bind(label: string, layout: GPUBindGroupLayout, buffers: readonly GPUBuffer[]): GPUBindGroup {
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    return this.gpu.device.createBindGroup({ label, layout, entries });
  }
}
