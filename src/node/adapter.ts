import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { UsageError } from '../gpu/errors.ts';
import { isSoftware, type KernelFamily } from '../gpu/gpu.ts';
import { installPolitePolling } from './polling.ts';
import { captureNativeStderr } from './quiet.ts';
import { unpackSwiftShader } from './swiftshader.ts';

/**
 * Which adapter to use: `auto` takes the best there is (hardware, then the system's software driver, then
 * SwiftShader), `system` only what the installed drivers offer, `swiftshader` always SwiftShader.
 */
export type AdapterChoice = 'auto' | 'system' | 'swiftshader';

/** An adapter together with the instance that it came from. */
export interface AcquiredAdapter {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  /** `software` is a driver of the system that computes on the CPU, such as Mesa's lavapipe. */
  readonly kind: 'hardware' | 'software' | 'swiftshader';
  /** As the driver calls itself, for people to read. */
  readonly name: string;
  /** What Dawn said about the drivers while it looked at them, for `doctor`; often empty. */
  readonly notes: string;
}

/** What the process holds on to: every instance ever made, and the one that gave an adapter. */
interface Pin {
  readonly instances: GPU[];
  current: { readonly gpu: GPU; readonly fromSwiftShader: boolean } | null;
}

interface Found {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter | null;
  readonly notes: string;
}

const CHOICES: readonly AdapterChoice[] = ['auto', 'system', 'swiftshader'];
const PIN = Symbol.for('softq.gpu');
/** glibc's RTLD_NODELETE: keeps the loader in the process when Node closes the handle of what is not an addon. */
const RTLD_NODELETE = 0x1000;
const REQUEST: GPURequestAdapterOptions = { powerPreference: 'high-performance' };
/** Dawn rounds GPU timestamps to 65.5 us against attacks from web pages, of which there are none here. */
const DAWN_OPTIONS = ['disable-dawn-features=timestamp_quantization'];

/**
 * Reads the value of `--adapter`, else the environment variable SOFTQ_ADAPTER, else `auto`.
 * @throws UsageError for any other word.
 */
export function parseAdapterChoice(text: string | undefined): AdapterChoice {
  const { SOFTQ_ADAPTER: fromEnvironment } = process.env;
  const word = text ?? (fromEnvironment === '' ? undefined : fromEnvironment) ?? 'auto';
  const choice = CHOICES.find((known) => known === word);
  if (choice === undefined) {
    const origin = text === undefined ? 'SOFTQ_ADAPTER' : '--adapter';
    throw new UsageError(`${origin} is '${word}', but must be one of ${CHOICES.join(', ')}.`);
  }
  return choice;
}

const FAMILIES: readonly KernelFamily[] = ['layered', 'lanes', 'fused'];

/**
 * Reads the value of `--kernels`, else the environment variable SOFTQ_KERNELS: how networks are computed. Undefined for
 * `auto`, the default: what suits the adapter.
 * @throws UsageError for any other word.
 */
export function parseKernelFamily(text: string | undefined): KernelFamily | undefined {
  const { SOFTQ_KERNELS: fromEnvironment } = process.env;
  const word = text ?? (fromEnvironment === '' ? undefined : fromEnvironment) ?? 'auto';
  const family = FAMILIES.find((known) => known === word);
  if (family === undefined && word !== 'auto') {
    const origin = text === undefined ? 'SOFTQ_KERNELS' : '--kernels';
    throw new UsageError(`${origin} is '${word}', but must be one of auto, ${FAMILIES.join(', ')}.`);
  }
  return family;
}

/**
 * Finds an adapter in Node. Defines the WebGPU globals (`GPUBufferUsage` and the like) and polite polling on the way.
 * The instance stays referenced for the life of the process, which Dawn needs. Each call returns a fresh adapter, as
 * WebGPU lets each make only one device; but the driver is decided once per process, since the Vulkan loader cannot
 * be exchanged later.
 * @throws UsageError where there is no such adapter, or the process already uses a driver that `choice` excludes.
 */
