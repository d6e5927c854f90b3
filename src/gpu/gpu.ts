import { UsageError } from './errors.ts';
import { Kernel } from './kernel.ts';
import { encode, type Program } from './program.ts';
import { linkShader, type LinkOptions } from './shader.ts';
import { elementCount, type ElementType, type Tensor, type TensorData } from './tensor.ts';

/** Which variant of a shader: values of its overrides besides the link-time choices. */
export interface KernelOptions extends LinkOptions {
  readonly constants?: Readonly<Record<string, number>>;
}

/** How to make a tensor: `uniform` ones may also be bound as uniform buffers (the clock, environment parameters). */
export interface TensorOptions {
  readonly type?: ElementType;
  readonly uniform?: boolean;
}

/** Bytes of GPU memory by tensor. */
export interface MemoryUse {
  readonly total: number;
  readonly tensors: readonly { readonly label: string; readonly bytes: number }[];
}

/**
 * How networks are computed: `layered` a dispatch for each layer and gradient, the lanes of a subgroup sharing loads where
 * that helps; `lanes` whole networks in a dispatch, a lane taking rows through all layers without a barrier, for processors
 * of eight lanes; `fused` whole networks and what stands before and behind them in a dispatch, a workgroup taking rows,
 * for GPUs, which pay for every dispatch that waits for another.
 */
export type KernelFamily = 'layered' | 'lanes' | 'fused';

/** What an invocation of the layered dense kernels computes: so many rows by four times `columns4` columns. */
export interface DenseTile {
  readonly rows: number;
  readonly columns4: number;
}

/** Names by which drivers that compute on the processor call themselves. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render/i;

/** Whether an adapter computes on the processor, as far as it tells. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  const { isFallbackAdapter, vendor, architecture, device, description } = info;
  return isFallbackAdapter || SOFTWARE.test([vendor, architecture, device, description].join(' '));
}

/** Software adapters have 4 to 16 lanes, most hardware has 32 or more. */
const MOST_SHARING_LANES = 16;

/** Lanes that the kernels of the family `lanes` are written for. */
const LANES_OF_LANES = 8;

/**
 * One device and everything on it: tensors, compiled kernels, submits. All GPU objects hang from here and can be made
 * again from configuration and checkpoint. It is not a tensor framework and not a graph compiler.
 */
export class Gpu {
  readonly device: GPUDevice;
  readonly adapter: GPUAdapter;
  /** Submits so far: tests hold the loop to its promise with it. */
  submits = 0;
  readonly kernelFamily: KernelFamily;
  /**
   * The tile of dense kernels on this adapter, where one was chosen by measuring it (`chooseDenseTile`); otherwise the first
   * of `denseTiles`. Programs of networks take the one that is set when they are made.
   */
  denseTile: DenseTile | undefined;
  readonly #instance: GPU;
  readonly #kernels = new Map<string, Kernel>();
  #tensors: Tensor[] = [];
  #compiling: Promise<void>[] = [];
  #failure: Error | undefined;

  private constructor(
    instance: GPU,
    adapter: GPUAdapter,
    device: GPUDevice,
    family: KernelFamily | undefined,
  ) {
    this.#instance = instance;
    this.adapter = adapter;
    this.device = device;
    this.kernelFamily = family ?? this.suitableFamily;
    device.addEventListener('uncapturederror', ({ error }) => {
      this.#failure ??=
        error instanceof GPUOutOfMemoryError
          ? new UsageError(
              `The GPU is out of memory (${error.message}): lower --environments or --replay-capacity.`,
            )
          : new Error(`The GPU refused a command: ${error.message}`);
    });
    void device.lost.then((info) => {
      if (info.reason !== 'destroyed')
        this.#failure ??= new Error(`The GPU device was lost: ${info.message}`);
    });
  }

  /**
   * Opens a device on `adapter`. Buffers may be as large as the adapter allows; all other limits stay at the portable
   * defaults. Timestamps and subgroups are asked for where offered. `family` overrides how networks are computed.
   */
  static async create(instance: GPU, adapter: GPUAdapter, family?: KernelFamily): Promise<Gpu> {
    const optional: GPUFeatureName[] = ['timestamp-query', 'subgroups'];
    const device = await adapter.requestDevice({
      requiredFeatures: optional.filter((feature) => adapter.features.has(feature)),
      requiredLimits: {
        maxBufferSize: adapter.limits.maxBufferSize,
        maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize,
      },
    });
    return new Gpu(instance, adapter, device, family);
  }

