import { Gpu, isSoftware } from '../../src/index.ts';
import { Failure } from './errors.ts';
import { Pipelines } from './pipelines.ts';

/** An open device with the shaders of its pictures. */
export interface Device {
  readonly gpu: Gpu;
  readonly pipelines: Pipelines;
  /** What the adapter calls itself. */
  readonly adapter: string;
  /** Resolves when the device is lost; never when it is closed on purpose. */
  readonly lost: Promise<string>;
}

/**
 * Opens the browser's WebGPU.
 * @throws Failure saying whether WebGPU, an adapter, or a device is missing.
 */
export async function openDevice(): Promise<Device> {
  const instance = (navigator as Partial<Navigator>).gpu;
  if (!instance) {
    throw new Failure('no-webgpu', 'This browser has no WebGPU, or the page is not served securely.');
  }
  const adapter = await instance.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new Failure('no-adapter', 'WebGPU is here, but it gives no adapter: update the graphics driver.');
  }
  let gpu: Gpu;
  try {
    gpu = await Gpu.create(instance, adapter);
  } catch (error) {
    throw new Failure('no-device', `The adapter gives no device: ${(error as Error).message}`);
  }
  const lost = new Promise<string>((resolve) => {
    void gpu.device.lost.then(({ reason, message }) => {
      if (reason !== 'destroyed') resolve(message);
    });
  });
  const { description, vendor, architecture } = adapter.info;
  const name = description || [vendor, architecture].filter((part) => part !== '').join(' ');
  return {
    gpu,
    pipelines: new Pipelines(gpu, isSoftware(adapter.info)),
    adapter: name || 'an adapter without a name',
    lost,
  };
}

/** Whether the device has refused a command: everything on it fails from then on. */
export function hasFailed({ pipelines }: Device): boolean {
  try {
    pipelines.gpu.check();
    return false;
  } catch {
    return true;
  }
}
