import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Dispatch, type Program } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import { dimensionsOf, type Energy, type HostEnergy, type Rows } from './energy.ts';
import { Svgd, type BandwidthRule, type SteinKind } from './svgd.ts';

/** Steps between two waits: a browser takes the device away from a submit that runs for seconds. */
const STEPS_PER_SUBMIT = 32;

/** Choices of a Stein direction that hold for any energy. */
export interface SteinOptions {
  /** `unbounded` for x in R^D; `tanh-kernel` or `raw` for a = tanh u in [-1, 1]^D. */
  readonly kind: SteinKind;
  /** Default `plus-one`, Liu and Wang's. */
  readonly bandwidth?: BandwidthRule;
  /** Default 1e-3, in squared units of x; set it lower where modes are narrower than 0.03. */
  readonly bandwidthFloor?: number;
  /** Default true; false makes particles climb to the modes. */
  readonly repulsion?: boolean;
}

/** The particles that flow; letters as in `SvgdInputs`. */
export interface SteinFlowOptions extends SteinOptions {
  /** M */
  readonly fixedParticles: number;
  /** K */
  readonly updatedParticles: number;
  readonly shared: boolean;
  /** x, or u before the squash, of all particles: (1, particles, states, padded(D)), the fixed ones first. */
  readonly particles: Tensor;
  /** Gets scale * phi of the updated particles, of the same shape. */
  readonly direction: Tensor;
  readonly scale: number;
  /** c of each state, (states, C); `[[]]` for a single state without one. */
  readonly conditions: Rows;
}

/**
 * The Stein direction of particles along an energy of the user's, step after step: place the particles, take the energy's
 * gradient there, and find the direction. What draws the particles before and moves them after is the caller's.
 */
export class SteinFlow {
  readonly svgd: Svgd;
  /** D */
  readonly dimensions: number;
  /** x, or a = tanh u in the box, (1, particles, states, padded(D)): of the particles as the last step found them. */
  readonly positions: Tensor;
  readonly #gpu: Gpu;
  readonly #energy: Energy;
  readonly #conditions: Rows;
  readonly #fixedRows: number;
  readonly #gradient: Tensor;
  readonly #placement: Program;
  readonly #direction: Program;

