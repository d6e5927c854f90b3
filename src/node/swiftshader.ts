import { join } from 'node:path';
import { UsageError } from '../gpu/errors.ts';
import type { PinnedArchive } from './archive.ts';
import { bundleFolder, chromiumPackageBin, unpackBundle } from './archive.ts';

/** SwiftShader, a Vulkan driver in software, with its loader, as packed in `@sparticuz/chromium` 147.0.0. */
export const SWIFTSHADER_ARCHIVE: PinnedArchive = {
  file: 'swiftshader.tar.br',
  sha256: 'f957ea867313f9815b71dc2ed30cce301e01db4f3973fbdb31ffa5391b0ec45a',
};

/** Where SwiftShader lies after unpacking; all paths are absolute. */
export interface SwiftShaderFiles {
  /** The Vulkan loader, `libvulkan.so.1`. */
  readonly loader: string;
  /** The manifest that makes the loader choose SwiftShader, for `VK_DRIVER_FILES`. */
  readonly manifest: string;
}

/**
 * Unpacks SwiftShader into a cache, once, and says where it is.
 * @throws UsageError where it cannot be had: another platform than Linux on x64, the package missing or altered, or
 * no folder to write to.
 */
export async function unpackSwiftShader(): Promise<SwiftShaderFiles> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new UsageError(
      `SwiftShader comes for Linux on x64 only, not for ${process.platform} on ${process.arch}; ` +
        'use --adapter system with a WebGPU-capable graphics driver.',
    );
  }
  const bin = chromiumPackageBin();
  if (bin === null) {
    throw new UsageError(
      'The software adapter SwiftShader is not installed; add it with `npm install @sparticuz/chromium@147.0.0`.',
    );
  }
  const bundle = { archives: [SWIFTSHADER_ARCHIVE] };
  const folder = bundleFolder(bin, 'swiftshader-147.0.0', bundle);
  await unpackBundle(bin, bundle, folder);
  return { loader: join(folder, 'libvulkan.so.1'), manifest: join(folder, 'vk_swiftshader_icd.json') };
}