  /** The WebGPU entry object; held here because Dawn ends the process when it is collected. */
  get instance(): GPU {
    return this.#instance;
  }

  /**
   * Lanes of a subgroup where kernels should share loads between them: on software adapters, which load lane by lane
   * and have a few lanes at a fixed number. 1 elsewhere: hardware serves lanes that load the same address at once.
   */
  get subgroupLanes(): number {
    return this.fixedLanes <= MOST_SHARING_LANES ? this.fixedLanes : 1;
  }

  /** The family that is fastest on adapters of this kind: a processor pays little for a dispatch and much for a barrier. */
  get suitableFamily(): KernelFamily {
    if (!isSoftware(this.adapter.info)) return 'fused';
    return this.subgroupLanes === LANES_OF_LANES ? 'lanes' : 'layered';
  }

  /**
   * Lanes of every subgroup, where their number is fixed and kernels may know of them; 1 elsewhere. Kernels take a workgroup
   * of so many invocations to be one full subgroup, which `softq doctor` checks on an adapter.
   */
  get fixedLanes(): number {
    const { subgroupMinSize, subgroupMaxSize } = this.adapter.info;
    const fixed = this.device.features.has('subgroups') && subgroupMinSize === subgroupMaxSize;
    return fixed ? subgroupMaxSize : 1;
  }

  /**
   * Throws what went wrong on the device since it was opened, if anything did.
   * @throws Error a validation error, an out-of-memory error or a device loss.
   */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Bytes of the largest tensor that this adapter allows: it is one buffer, and bound as a whole. */
  get mostTensorBytes(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    return Math.min(maxBufferSize, maxStorageBufferBindingSize);
  }

  /**
   * A zero-filled tensor.
   * @throws UsageError naming the limit when it is larger than a buffer or binding of this adapter may be.
   */
  tensor(label: string, shape: readonly number[], options: TensorOptions = {}): Tensor {
    const size = elementCount(shape);
    const limit = this.mostTensorBytes;
    if (size * 4 > limit) {
      throw new UsageError(
        `'${label}' (${shape.join(' x ')}) needs ${mebibytes(size * 4)} MiB in one buffer, but this adapter allows ` +
          `${mebibytes(limit)} MiB (maxStorageBufferBindingSize): ask for at most ${Math.floor(limit / 4)} numbers.`,
      );
    }
    const { COPY_SRC, COPY_DST, STORAGE, UNIFORM } = GPUBufferUsage;
    const buffer = this.device.createBuffer({
      label,
      size: Math.max(16, Math.ceil(size / 4) * 16),
      usage: COPY_SRC | COPY_DST | STORAGE | (options.uniform ? UNIFORM : 0),
    });
    const tensor: Tensor = { label, buffer, type: options.type ?? 'f32', shape, offset: 0, size };
    this.#tensors.push(tensor);
    return tensor;
  }

  /** A tensor holding `data`. */
  tensorOf(label: string, data: TensorData, shape: readonly number[] = [data.length]): Tensor {
    const tensor = this.tensor(label, shape, { type: data instanceof Uint32Array ? 'u32' : 'f32' });
    this.write(tensor, data);
    return tensor;
  }

  /** The kernel of `shaders/<file>` in the given variant, compiled once per device. */
  kernel(file: string, options: KernelOptions = {}): Kernel {
    const { constants = {}, ...link } = options;
    const key = `${file} ${JSON.stringify(constants)} ${JSON.stringify(link)}`;
    const known = this.#kernels.get(key);
    if (known) return known;
    const kernel = new Kernel(this.device, linkShader(file, link), constants);
    this.#kernels.set(key, kernel);
    // A failure is reported by ready(); the empty handler keeps it from also being an unhandled rejection.
    kernel.compiled.catch(() => undefined);
    this.#compiling.push(kernel.compiled);
    return kernel;
  }

