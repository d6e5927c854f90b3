import type { Gpu } from './gpu.ts';
import type { Tensor } from './tensor.ts';

/** A quantity that stopped being a finite number, and the update in which it first did. */
export interface Fault {
  readonly name: string;
  readonly update: number;
}

const NONE = 0xffffffff;

/**
 * Where kernels report numbers that are NaN or infinite: one word per watched quantity, the first update in which it
 * happened. Reading it is part of reading the metrics, so a run that diverges stops at the next read-out.
 */
export class Faults {
  readonly tensor: Tensor;
  readonly #names: readonly string[];

  constructor(gpu: Gpu, names: readonly string[]) {
    this.#names = names;
    this.tensor = gpu.tensorOf('faults', new Uint32Array(names.length).fill(NONE));
  }

  /**
   * The word of `name`.
   * @throws Error if it is not watched.
   */
  indexOf(name: string): number {
    const index = this.#names.indexOf(name);
    if (index < 0)
      throw new Error(`'${name}' is not among the watched quantities ${this.#names.join(', ')}.`);
    return index;
  }

  /** The earliest fault in a read-out of the tensor, if there is one. */
  first(words: ArrayLike<number>): Fault | undefined {
    const found = this.#names
      .map((name, i) => ({ name, update: words[i]! }))
      .filter(({ update }) => update !== NONE)
      .sort((a, b) => a.update - b.update);
    return found[0];
  }
}
