import type { Clock } from '../gpu/clock.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Dispatch } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';

/** Where alpha begins and goes, in units of the reward before scaling. */
export interface TemperatureOptions {
  /** alpha of section 2 of the paper, at the start. */
  readonly temperature: number;
  /** Where alpha goes, geometrically, over `temperatureUpdates` updates. */
  readonly finalTemperature: number;
  readonly temperatureUpdates: number;
}

/** The temperature alpha of every member, constant or on a schedule. It is state: a checkpoint keeps it. */
export class Temperature {
  /** (R), in units of the reward before scaling. */
  readonly tensor: Tensor;
  /** Moves alpha to where it belongs in the update about to run; nothing if it stays where it is. */
  readonly schedule: readonly Dispatch[];

  constructor(gpu: Gpu, members: number, clock: Clock, options: TemperatureOptions) {
    const { temperature, finalTemperature, temperatureUpdates } = options;
    const initial = new Float32Array(members).fill(temperature);
    this.tensor = gpu.tensorOf('temperature', initial);
    if (temperature === finalTemperature) {
      this.schedule = [];
      return;
    }
    const start = gpu.tensorOf('temperature.start', initial);
    const params = {
      members,
      octaves: Math.log2(finalTemperature / temperature),
      duration: temperatureUpdates,
    };
    this.schedule = [
      gpu
        .kernel('rl/anneal_temperature.wgsl')
        .bind({ clock: clock.tensor, start, temperature: this.tensor }, { threads: [members], params }),
    ];
  }
}