  /**
   * Waits until every kernel made so far is compiled.
   * @throws Error with file, line and the compiler's words if one is not valid.
   */
  async ready(): Promise<void> {
    const compiling = this.#compiling;
    this.#compiling = [];
    await Promise.all(compiling);
    this.check();
  }

  /** Encodes `programs` in order into one compute pass and submits it: one submit, no waiting. */
  submit(programs: Iterable<Program>): void {
    const encoder = this.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const one of programs) encode(one, pass);
    pass.end();
    this.device.queue.submit([encoder.finish()]);
    this.submits++;
  }

  /** Compiles what is not compiled yet, then submits `programs`: for everything outside the loop. */
  async run(...programs: Program[]): Promise<void> {
    await this.ready();
    this.submit(programs);
  }

  /** Writes `data` to the start of `tensor`. Takes effect before the next submit, never between its dispatches. */
  write(tensor: Tensor, data: TensorData): void {
    if (data.length > tensor.size) {
      throw new RangeError(`${data.length} numbers do not fit tensor '${tensor.label}' of ${tensor.size}.`);
    }
    this.device.queue.writeBuffer(
      tensor.buffer,
      tensor.offset * 4,
      data.buffer,
      data.byteOffset,
      data.byteLength,
    );
  }

  /**
   * The contents of `tensor` after all submitted work.
   * @throws Error what the device reported, if it failed.
   */
  async read(tensor: Tensor & { readonly type: 'u32' }): Promise<Uint32Array<ArrayBuffer>>;
  async read(tensor: Tensor): Promise<Float32Array<ArrayBuffer>>;
  async read(tensor: Tensor): Promise<TensorData> {
    const staging = this.device.createBuffer({
      label: `${tensor.label}.readback`,
      size: tensor.size * 4,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    try {
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(tensor.buffer, tensor.offset * 4, staging, 0, tensor.size * 4);
      this.device.queue.submit([encoder.finish()]);
      await this.#mapped(staging);
      const bytes = staging.getMappedRange().slice(0);
      return tensor.type === 'u32' ? new Uint32Array(bytes) : new Float32Array(bytes);
    } finally {
      staging.destroy();
    }
  }

  async #mapped(staging: GPUBuffer): Promise<void> {
    try {
      await staging.mapAsync(GPUMapMode.READ);
    } catch (error) {
      this.check();
      const reason = (error as Error).message || 'the device is gone';
      throw new Error(`Reading back from the GPU failed: ${reason}.`, { cause: error });
    }
    this.check();
  }

  /** Resolves when everything submitted so far has run. */
  async idle(): Promise<void> {
    await this.device.queue.onSubmittedWorkDone();
    this.check();
  }

  /**
   * Marks this moment: the returned function destroys every tensor made since. For programs that run several trainings
   * one after another on one device and want to keep its compiled kernels.
   */
  scope(): () => void {
    const before = new Set(this.#tensors);
    return () => this.#destroy((tensor) => !before.has(tensor));
  }

  /**
   * What `make` returns, and a function that destroys the tensors that it made and no others: for work that awaits while
   * other code uses the device. `make` itself must not await, so that nobody else can make tensors in it; if it throws,
   * its tensors are destroyed at once.
   */
  own<T>(make: () => T): { made: T; release: () => void } {
    const before = new Set(this.#tensors);
    const undo = this.scope();
    try {
      const made = make();
      const own = new Set(this.#tensors.filter((tensor) => !before.has(tensor)));
      return { made, release: () => this.#destroy((tensor) => own.has(tensor)) };
    } catch (error) {
      undo();
      throw error;
    }
  }

  #destroy(which: (tensor: Tensor) => boolean): void {
    for (const tensor of this.#tensors) if (which(tensor)) tensor.buffer.destroy();
    this.#tensors = this.#tensors.filter((tensor) => !which(tensor));
  }

  /** GPU memory taken by tensors, largest first. */
  memory(): MemoryUse {
    const tensors = this.#tensors
      .map(({ label, buffer }) => ({ label, bytes: buffer.size }))
      .sort((a, b) => b.bytes - a.bytes);
    return { total: tensors.reduce((sum, { bytes }) => sum + bytes, 0), tensors };
  }

  /** Destroys the device and all that lives on it. */
  dispose(): void {
    this.device.destroy();
  }
}

/** Bytes as mebibytes with one decimal, for people. */
export function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
