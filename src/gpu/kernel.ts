import { UsageError } from './errors.ts';
import type { Dispatch } from './program.ts';
import { packStruct, type Shader } from './shader.ts';
import { UNIFORM_ALIGNMENT, type Tensor } from './tensor.ts';

/** Numbers that a uniform binding may have by the portable limits. */
const MOST_UNIFORM = 65_536 / 4;

/** What a dispatch needs besides its tensors. */
export interface BindOptions {
  /** Invocations wanted along x, y, z; rounded up to whole workgroups. */
  readonly threads: readonly [number, number?, number?];
  /** Values of `struct Params`, by field name. */
  readonly params?: Readonly<Record<string, number>>;
  /** Values of other uniform structs that no tensor is given for, by binding and field name. */
  readonly uniforms?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly label?: string;
  /** See `Dispatch`. */
  readonly flops?: number;
}

/** A compiled shader variant. `bind` joins it to tensors; the result can be encoded any number of times. */
export class Kernel {
  readonly shader: Shader;
  readonly #device: GPUDevice;
  readonly #layout: GPUBindGroupLayout;
  #pipeline: GPUComputePipeline | undefined;
  /** Resolves when the pipeline is compiled; rejects with the compiler's messages. */
  readonly compiled: Promise<void>;

  constructor(device: GPUDevice, shader: Shader, constants: Readonly<Record<string, number>>) {
    this.shader = shader;
    this.#device = device;
    const missing = shader.overrides.filter((name) => constants[name] === undefined);
    const unknown = Object.keys(constants).filter((name) => !shader.overrides.includes(name));
    if (missing.length + unknown.length > 0) {
      throw new Error(
        `${shader.name} overrides: missing [${missing.join(', ')}], unknown [${unknown.join(', ')}].`,
      );
    }
    this.#layout = device.createBindGroupLayout({
      label: shader.name,
      entries: shader.bindings.map(({ index, kind }) => ({
        binding: index,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: kind },
      })),
    });
    this.compiled = this.#compile(constants);
  }

  /**
   * The pipeline.
   * @throws Error if `Gpu.ready` was not awaited since the kernel was made.
   */
  get pipeline(): GPUComputePipeline {
    if (!this.#pipeline) throw new Error(`${this.shader.name} is not compiled yet: await gpu.ready() first.`);
    return this.#pipeline;
  }

  async #compile(constants: Readonly<Record<string, number>>): Promise<void> {
    const { name, code } = this.shader;
    // The scope keeps a compile error, which is thrown below with its lines, from also being an uncaptured one.
    this.#device.pushErrorScope('validation');
    const module = this.#device.createShaderModule({ label: name, code });
    const [, info] = await Promise.all([this.#device.popErrorScope(), module.getCompilationInfo()]);
    if (info.messages.some((message) => message.type === 'error')) {
      const lines = info.messages.map(
        (m) => `  shaders/${name}:${m.lineNum}:${m.linePos} ${m.type}: ${m.message}`,
      );
      throw new Error(`The WGSL compiler refuses ${name}:\n${lines.join('\n')}`);
    }
    try {
      this.#pipeline = await this.#device.createComputePipelineAsync({
        label: name,
        layout: this.#device.createPipelineLayout({ bindGroupLayouts: [this.#layout] }),
        compute: { module, entryPoint: 'main', constants: { ...constants } },
      });
    } catch (error) {
      throw new Error(`No pipeline could be made of ${name}: ${(error as Error).message}`, { cause: error });
    }
  }

  /**
   * Binds tensors to the shader's bindings by name. All must be given but `params` and those of `uniforms`. Storage bindings
   * get whole buffers: a view's first element reaches the shader as the Params field `<binding>_offset`. Uniform ones get the
   * view itself, which begins at a multiple of `UNIFORM_ALIGNMENT`.
   * @throws Error naming missing and unknown bindings, a view that the shader takes no offset for, or a uniform one that
   * WebGPU refuses; UsageError when a dimension needs more than 65,535 workgroups.
   */
  bind(tensors: Readonly<Record<string, Tensor>>, options: BindOptions): Dispatch {
    const { shader } = this;
    const { uniforms = {} } = options;
    const names = shader.bindings
      .map((binding) => binding.name)
      .filter((name) => name !== 'params' && uniforms[name] === undefined);
    const missing = names.filter((name) => tensors[name] === undefined);
    const unknown = Object.keys(tensors).filter((name) => !names.includes(name));
    if (missing.length + unknown.length > 0) {
      throw new Error(
        `${shader.name} bindings: missing [${missing.join(', ')}], unknown [${unknown.join(', ')}].`,
      );
    }
    const [x, y = 1, z = 1] = options.threads;
    const workgroups = [x, y, z].map((threads, axis) => Math.ceil(threads / shader.workgroupSize[axis]!)) as [
      number,
      number,
      number,
    ];
    if (!workgroups.every((count) => count >= 1)) {
      throw new Error(`${shader.name} has nothing to do: ${workgroups.join(' x ')} workgroups.`);
    }
    if (workgroups.some((count) => count > 65535)) {
      throw new UsageError(
        `'${options.label ?? shader.name}' needs ${workgroups.join(' x ')} workgroups, and WebGPU allows 65,535 along ` +
          `an axis: lower the number of environments, transitions in a batch, or particles.`,
      );
    }
    const label = options.label ?? shader.name;
    const params: Record<string, number> = { ...options.params };
    const kindOf = new Map(shader.bindings.map(({ name, kind }) => [name, kind]));
    for (const [name, tensor] of Object.entries(tensors)) {
      if (shader.params?.fields.some((field) => field.name === `${name}_offset`))
        params[`${name}_offset`] = tensor.offset;
      else if (tensor.offset !== 0 && kindOf.get(name) !== 'uniform')
        throw new Error(`${shader.name} takes no view as '${name}' (${tensor.label}).`);
    }
    const valuesOf: Readonly<Record<string, Readonly<Record<string, number>>>> = { ...uniforms, params };
    const entries = shader.bindings.map(({ index, name, kind }) => {
      const values = valuesOf[name];
      if (values) return { binding: index, resource: { buffer: this.#uniformBuffer(name, values, label) } };
      const { buffer, offset, size } = tensors[name]!;
      if (kind === 'uniform' && (offset % UNIFORM_ALIGNMENT !== 0 || size > MOST_UNIFORM)) {
        throw new Error(
          `${shader.name}: '${name}' (${tensors[name]!.label}) begins at ${offset} and has ${size} numbers; a uniform binding ` +
            `begins at a multiple of ${UNIFORM_ALIGNMENT} and has at most ${MOST_UNIFORM}.`,
        );
      }
      const resource = kind === 'uniform' ? { buffer, offset: 4 * offset, size: 4 * size } : { buffer };
      return { binding: index, resource };
    });
    return {
      label,
      kernel: this,
      bindGroup: this.#device.createBindGroup({ label, layout: this.#layout, entries }),
      bound: shader.bindings
        .filter(({ name }) => names.includes(name))
        .map(({ name, kind }) => ({ tensor: tensors[name]!, written: kind === 'storage' })),
      workgroups,
      ...(options.flops !== undefined && { flops: options.flops }),
    };
  }

  #uniformBuffer(binding: string, values: Readonly<Record<string, number>>, label: string): GPUBuffer {
    const { params, uniforms, name } = this.shader;
    const struct = binding === 'params' ? params : uniforms.get(binding);
    if (!struct) throw new Error(`${name} has a binding '${binding}' but no struct for it.`);
    const bytes = packStruct(struct, values, `${name} ${binding}`);
    const buffer = this.#device.createBuffer({
      label: `${label}.${binding}`,
      size: bytes.byteLength,
      usage: GPUBufferUsage.UNIFORM,
      mappedAtCreation: true,
    });
    new Uint8Array(buffer.getMappedRange()).set(new Uint8Array(bytes));
    buffer.unmap();
    return buffer;
  }
}
