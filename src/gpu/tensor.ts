/** Element type of a tensor: 32-bit float or unsigned integer. */
export type ElementType = 'f32' | 'u32';

/** A typed array holding a tensor's elements on the host. */
export type TensorData = Float32Array | Uint32Array;

/**
 * A named, shaped range of one GPU buffer. It has no arithmetic: kernels do that.
 * Shapes are row-major; `offset` and `size` count elements of four bytes.
 */
export interface Tensor {
  readonly label: string;
  readonly buffer: GPUBuffer;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
}

/** Number of elements of a shape; 1 for the empty shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * `tensor` cut down to `shape` elements from its own element `offset` on; shares the buffer.
 * @throws RangeError if the view leaves the tensor.
 */
export function view(tensor: Tensor, label: string, offset: number, shape: readonly number[]): Tensor {
  const size = elementCount(shape);
  if (offset < 0 || offset + size > tensor.size) {
    throw new RangeError(
      `View '${label}' of ${size} elements at ${offset} leaves tensor '${tensor.label}' of ${tensor.size} elements.`,
    );
  }
  return { ...tensor, label, shape, offset: tensor.offset + offset, size };
}

/** Numbers of which a uniform binding begins at a multiple, by the portable limits. */
export const UNIFORM_ALIGNMENT = 64;

/** `length` rounded up to a multiple of four: feature axes are padded with zeros so that kernels read vec4f. */
export function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}
