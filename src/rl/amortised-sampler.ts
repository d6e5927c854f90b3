import { Clock } from '../gpu/clock.ts';
import { UsageError } from '../gpu/errors.ts';
import { Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Dispatch, type Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { Adam } from '../nn/adam.ts';
import type { Activation } from '../nn/mlp-spec.ts';
import { dimensionsOf, type Energy, type Rows } from '../svgd/energy.ts';
import { placement, readRows, SteinFlow, type SteinOptions } from '../svgd/stein-flow.ts';
import { SamplingNetwork } from './sampling-network.ts';

/** Sizes of the sampling network and of its updates; letters as in `SoftQLearningOptions`. */
export interface AmortisedSamplerOptions extends SteinOptions {
  /** Conditions c to sample under, (states, C), each with particles of its own; by default one state without any. */
  readonly conditions?: Rows;
  /** M, drawn anew in each update. */
  readonly fixedParticles: number;
  /** K, drawn anew in each update. */
  readonly updatedParticles: number;
  readonly latentSize: number;
  readonly hidden: readonly number[];
  readonly activation: Activation;
  /** Adam's. */
  readonly learningRate: number;
  /** An unsigned 32-bit integer; the same seed gives the same network on the same adapter. */
  readonly seed: number;
}

interface Samples {
  readonly positions: Tensor;
  readonly program: Program;
}

/**
 * A network that samples from a density in one forward pass, x = f(xi; c) or a = tanh f(xi; c), trained by amortised Stein
 * variational gradient descent (section 3.2 of Haarnoja et al. 2017; Wang and Liu 2016) on an energy of the user's.
 */
export class AmortisedSampler {
  readonly network: SamplingNetwork;
  readonly flow: SteinFlow;
  readonly #gpu: Gpu;
  readonly #boxed: boolean;
  readonly #clock: Clock;
  readonly #states: number;
  readonly #observation: { readonly observation: Tensor; readonly states: number };
  readonly #draw: Program;
  readonly #update: readonly (Program | Dispatch)[];
  readonly #samples = new Map<number, Samples>();

  /** @throws UsageError if the energy does not say its dimensions, or conditions differ in length. */
  constructor(gpu: Gpu, energy: Energy, options: AmortisedSamplerOptions) {
    const { conditions = [[]], fixedParticles, updatedParticles, learningRate, seed } = options;
    const { latentSize, hidden, activation, ...rules } = options;
    const states = conditions.length;
    const observationSize = conditions[0]?.length ?? 0;
    if (states === 0 || conditions.some((row) => row.length !== observationSize))
      throw new UsageError('Conditions are one or more rows of the same length.');
    const actionSize = dimensionsOf(energy);
    const widths = { observationSize, actionSize, latentSize, hidden, activation, members: 1 };
    const seeds = gpu.tensorOf('amortised.seeds', Uint32Array.of(seed));
    const observation = gpu.tensor('amortised.conditions', [1, states, observationSize]);
    gpu.write(observation, Float32Array.from(conditions.flat()));
    this.#gpu = gpu;
    this.#boxed = rules.kind !== 'unbounded';
    this.#clock = new Clock(gpu);
    this.#states = states;
    this.#observation = { observation, states };
    this.network = new SamplingNetwork(gpu, widths, this.#clock, seeds);
    this.network.mlp.parameters.initialise([seed], 0);

    const particles = fixedParticles + updatedParticles;
    const draw = this.network.draw('amortised', { ...this.#observation, particles, use: 'particles' });
    const direction = draw.pass.gradTensor('direction', actionSize);
    this.flow = new SteinFlow(gpu, energy, {
      ...rules,
      shared: false,
      particles: draw.preTanh,
      direction,
      scale: -1 / (states * updatedParticles), // Adam descends, the direction ascends
      conditions,
    });
    const rows = { firstRow: fixedParticles * states, rows: updatedParticles * states };
    const gradient = draw.pass.parameterGradient(rows.rows);
    const { parameters } = this.network.mlp;
    const faults = new Faults(gpu, [parameters.name]);
    const adam = { learningRate: [learningRate], counts: 'updates' } as const;
    this.#draw = draw.program;
    this.#update = [
      draw.pass.backward({ outputGrad: direction, parameterGrad: gradient, ...rows }),
      new Adam(gpu, parameters, gradient, this.#clock, faults, adam).step,
      this.#clock.tick({ updates: 1 }),
    ];
  }

  /**
   * Trains the network for `updates` updates; may be called again to go on.
   * @throws UsageError if an energy on the host returns rows of the wrong shape or numbers that are not finite.
   */
  async train(updates: number): Promise<void> {
    await this.flow.run(updates, [this.#draw], this.#update);
  }

  /**
   * `count` new samples under each condition, (states, count, D): x, or a in the box.
   * @throws UsageError if one is not finite, as after training with too large a learning rate.
   */
  async sample(count: number): Promise<number[][][]> {
    const samples = this.#samplesOf(count);
    await this.#gpu.run(samples.program);
    const rows = await readRows(this.#gpu, samples.positions, this.flow.dimensions);
    return Array.from({ length: this.#states }, (_, state) =>
      rows.filter((__, row) => row % this.#states === state),
    );
  }

  /** The program that draws `count` samples, made once: it has buffers of its own. */
  #samplesOf(count: number): Samples {
    const known = this.#samples.get(count);
    if (known) return known;
    const particles = { ...this.#observation, particles: count, use: 'evaluation' as const };
    const { preTanh, pass, program: draw } = this.network.draw('amortised.sample', particles);
    const positions = this.#boxed ? pass.gradTensor('positions', this.flow.dimensions) : preTanh;
    const place = placement(this.#gpu, preTanh, positions);
    const tick = this.#clock.tick({ iterations: 1 }); // the next draw has other noise
    const samples = { positions, program: program('sample', [draw, place, tick]) };
    this.#samples.set(count, samples);
    return samples;
  }
}
