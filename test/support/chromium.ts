import { join } from 'node:path';
import type { Bundle } from '../../src/node/archive.ts';
import { bundleFolder, chromiumPackageBin, unpackBundle } from '../../src/node/archive.ts';
import { SWIFTSHADER_ARCHIVE } from '../../src/node/swiftshader.ts';

/** A Chromium that can be started, and the environment that it needs in addition to the caller's. */
export interface ChromiumFiles {
  readonly executablePath: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Names only the unpacked font, so that screenshots look alike on every machine. */
const FONTS_CONF = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
`;

/** Everything that a Debian without any further package lacks: the browser, its libraries, a font, a Vulkan driver. */
const BUNDLE: Bundle = {
  archives: [
    { file: 'chromium.br', sha256: '64d813a054f76fc32b8010e305d87e6d7a45aa76ee02d36e66c03c8ca6667e8d' },
    { file: 'al2023.tar.br', sha256: '2e22542d8c66b83194172f4bbbef0a79b80bbeb99d69abf3962d85c1351f478d' },
    { file: 'fonts.tar.br', sha256: '78620f052a57d98716b8da709e9de5c14a5ae606e60810009f5051ab46e2a588' },
    SWIFTSHADER_ARCHIVE,
  ],
  texts: { 'fonts.conf': FONTS_CONF },
};

/**
 * Compute and drawing to a WebGPU canvas both work with these. With fewer, the first canvas frame ends the GPU
 * process. The last two let a page have WebGPU again after the GPU process crashed more than once.
 */
export const CHROMIUM_FLAGS: readonly string[] = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--use-angle=swiftshader',
  '--use-webgpu-adapter=swiftshader',
  '--disable-gpu-process-crash-limit',
  '--disable-domain-blocking-for-3d-apis',
];

/** Where `unpackChromium` puts the browser, or null where there is none for this platform: Playwright's is used then. */
export function chromiumFiles(): (ChromiumFiles & { readonly folder: string; readonly bin: string }) | null {
  const bin = chromiumPackageBin();
  if (bin === null || process.platform !== 'linux' || process.arch !== 'x64') return null;
  const folder = bundleFolder(bin, 'chromium-147.0.0', BUNDLE);
  return {
    bin,
    folder,
    executablePath: join(folder, 'chromium'),
    env: { LD_LIBRARY_PATH: join(folder, 'lib'), FONTCONFIG_PATH: folder },
  };
}

/**
 * Unpacks Chromium into a cache, once (about 3 s and 230 MB), and says how to start it.
 * @throws Error where the package is not installed or is for another platform; UsageError where it is altered.
 */
export async function unpackChromium(): Promise<ChromiumFiles> {
  const files = chromiumFiles();
  if (files === null) throw new Error('@sparticuz/chromium is not installed, or not for this platform');
  await unpackBundle(files.bin, BUNDLE, files.folder);
  return { executablePath: files.executablePath, env: files.env };
}

/** Vitest's globalSetup of the browser project. */
export async function setup(): Promise<void> {
  if (chromiumFiles() !== null) await unpackChromium();
}
