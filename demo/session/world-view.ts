import { mat4 } from 'gl-matrix';
import {
  packStruct,
  randomEnvironmentsOf,
  shaderSource,
  structOf,
  type EnvParams,
  type Trainer,
} from '../../src/index.ts';
import type { Appearance, Point } from '../protocol.ts';
import background from '../shaders/background.wgsl?raw';
import mark from '../shaders/mark.wgsl?raw';
import points from '../shaders/points.wgsl?raw';
import scene from '../shaders/scene.wgsl?raw';
import trails from '../shaders/trails.wgsl?raw';
import transition from '../shaders/transition.wgsl?raw';
import { paletteOf } from './palette.ts';
import { LINES_ACROSS } from './panels.ts';
import type { Picture } from './picture.ts';
import type { Layer, Pipelines } from './pipelines.ts';

/** Transitions behind each environment, and most segments in all: a slow adapter has to draw each of them. */
const TRAIL = 6;
const MOST_SEGMENTS = 24_576;
const VERTICES = 6;

const SCENE = structOf(scene, 'Scene')!;
const REPLAYED = `${transition}\n${shaderSource('common/clock.wgsl')}\n${scene}`;

/** What the world shows besides the environments. */
export interface WorldScene {
  readonly goals: readonly Point[];
  readonly lookedAt: Point;
  readonly appearance: Appearance;
  /** Share of the newest step that has been shown, from 0 to 1: below 1 in slow motion. */
  readonly travelled: number;
}

/** What is bound to one run's buffers. */
interface Bound {
  readonly pipelines: Pipelines;
  readonly scene: GPUBuffer;
  readonly layers: Readonly<Record<'background' | 'trails' | 'points' | 'mark', Layer>>;
  readonly environments: number;
  readonly randomEnvironments: number;
  readonly capacity: number;
  readonly params: EnvParams;
}

/**
 * The plane with its reward, goals and environments. It reads the environments' state and the replay ring where training
 * keeps them: nothing comes back to the host. The square of positions fills the shorter side of the canvas.
 */
export class WorldView {
  readonly picture: Picture;
  #bound: Bound | undefined;
  /** The plane without environments, drawn again only when it changes. */
  #plane: GPUTexture | undefined;
  #planeKey = '';

  constructor(picture: Picture) {
    this.picture = picture;
  }

