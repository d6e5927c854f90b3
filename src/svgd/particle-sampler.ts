import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Dispatch } from '../gpu/program.ts';
import { padded } from '../gpu/tensor.ts';
import { dimensionsOf, type Energy, type Rows } from './energy.ts';
import { SteinFlow, type SteinOptions } from './stein-flow.ts';

/** How particles are moved, and from where. */
export interface ParticleSamplerOptions extends SteinOptions {
  /** Where the N particles begin, (N, D): anywhere for `unbounded`, strictly inside the box otherwise. */
  readonly start: Rows;
  /** Length of the first step in each component, in units of x, or of u in the box; later steps are AdaGrad's. */
  readonly stepSize: number;
  /** What the energy's `condition(i)` reads; none by default. */
  readonly condition?: readonly number[];
}

/**
 * Stein variational gradient descent of Liu and Wang (2016): N particles, each in both roles, flow until they stand for a
 * density that is known by its gradient. Deterministic: the particles after n steps follow from where they began.
 */
export class ParticleSampler {
  /** Its `svgd.bandwidth` holds h of the last step. */
  readonly flow: SteinFlow;
  readonly #move: Dispatch;

  /** @throws UsageError if `start` has no particle, one of another dimension, or one outside the box. */
  constructor(gpu: Gpu, energy: Energy, options: ParticleSamplerOptions) {
    const { start, stepSize, condition = [], ...rules } = options;
    const dimensions = dimensionsOf(energy);
    const inBox = rules.kind !== 'unbounded';
    if (start.length === 0 || start.some((row) => row.length !== dimensions))
      throw new UsageError(
        `Particles begin at one or more rows of ${dimensions} numbers, as the energy has.`,
      );
    if (!start.flat().every((x) => (inBox ? Math.abs(x) < 1 : Number.isFinite(x)))) {
      throw new UsageError(
        inBox
          ? `In the box, particles begin strictly between -1 and 1; kind 'unbounded' takes them anywhere.`
          : 'Particles begin at finite numbers.',
      );
    }
    const stride = padded(dimensions);
    const flat = new Float32Array(start.length * stride);
    start.forEach((row, i) => flat.set(inBox ? row.map(Math.atanh) : row, i * stride));
    const shape = [1, start.length, 1, stride];
    const direction = gpu.tensor('sampler.direction', shape);
    const particles = gpu.tensorOf('sampler.particles', flat, shape);
    this.flow = new SteinFlow(gpu, energy, {
      ...rules,
      fixedParticles: start.length,
      updatedParticles: start.length,
      shared: true,
      particles,
      direction,
      scale: 1,
      conditions: [condition],
    });
    this.#move = gpu.kernel('svgd/move_particles.wgsl').bind(
      {
        direction,
        particles,
        squares: gpu.tensor('sampler.squares', shape),
      },
      { threads: [flat.length], params: { size: flat.length, step_size: stepSize } },
    );
  }

  /**
   * Moves the particles `steps` times; may be called again to go on.
   * @throws UsageError if an energy on the host returns rows of the wrong shape or numbers that are not finite.
   */
  async run(steps: number): Promise<void> {
    await this.flow.run(steps, [], [this.#move]);
  }

  /**
   * Where the particles are, (N, D): x, or a in the box.
   * @throws UsageError if one is no longer a finite number.
   */
  async read(): Promise<number[][]> {
    return this.flow.read();
  }
}
