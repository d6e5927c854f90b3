import {
  Clock,
  constantsOf,
  packStruct,
  program,
  structOf,
  type Dispatch,
  type Program,
  type Tensor,
  type Trainer,
} from '../../src/index.ts';
import type { EnergyMode, Point } from '../protocol.ts';
import actionField from '../shaders/action_field.wgsl?raw';
import actionRows from '../shaders/action_rows.wgsl?raw';
import actions from '../shaders/actions.wgsl?raw';
import field from '../shaders/field.wgsl?raw';
import heat from '../shaders/heat.wgsl?raw';
import panel from '../shaders/panel.wgsl?raw';
import planeRows from '../shaders/plane_rows.wgsl?raw';
import planeScale from '../shaders/plane_scale.wgsl?raw';
import planeValues from '../shaders/plane_values.wgsl?raw';
import { layOut } from './panels.ts';
import type { Picture } from './picture.ts';
import type { BindingKind, Layer, Pipelines } from './pipelines.ts';
import { drawLayer, drawLayers } from './world-view.ts';

const { SIDE, PLANE_SIDE, PLANE_ACTIONS, SCALE_SIZE } = constantsOf(field) as Record<string, number> & {
  readonly SIDE: number;
  readonly PLANE_SIDE: number;
  readonly PLANE_ACTIONS: number;
  readonly SCALE_SIZE: number;
};
const ENERGY = structOf(field, 'Energy')!;
/** Rows of the critic in one pass: the lattice of actions, or a slice of the plane's states with their actions. */
const ROWS = SIDE * SIDE;
const STATES = PLANE_SIDE * PLANE_SIDE;
/** Invocations of every kernel here that runs over a list. */
const WORKGROUP = 64;
/** Actions of the policy that are shown. */
const ACTIONS = 256;
const VERTICES = 6;

if (PLANE_ACTIONS ** 2 * SIDE !== ROWS) throw new Error('A slice of the plane does not fill the pass.');

/** What the energy view is asked to show. */
export interface EnergyScene {
  readonly mode: EnergyMode;
  readonly state: Point;
  /** Whether log pi* of that state has been given to `setExact`. */
  readonly exact: boolean;
}

/** Places of the lattice of actions, row by row from (-1, -1): where `setExact` wants log pi*. */
export const LATTICE: readonly Point[] = Array.from({ length: ROWS }, (_, i) => [
  ((i % SIDE) / (SIDE - 1)) * 2 - 1,
  (Math.floor(i / SIDE) / (SIDE - 1)) * 2 - 1,
]);

/** What is bound to one run's networks. */
interface Bound {
  readonly pipelines: Pipelines;
  readonly uniform: GPUBuffer;
  readonly rewardScale: number;
  readonly half: number;
  /** (2, SIDE^2) */
  readonly field: Tensor;
  /** (PLANE_SIDE^2) */
  readonly plane: Tensor;
  readonly scales: Readonly<Record<EnergyMode, Tensor>>;
  readonly exact: Tensor;
  /** (1, 1, 2): the state that is looked at. */
  readonly observation: Tensor;
  readonly programs: Readonly<Record<'actions' | 'slice' | 'scale', Program>>;
  readonly layers: Readonly<Record<EnergyMode | 'points', Layer>>;
}

/**
 * The learned energy: log pi = (Q - V) / alpha over the actions at one state with the policy's actions on it, or V / alpha
 * over the plane. Everything is computed on the device from the networks as they are; only the exact density comes from
 * the host.
 */
export class EnergyView {
  readonly picture: Picture;
  #bound: Bound | undefined;
  /** The first state of the plane's next slice, and whether one sweep over the plane is complete. */
  #nextState = 0;
  #planeKnown = false;

  constructor(picture: Picture) {
    this.picture = picture;
  }