export async function acquireAdapter(choice: AdapterChoice): Promise<AcquiredAdapter> {
  installPolitePolling();
  const { current } = pin();
  if (current !== null) {
    if (choice !== 'auto' && (choice === 'swiftshader') !== current.fromSwiftShader) {
      throw new UsageError(
        `This process already uses ${current.fromSwiftShader ? 'SwiftShader' : "the system's driver"}; ` +
          `start another process for --adapter ${choice}.`,
      );
    }
    const adapter = await current.gpu.requestAdapter(REQUEST);
    if (adapter === null) throw new UsageError('The graphics driver went away; start the program again.');
    return describe(current.gpu, adapter, '');
  }
  if (choice === 'swiftshader') return acquireSwiftShader('');
  const found = hasVulkanLoader() ? await find(false) : null;
  if (found?.adapter) return describe(found.gpu, found.adapter, found.notes);
  const why =
    found === null
      ? 'no Vulkan loader, libvulkan.so.1, is installed'
      : reason(found.notes, 'Dawn found no adapter');
  if (choice === 'system') {
    throw new UsageError(
      `No graphics driver of this system can be used (${why}); install one, for example a current Mesa, ` +
        'or use --adapter swiftshader.',
    );
  }
  return acquireSwiftShader(found?.notes ?? '').catch((error: unknown) => {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`No graphics driver of this system can be used (${why}). ${error.message}`);
  });
}

async function acquireSwiftShader(earlierNotes: string): Promise<AcquiredAdapter> {
  if (!isMainThread) {
    throw new UsageError('SwiftShader can be loaded on the main thread only; use a child process instead.');
  }
  const { loader, manifest } = await unpackSwiftShader();
  // The loader reads the environment of the C library when an instance is made; on the main thread Node's process.env
  // writes through to it.
  Object.assign(process.env, { VK_ICD_FILENAMES: manifest, VK_DRIVER_FILES: manifest });
  delete process.env['VK_ADD_DRIVER_FILES'];
  // Dawn asks for libvulkan.so.1 by name and gets the one that is loaded already. A loader of the system would do as
  // well, but this one was tested with this driver.
  tryDlopen(loader);
  const { gpu, adapter, notes } = await find(true);
  if (adapter === null || !isSwiftShader(adapter)) {
    throw new UsageError(
      `SwiftShader did not start (${reason(notes, 'it gave no adapter')}); ` +
        'delete node_modules/.cache/softq and try again.',
    );
  }
  return describe(gpu, adapter, [earlierNotes, notes].filter(Boolean).join('\n'));
}

/** Makes and pins an instance, and asks it for its best adapter. */
async function find(fromSwiftShader: boolean): Promise<Found> {
  const { create, globals } = await import('webgpu').catch((error: unknown) => {
    throw new UsageError(
      `WebGPU for Node cannot be loaded on ${process.platform}-${process.arch} ` +
        `(${reason(String(error), 'unknown reason')}); it needs Linux with glibc 2.34, macOS or Windows.`,
    );
  });
  Object.assign(globalThis, globals);
  const gpu = create(DAWN_OPTIONS);
  // Before it is known to be of use: Dawn brings the process down when any instance is garbage-collected.
  pin().instances.push(gpu);
  // Dawn looks at the drivers inside this call, before it returns the promise.
  const { value, text } = captureNativeStderr(() => gpu.requestAdapter(REQUEST));
  const adapter = await value;
  if (adapter !== null) pin().current = { gpu, fromSwiftShader };
  return { gpu, adapter, notes: text };
}

/** The pin lies on the global object so that two copies of this module in one process share it. */
function pin(): Pin {
  const holder = globalThis as { [PIN]?: Pin };
  return (holder[PIN] ??= { instances: [], current: null });
}

/** On Linux, whether the system has a Vulkan loader; Dawn would complain on stderr, so ask first. */
function hasVulkanLoader(): boolean {
  return process.platform !== 'linux' || tryDlopen('libvulkan.so.1');
}

/** Loads a shared library for good; false where it is missing. */
function tryDlopen(library: string): boolean {
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
    return true;
  } catch (error) {
    // It was loaded, but is not an addon of Node's: what we want.
    return error instanceof Error && error.message.includes('self-register');
  }
}

function describe(gpu: GPU, adapter: GPUAdapter, notes: string): AcquiredAdapter {
  const { description, device, vendor } = adapter.info;
  const name = description || device || vendor || 'unnamed adapter';
  const onCpu = isSoftware(adapter.info);
  const kind = isSwiftShader(adapter) ? 'swiftshader' : onCpu ? 'software' : 'hardware';
  return { gpu, adapter, kind, name, notes };
}

function isSwiftShader(adapter: GPUAdapter): boolean {
  return /swiftshader/i.test(`${adapter.info.architecture} ${adapter.info.description}`);
}

/** The first line of what Dawn said that tells why there is no adapter. */
function reason(notes: string, otherwise: string): string {
  const lines = notes.split('\n').map((line) => line.replace(/^(Warning|Error): /, '').trim());
  return lines.find((line) => line !== '' && !/artificially reduced|^loader_|^at /.test(line)) ?? otherwise;
}