  /** Shows another run, on whichever device it is. */
  async show(pipelines: Pipelines, trainer: Trainer): Promise<void> {
    const { device } = pipelines.gpu;
    const { config, env, replay, clock } = trainer;
    if (this.#bound?.pipelines !== pipelines) {
      this.#plane = undefined;
      this.picture.use(pipelines);
    } else this.#bound.scene.destroy();
    this.#planeKey = '';
    const buffer = device.createBuffer({
      label: 'scene',
      size: SCENE.size,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    const [time, ring, here] = [clock.tensor.buffer, replay.ring.buffer, env.observation.buffer];
    const [plane, lines, dots, cross] = await Promise.all([
      pipelines.layer(
        { label: 'background', code: `${background}\n${scene}`, bindings: ['uniform'], vertex: 'cover' },
        [buffer],
      ),
      pipelines.layer(
        {
          label: 'trails',
          code: `${trails}\n${REPLAYED}`,
          bindings: ['uniform', 'uniform', 'read'],
          vertex: 'stretch',
        },
        [buffer, time, ring],
      ),
      pipelines.layer(
        {
          label: 'points',
          code: `${points}\n${REPLAYED}`,
          bindings: ['uniform', 'uniform', 'read', 'read'],
          vertex: 'stretch',
        },
        [buffer, time, ring, here],
      ),
      pipelines.layer(
        { label: 'mark', code: `${mark}\n${scene}`, bindings: ['uniform'], vertex: 'stretch' },
        [buffer],
      ),
    ]);
    this.#bound = {
      pipelines,
      scene: buffer,
      layers: { background: plane, trails: lines, points: dots, mark: cross },
      environments: config.environments,
      randomEnvironments: randomEnvironmentsOf(config.environments, config.randomShare),
      capacity: config.replayCapacity,
      params: trainer.environment.defaultParams,
    };
  }

  /** Draws a frame: one submit, no waiting. */
  draw(shown: WorldScene): void {
    const bound = this.#bound;
    if (!bound) return;
    const { pipelines, layers, environments } = bound;
    const { device } = pipelines.gpu;
    const { width, height } = this.picture;
    const trail = shown.appearance.reducedMotion
      ? 0
      : Math.min(TRAIL, Math.floor(MOST_SEGMENTS / environments));
    device.queue.writeBuffer(bound.scene, 0, this.#sceneOf(bound, shown, trail));
    const encoder = device.createCommandEncoder({ label: 'world' });
    const plane = this.#planeTexture(pipelines, width, height);
    const key = JSON.stringify([width, height, shown.goals, shown.appearance.dark]);
    if (key !== this.#planeKey) {
      this.#planeKey = key;
      drawLayers(encoder, plane, 'clear', (pass) => drawLayer(pass, layers.background, 3, 1));
    }
    const frame = this.picture.frame();
    encoder.copyTextureToTexture({ texture: plane }, { texture: frame }, [width, height]);
    drawLayers(encoder, frame, 'load', (pass) => {
      if (trail > 0) drawLayer(pass, layers.trails, VERTICES, trail * environments);
      drawLayer(pass, layers.points, VERTICES, environments);
      drawLayer(pass, layers.mark, VERTICES, 1);
    });
    device.queue.submit([encoder.finish()]);
  }

  #planeTexture({ gpu, format }: Pipelines, width: number, height: number): GPUTexture {
    if (this.#plane?.width === width && this.#plane.height === height) return this.#plane;
    this.#plane?.destroy();
    this.#plane = gpu.device.createTexture({
      label: 'plane',
      size: [width, height],
      format,
      usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC,
    });
    return this.#plane;
  }

  #sceneOf(bound: Bound, shown: WorldScene, trail: number): ArrayBuffer {
    const { width, height } = this.picture;
    const { params } = bound;
    const number = (name: string) => (typeof params[name] === 'number' ? params[name] : 0);
    const half = number('bound');
    const side = Math.min(width, height);
    const [halfWidth, halfHeight] = [(half * width) / side, (half * height) / side];
    const toClip = mat4.ortho(mat4.create(), -halfWidth, halfWidth, -halfHeight, halfHeight, -1, 1);
    const toPlane = mat4.invert(mat4.create(), toClip)!;
    const { paper, ink, goals } = paletteOf(shown.appearance);
    const pixel = (2 * half) / side;
    return packStruct(
      SCENE,
      {
        to_clip: [...toClip],
        to_plane: [...toPlane],
        goals: shown.goals.flatMap(([x, y]) => [x, y, 0, 0]),
        colours: goals.flat(),
        paper,
        ink,
        looked_at_x: shown.lookedAt[0],
        looked_at_y: shown.lookedAt[1],
        pixel,
        thickness: (pixel * side) / LINES_ACROSS,
        bound: half,
        goal_radius: number('goal_radius') || 1,
        goal_spread: number('goal_spread'),
        goal_count: shown.goals.length,
        environments: bound.environments,
        random_environments: bound.randomEnvironments,
        capacity: bound.capacity,
        trail,
        travelled: shown.appearance.reducedMotion ? 1 : shown.travelled,
      },
      'scene',
    );
  }
}

/** One render pass into the whole of `texture`. */
export function drawLayers(
  encoder: GPUCommandEncoder,
  texture: GPUTexture,
  loadOp: GPULoadOp,
  draw: (pass: GPURenderPassEncoder) => void,
): void {
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: texture.createView(), loadOp, storeOp: 'store' }],
  });
  draw(pass);
  pass.end();
}

/** `instances` copies of a layer's `vertices`. */
export function drawLayer(
  pass: GPURenderPassEncoder,
  { pipeline, bindGroup }: Layer,
  vertices: number,
  instances: number,
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.draw(vertices, instances);
}
