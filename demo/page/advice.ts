import type { Report } from '../protocol.ts';

/** Why nothing can be trained here. */
export type Obstacle = 'insecure' | Extract<Report, { type: 'failed' }>['code'];

/** What is the matter and what to do about it. */
export interface Advice {
  readonly title: string;
  readonly text: string;
}

const RECORDED = 'Below plays a recorded run.';

/**
 * What keeps this page from training, before anything is tried; null if nothing does. A browser hides WebGPU from pages
 * that are not served securely, so that is asked first.
 */
export function obstacle(): 'insecure' | 'no-webgpu' | null {
  if (!isSecureContext) return 'insecure';
  return 'gpu' in navigator ? null : 'no-webgpu';
}

/** Words for an obstacle; `message` is what the session says about it, `canDownload` whether it left a run to keep. */
export function adviceOn(code: Obstacle, message: string, canDownload = false): Advice {
  switch (code) {
    case 'insecure':
      return {
        title: 'This address is not secure.',
        text: `Browsers offer WebGPU over https and on localhost only: open the page there. ${RECORDED}`,
      };
    case 'no-webgpu':
      return {
        title: 'This browser has no WebGPU.',
        text: `Use Chrome or Edge 113, Safari 26 or Firefox 141, or a newer one of them. ${RECORDED}`,
      };
    case 'no-adapter':
      return {
        title: 'WebGPU is here, but it found no graphics adapter.',
        text: `Update the graphics driver; on Linux, start Chrome with --enable-unsafe-webgpu --enable-features=Vulkan. ${RECORDED}`,
      };
    case 'no-device':
      return {
        title: 'The graphics adapter gave no device.',
        text: `Close other pages that use it, then reload. ${message} ${RECORDED}`,
      };
    case 'diverged':
      return { title: 'Training diverged.', text: message };
    case 'lost':
      return {
        title: 'The graphics device was lost again.',
        text: canDownload ? `${message} Download the run to go on with it later.` : message,
      };
    case 'error':
      return { title: 'Training stopped.', text: message };
  }
}
