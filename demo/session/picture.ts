import type { Pipelines } from './pipelines.ts';

/** Most pixels of a picture that the processor draws: a slow adapter has better things to do than sharpness. */
const MOST_SOFTWARE_PIXELS = 640 ** 2;

/** A canvas that pictures are drawn on, whichever device draws them. Sizes are in canvas pixels. */
export class Picture {
  readonly #canvas: OffscreenCanvas;
  #context: GPUCanvasContext | undefined;
  #mostPixels = Infinity;

  constructor(canvas: OffscreenCanvas) {
    this.#canvas = canvas;
  }

  get width(): number {
    return this.#canvas.width;
  }

  get height(): number {
    return this.#canvas.height;
  }

  /** Draws with this device from now on: after the start, and after a lost one. */
  use({ gpu, format, software }: Pipelines): void {
    this.#mostPixels = software ? MOST_SOFTWARE_PIXELS : Infinity;
    this.resize(this.width, this.height);
    this.#context ??= this.#canvas.getContext('webgpu')!;
    this.#context.configure({
      device: gpu.device,
      format,
      alphaMode: 'premultiplied',
      usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_DST,
    });
  }

  /** Asks for a size; on a slow adapter it gets the same shape with fewer pixels, which the page stretches. */
  resize(width: number, height: number): void {
    const scale = Math.min(1, Math.sqrt(this.#mostPixels / (width * height)));
    this.#canvas.width = Math.max(1, Math.round(scale * width));
    this.#canvas.height = Math.max(1, Math.round(scale * height));
  }

  /** What the next frame is drawn into; to be filled in the same task. */
  frame(): GPUTexture {
    return this.#context!.getCurrentTexture();
  }

  /** The frame drawn in this task, as a PNG. */
  png(): Promise<Blob> {
    return this.#canvas.convertToBlob({ type: 'image/png' });
  }
}