  /** @throws UsageError if the energy does not say its dimensions, or conditions differ in length. */
  constructor(gpu: Gpu, energy: Energy, options: SteinFlowOptions) {
    const { kind, bandwidth = 'plus-one', bandwidthFloor = 1e-3, repulsion = true } = options;
    const { fixedParticles, updatedParticles, shared, particles, direction, scale, conditions } = options;
    const states = conditions.length;
    this.#gpu = gpu;
    this.#energy = energy;
    this.#conditions = conditions;
    this.#fixedRows = fixedParticles * states;
    this.dimensions = dimensionsOf(energy);
    this.positions = kind === 'unbounded' ? particles : gpu.tensor('stein.positions', particles.shape);
    this.#placement = placement(gpu, particles, this.positions);
    const stride = padded(this.dimensions);
    this.#gradient = gpu.tensor('stein.gradient', [1, fixedParticles, states, stride]);
    const sizes = { members: 1, states, fixedParticles, updatedParticles, shared };
    const rules = { kind, bandwidth, bandwidthFloor, repulsion };
    this.svgd = new Svgd(gpu, { ...sizes, ...rules, actionSize: this.dimensions });
    this.#direction = program('stein', [
      ...this.#gradientOnGpu(),
      this.svgd.direction({
        preTanh: particles,
        actions: this.positions,
        stride,
        actionGradient: this.#gradient,
        gradientStride: stride,
        gradientFirst: 0,
        temperature: gpu.tensorOf('stein.temperature', Float32Array.of(1)),
        rewardScale: 1,
        direction,
        scale,
      }),
    ]);
  }

  /**
   * `steps` times: `draw`, the direction of what it drew, `move`.
   * @throws UsageError if an energy on the host returns rows of the wrong shape or numbers that are not finite.
   */
  async run(
    steps: number,
    draw: readonly (Dispatch | Program)[],
    move: readonly (Dispatch | Program)[],
  ): Promise<void> {
    const before = program('place', [...draw, this.#placement]);
    const after = program('move', [this.#direction, ...move]);
    await this.#gpu.ready();
    if ('wgsl' in this.#energy) {
      const step = program('step', [before, after]);
      for (let done = 0; done < steps; done += STEPS_PER_SUBMIT) {
        this.#gpu.submit(new Array<Program>(Math.min(STEPS_PER_SUBMIT, steps - done)).fill(step));
        await this.#gpu.idle();
      }
      return;
    }
    for (let done = 0; done < steps; done++) {
      this.#gpu.submit([before]);
      this.#gpu.write(this.#gradient, await this.#gradientOnHost(this.#energy));
      this.#gpu.submit([after]);
    }
  }

  /**
   * Where all particles are now, (particles * states, D), particle-major: x, or a in the box.
   * @throws UsageError if one is no longer a finite number.
   */
  async read(): Promise<number[][]> {
    await this.#gpu.run(this.#placement);
    return readRows(this.#gpu, this.positions, this.dimensions);
  }

  #gradientOnGpu(): Dispatch[] {
    if (!('wgsl' in this.#energy)) return [];
    const states = this.#conditions.length;
    const conditionSize = this.#conditions[0]?.length ?? 0;
    if (this.#conditions.some((row) => row.length !== conditionSize))
      throw new UsageError(`Every condition has ${conditionSize} numbers, as the first one has.`);
    const slots = { energy: { name: 'energy', text: this.#energy.wgsl } };
    return [
      this.#gpu.kernel('svgd/log_density_gradient.wgsl', { slots }).bind(
        {
          conditions: this.#gpu.tensorOf('stein.conditions', Float32Array.from(this.#conditions.flat()), [
            states,
            conditionSize,
          ]),
          positions: this.positions,
          gradient: this.#gradient,
        },
        {
          threads: [this.#fixedRows],
          params: {
            states,
            fixed_particles: this.#fixedRows / states,
            stride: padded(this.dimensions),
            condition_size: conditionSize,
          },
        },
      ),
    ];
  }

  async #gradientOnHost(energy: HostEnergy): Promise<Float32Array> {
    const { dimensions } = this;
    const rows = (await readRows(this.#gpu, this.positions, dimensions)).slice(0, this.#fixedRows);
    const states = this.#conditions.length;
    const slopes = await energy.gradient(
      rows,
      rows.map((_, row) => this.#conditions[row % states]!),
    );
    if (slopes.length !== rows.length || slopes.some((slope) => slope.length !== dimensions)) {
      throw new UsageError(
        `The energy's gradient at ${rows.length} positions should be as many rows of ${dimensions} numbers.`,
      );
    }
    const wrong = slopes.findIndex((slope) => !slope.every(Number.isFinite));
    if (wrong >= 0)
      throw new UsageError(`The energy's gradient at (${rows[wrong]!.join(', ')}) is not finite.`);
    const stride = padded(dimensions);
    const flat = new Float32Array(rows.length * stride);
    slopes.forEach((slope, row) => flat.set(slope, row * stride));
    return flat;
  }
}

/** positions = tanh particles, or nothing to do where the particles are their own positions. */
export function placement(gpu: Gpu, particles: Tensor, positions: Tensor): Program {
  if (positions === particles) return program('placement', []);
  const { size } = particles;
  const squash = gpu
    .kernel('svgd/squash.wgsl')
    .bind({ pre_tanh: particles, positions }, { threads: [size], params: { size } });
  return program('placement', [squash]);
}

/**
 * The first `width` numbers of each padded row of particles, (rows, width), after all submitted work.
 * @throws UsageError if one is not finite: the energy or the step is too steep.
 */
export async function readRows(gpu: Gpu, particles: Tensor, width: number): Promise<number[][]> {
  const flat = await gpu.read(particles);
  if (!flat.every(Number.isFinite)) {
    throw new UsageError(
      'A particle is no longer a finite number: take smaller steps, or mend the gradient of the energy where it is not.',
    );
  }
  const stride = padded(width);
  return Array.from({ length: flat.length / stride }, (_, row) => [
    ...flat.subarray(row * stride, row * stride + width),
  ]);
}
