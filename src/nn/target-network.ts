import type { Gpu } from '../gpu/gpu.ts';
import { Mlp } from './mlp.ts';
import { Parameters } from './parameters.ts';

/** How a target network follows: `tau` of the way at every `interval`-th update. A hard copy has tau 1. */
export interface TargetUpdate {
  readonly tau: number;
  readonly interval: number;
}

/** A delayed copy of a network (the theta-bar of Algorithm 1). The optimiser of the network moves it along. */
export class TargetNetwork {
  readonly mlp: Mlp;
  readonly follows: TargetUpdate;
  readonly #gpu: Gpu;
  readonly #online: Mlp;

  constructor(gpu: Gpu, online: Mlp, follows: TargetUpdate) {
    this.#gpu = gpu;
    this.#online = online;
    this.follows = follows;
    const { name, layers, members } = online.parameters;
    const sizes = [layers[0]!.inputSize, ...layers.map((layer) => layer.outputSize)];
    const parameters = new Parameters(gpu, `${name}-target`, sizes, members);
    this.mlp = new Mlp(gpu, parameters.name, online.spec, members, parameters);
  }

  /** Makes the target equal to the network it follows, outside the loop. */
  async copy(): Promise<void> {
    this.#gpu.write(this.mlp.parameters.tensor, await this.#gpu.read(this.#online.parameters.tensor));
  }
}