  /** Shows another run. Makes tensors on its device. */
  async show(pipelines: Pipelines, trainer: Trainer): Promise<void> {
    const { gpu } = pipelines;
    const { algorithm, config, environment } = trainer;
    if (this.#bound?.pipelines !== pipelines) this.picture.use(pipelines);
    else this.#bound.uniform.destroy();
    const uniform = gpu.device.createBuffer({
      label: 'energy',
      size: ENERGY.size,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    const tensors = {
      field: gpu.tensor('energy.field', [2, ROWS]),
      plane: gpu.tensor('energy.plane', [STATES]),
      exact: gpu.tensor('energy.exact', [ROWS]),
      scales: {
        actions: gpu.tensor('energy.actionScale', [SCALE_SIZE]),
        values: gpu.tensor('energy.planeScale', [SCALE_SIZE]),
      },
    };
    const sweep = gpu.tensor('energy.sweep', [STATES]);
    const q = algorithm.softQ.values('energy.q', ROWS);
    const observation = gpu.tensor('energy.observation', [1, 1, environment.spec.observationSize]);
    // A clock that stands still: the same noise in every frame, so that points move only when the policy does.
    const source = {
      clock: new Clock(gpu),
      seeds: gpu.tensorOf('energy.seeds', Uint32Array.of(config.seed)),
    };
    const draw = algorithm.policy.draw(
      'energy.policy',
      { observation, states: 1, particles: ACTIONS, use: 'evaluation' },
      source,
    );
    const step = (
      label: string,
      code: string,
      bindings: readonly BindingKind[],
      given: readonly Tensor[],
      threads: number,
    ): Promise<Dispatch> =>
      pipelines.dispatch(
        { label, code: `${code}\n${field}`, bindings: ['uniform', ...bindings] },
        [uniform, ...given.map(({ buffer }) => buffer)],
        Math.ceil(threads / WORKGROUP),
      );
    const { temperature } = algorithm;
    const rows = [q.stateAction];
    const [fillActions, normalise, fillPlane, values, scale] = await Promise.all([
      step('action_rows', actionRows, ['write'], rows, ROWS),
      step(
        'action_field',
        actionField,
        ['read', 'read', 'read', 'write', 'write'],
        [q.value, temperature, tensors.exact, tensors.field, tensors.scales.actions],
        1,
      ),
      step('plane_rows', planeRows, ['write'], rows, ROWS),
      step('plane_values', planeValues, ['read', 'read', 'write'], [q.value, temperature, sweep], SIDE),
      step(
        'plane_scale',
        planeScale,
        ['read', 'write', 'write'],
        [sweep, tensors.plane, tensors.scales.values],
        1,
      ),
    ]);
    const heatOf = (shown: Tensor, scaleOf: Tensor) =>
      pipelines.layer(
        {
          label: 'heat',
          code: `${heat}\n${panel}\n${field}`,
          bindings: ['uniform', 'read', 'read'],
          vertex: 'stretch',
        },
        [uniform, shown.buffer, scaleOf.buffer],
      );
    const layers = {
      actions: await heatOf(tensors.field, tensors.scales.actions),
      values: await heatOf(tensors.plane, tensors.scales.values),
      points: await pipelines.layer(
        {
          label: 'actions',
          code: `${actions}\n${panel}\n${field}`,
          bindings: ['uniform', 'read'],
          vertex: 'stretch',
        },
        [uniform, draw.preTanh.buffer],
      ),
    };
    await gpu.ready();
    this.#nextState = 0;
    this.#planeKnown = false;
    this.#bound = {
      pipelines,
      uniform,
      rewardScale: config.rewardScale,
      half: Number(environment.defaultParams['bound'] ?? 1),
      ...tensors,
      observation,
      programs: {
        actions: program('energy.actions', [fillActions, q.program, normalise, draw.program]),
        slice: program('energy.slice', [fillPlane, q.program, values]),
        scale: program('energy.scale', [scale]),
      },
      layers,
    };
  }

  /** Slices until the plane has been seen once; then one at a time is enough to follow what is learned. */
  get slicesToFirst(): number {
    return this.#planeKnown ? 0 : (STATES - this.#nextState) / SIDE;
  }

  /** log pi* (nats) at every place of `LATTICE`, for the state that is looked at. */
  setExact(logDensity: Float32Array<ArrayBuffer>): void {
    if (this.#bound) this.#bound.pipelines.gpu.write(this.#bound.exact, logDensity);
  }

  /** log pi of the last frame in mode 'actions' at every place of `LATTICE`, nats. */
  async logDensity(): Promise<Float32Array> {
    const { pipelines, field: both } = this.#bound!;
    return (await pipelines.gpu.read(both)).subarray(0, ROWS);
  }

  /**
   * Computes what is shown and draws it: no waiting. In mode 'values' a call computes `slices` parts of the plane, and the
   * picture changes when all parts are known.
   * @returns whether the picture shows the networks as they are now.
   */
  draw(shown: EnergyScene, slices: number): boolean {
    const bound = this.#bound;
    if (!bound) return true;
    const { gpu } = bound.pipelines;
    const { width, height } = this.picture;
    const panels = layOut(width, height, shown.exact && shown.mode === 'actions');
    let complete = shown.mode === 'actions';
    if (complete) {
      this.#write(bound, shown, panels);
      gpu.write(bound.observation, Float32Array.from(shown.state));
      gpu.submit([bound.programs.actions]);
    }
    for (let i = 0; i < slices && !complete; i++) {
      this.#write(bound, shown, panels);
      complete = this.#advancePlane(bound);
    }
    const encoder = gpu.device.createCommandEncoder({ label: 'energy' });
    drawLayers(encoder, this.picture.frame(), 'clear', (pass) => {
      if (shown.mode === 'actions') {
        drawLayer(pass, bound.layers.actions, VERTICES, panels.panels);
        drawLayer(pass, bound.layers.points, VERTICES, panels.panels * ACTIONS);
      } else if (this.#planeKnown) drawLayer(pass, bound.layers.values, VERTICES, 1);
    });
    gpu.device.queue.submit([encoder.finish()]);
    return complete;
  }

  /** Computes V of the next slice of states; true when that completes the plane. */
  #advancePlane({ pipelines: { gpu }, programs }: Bound): boolean {
    gpu.submit([programs.slice]);
    this.#nextState += SIDE;
    if (this.#nextState < STATES) return false;
    gpu.submit([programs.scale]);
    this.#nextState = 0;
    this.#planeKnown = true;
    return true;
  }

  #write(bound: Bound, shown: EnergyScene, panels: ReturnType<typeof layOut>): void {
    const bytes = packStruct(
      ENERGY,
      {
        state_x: shown.state[0],
        state_y: shown.state[1],
        reward_scale: bound.rewardScale,
        bound: bound.half,
        first_state: this.#nextState,
        has_exact: shown.exact ? 1 : 0,
        side: shown.mode === 'actions' ? SIDE : PLANE_SIDE,
        points: ACTIONS,
        ...panels,
      },
      'energy',
    );
    bound.pipelines.gpu.device.queue.writeBuffer(bound.uniform, 0, bytes);
  }
}
