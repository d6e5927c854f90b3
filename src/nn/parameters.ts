import type { Gpu } from '../gpu/gpu.ts';
import { padded, UNIFORM_ALIGNMENT, type Tensor } from '../gpu/tensor.ts';
import { xavierUniform } from './initialisation.ts';

/** A layer begins where a uniform binding may. */
function aligned(floats: number): number {
  return Math.ceil(floats / UNIFORM_ALIGNMENT) * UNIFORM_ALIGNMENT;
}

/** Where one layer's weights and biases lie in a member's flat parameters, in floats; feature axes are padded to 4. */
export interface LayerLayout {
  readonly inputSize: number;
  readonly outputSize: number;
  /** First element of W, stored (padded input, padded output) row-major. */
  readonly weights: number;
  /** First element of b, stored (padded output). */
  readonly bias: number;
}

/** One weight or bias in its logical shape, as a checkpoint stores it; all members behind one another. */
export interface NamedArray {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/**
 * All weights and biases of one network for R members in a single tensor (R, size). Padding is zero and stays zero:
 * padded inputs, weights and gradients are all zero, and Adam leaves such a weight where it is.
 */
export class Parameters {
  readonly name: string;
  readonly members: number;
  readonly layers: readonly LayerLayout[];
  /** Floats per member, padding included. */
  readonly size: number;
  readonly tensor: Tensor;
  readonly #gpu: Gpu;

  constructor(gpu: Gpu, name: string, sizes: readonly number[], members: number) {
    this.#gpu = gpu;
    this.name = name;
    this.members = members;
    let end = 0;
    this.layers = sizes.slice(1).map((outputSize, i) => {
      const inputSize = sizes[i]!;
      const weights = aligned(end);
      const bias = weights + padded(inputSize) * padded(outputSize);
      end = bias + padded(outputSize);
      return { inputSize, outputSize, weights, bias };
    });
    this.size = aligned(end);
    this.tensor = gpu.tensor(name, [members, this.size], { uniform: true });
  }

  /** A tensor of the same layout, for moments and targets. */
  sibling(name: string): Tensor {
    return this.#gpu.tensor(name, [this.members, this.size]);
  }

  /**
   * Xavier-uniform weights and zero biases (the released code's), drawn from each member's seed; `network` tells networks
   * of one seed apart, one number for all members or one for each.
   */
  initialise(seeds: readonly number[], network: number | readonly number[]): void {
    const flat = new Float32Array(this.members * this.size);
    seeds.forEach((seed, member) => {
      const of = typeof network === 'number' ? network : network[member]!;
      this.layers.forEach((layer, index) => {
        const weights = xavierUniform(layer.inputSize, layer.outputSize, seed, of * 16 + index);
        this.#scatter(flat, member * this.size + layer.weights, weights, layer.inputSize, layer.outputSize);
      });
    });
    this.#gpu.write(this.tensor, flat);
  }

  /** Flat parameters of all members without padding, W then b layer by layer, as arrays by name. */
  unpack(flat: Float32Array, prefix = this.name): NamedArray[] {
    return this.layers.flatMap(({ inputSize, outputSize, weights, bias }, index) => {
      const w = new Float32Array(this.members * inputSize * outputSize);
      const b = new Float32Array(this.members * outputSize);
      for (let member = 0; member < this.members; member++) {
        const base = member * this.size;
        for (let i = 0; i < inputSize; i++) {
          const row = base + weights + i * padded(outputSize);
          w.set(flat.subarray(row, row + outputSize), (member * inputSize + i) * outputSize);
        }
        b.set(flat.subarray(base + bias, base + bias + outputSize), member * outputSize);
      }
      const lead = this.members > 1 ? [this.members] : [];
      return [
        { name: `${prefix}.${index}.weight`, shape: [...lead, inputSize, outputSize], data: w },
        { name: `${prefix}.${index}.bias`, shape: [...lead, outputSize], data: b },
      ];
    });
  }

  /**
   * The reverse of `unpack`: padded flat parameters from arrays by name.
   * @throws Error if an array is missing or has another length.
   */
  pack(arrays: ReadonlyMap<string, Float32Array>, prefix = this.name): Float32Array<ArrayBuffer> {
    const flat = new Float32Array(this.members * this.size);
    const take = (name: string, length: number) => {
      const data = arrays.get(name);
      if (data?.length !== length) {
        throw new Error(`'${name}' should have ${length} numbers but has ${data?.length ?? 'none'}`);
      }
      return data;
    };
    this.layers.forEach(({ inputSize, outputSize, weights, bias }, index) => {
      const w = take(`${prefix}.${index}.weight`, this.members * inputSize * outputSize);
      const b = take(`${prefix}.${index}.bias`, this.members * outputSize);
      for (let member = 0; member < this.members; member++) {
        const part = w.subarray(member * inputSize * outputSize, (member + 1) * inputSize * outputSize);
        this.#scatter(flat, member * this.size + weights, part, inputSize, outputSize);
        flat.set(b.subarray(member * outputSize, (member + 1) * outputSize), member * this.size + bias);
      }
    });
    return flat;
  }

  #scatter(
    flat: Float32Array,
    at: number,
    weights: Float32Array,
    inputSize: number,
    outputSize: number,
  ): void {
    for (let i = 0; i < inputSize; i++) {
      flat.set(weights.subarray(i * outputSize, (i + 1) * outputSize), at + i * padded(outputSize));
    }
  }
}
