import { MULTIGOAL_BOUND } from '../../src/index.ts';
import type { Point } from '../protocol.ts';
import { goalColours, MARKS } from './marks.ts';
import { NATS } from './recording.ts';

/** What a picture is drawn on. */
export type Pen = OffscreenCanvasRenderingContext2D;

type Rgb = readonly [red: number, green: number, blue: number];

/** Distance between two level curves of the world, in units of the plane. */
const LEVEL = 1.25;
/** Level curves in the energy's range. */
const CONTOURS = 9;
/** A goal's sign, as a share of the circle in which it counts as reached. */
const SIGN = 0.34;
/** Steps that a trail shows. */
const TRAIL = 4;
/** Steps that an ended episode rests at its goal before it begins anew. */
const REST = 4;

/** Stops of viridis, dark to light: lightness rises evenly, and it reads without red and green. */
const VIRIDIS: readonly Rgb[] = [
  [68, 1, 84],
  [65, 68, 135],
  [42, 120, 142],
  [34, 168, 132],
  [122, 209, 81],
  [253, 231, 37],
];

const THEMES = {
  light: {
    near: [232, 238, 243],
    far: [252, 252, 250],
    line: [200, 206, 212],
    point: '#1d2126',
    trail: '#0072b2',
  },
  dark: { near: [34, 43, 53], far: [20, 23, 28], line: [62, 70, 80], point: '#e8eaed', trail: '#56b4e9' },
} as const satisfies Record<string, { near: Rgb; far: Rgb; line: Rgb; point: string; trail: string }>;

/** What the world shows. */
export interface WorldPicture {
  readonly goals: readonly Point[];
  /** Each from its first position to its last. */
  readonly episodes: readonly (readonly Point[])[];
  /** Steps since the episodes began; those that have ended begin anew. */
  readonly time: number;
  readonly look: Point;
  readonly dark: boolean;
}

/** The world: level curves of the reward, goals with their signs, and episodes with trails. */
export function drawWorld(pen: Pen, world: WorldPicture): void {
  const { width, height } = pen.canvas;
  const { near, far, line, point, trail } = THEMES[world.dark ? 'dark' : 'light'];
  const pixels = shade(
    width,
    height,
    LEVEL,
    line,
    (x, y) => {
      const [px, py] = [(x * 2 - 1) * MULTIGOAL_BOUND, (y * 2 - 1) * MULTIGOAL_BOUND];
      return Math.min(...world.goals.map(([gx, gy]) => Math.hypot(px - gx, py - gy)));
    },
    (distance) => mix(near, far, Math.min(1, distance / MULTIGOAL_BOUND)),
  );
  pen.putImageData(pixels, 0, 0);
  const place = ([x, y]: Point): Point => [
    ((x / MULTIGOAL_BOUND + 1) / 2) * width,
    ((1 - y / MULTIGOAL_BOUND) / 2) * height,
  ];
  const scale = width / 400;
  const unit = width / (2 * MULTIGOAL_BOUND);
  for (const [index, goal] of world.goals.entries()) {
    const colour = goalColours(world.dark)[index]!;
    pen.fillStyle = pen.strokeStyle = colour;
    pen.beginPath();
    pen.arc(...place(goal), unit, 0, 2 * Math.PI);
    pen.globalAlpha = 0.4;
    pen.fill();
    pen.globalAlpha = 1;
    pen.stroke();
    pen.save();
    pen.translate(...place(goal));
    pen.scale(SIGN * unit, SIGN * unit);
    pen.fill(new Path2D(MARKS[index]!.path));
    pen.restore();
  }
  for (const episode of world.episodes) {
    const now = world.time % (episode.length + REST);
    const last = Math.min(now, episode.length - 1);
    const first = Math.max(0, last - TRAIL);
    pen.beginPath();
    pen.moveTo(...place(between(episode, first)));
    for (let step = Math.floor(first) + 1; step <= last; step++) pen.lineTo(...place(episode[step]!));
    pen.lineTo(...place(between(episode, last)));
    pen.lineWidth = 1.4 * scale;
    pen.globalAlpha = 0.45;
    pen.strokeStyle = trail;
    pen.stroke();
    pen.globalAlpha = 1;
    pen.beginPath();
    pen.arc(...place(between(episode, last)), 2.3 * scale, 0, 2 * Math.PI);
    pen.fillStyle = point;
    pen.fill();
  }
  const [x, y] = place(world.look);
  pen.beginPath();
  pen.arc(x, y, 6 * scale, 0, 2 * Math.PI);
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const) {
    pen.moveTo(x + 6 * scale * dx, y + 6 * scale * dy);
    pen.lineTo(x + 11 * scale * dx, y + 11 * scale * dy);
  }
  pen.lineWidth = 1.6 * scale;
  pen.strokeStyle = point;
  pen.stroke();
}

/** Q / alpha over the square of actions, with level curves; on it, actions of the policy. */
export function drawEnergy(
  pen: Pen,
  energy: { readonly grid: readonly number[]; readonly side: number; readonly actions: readonly Point[] },
  at: { readonly left: number; readonly top: number; readonly size: number },
): void {
  const { grid, side } = energy;
  const { left, top, size } = at;
  const value = (x: number, y: number) => {
    const [column, row] = [x * (side - 1), y * (side - 1)];
    const [i, j] = [Math.min(side - 2, Math.floor(column)), Math.min(side - 2, Math.floor(row))];
    const [u, v] = [column - i, row - j];
    const cell = (a: number, b: number) => grid[(j + b) * side + i + a]!;
    return (cell(0, 0) * (1 - u) + cell(1, 0) * u) * (1 - v) + (cell(0, 1) * (1 - u) + cell(1, 1) * u) * v;
  };
  const pixels = shade(size, size, NATS / CONTOURS, [255, 255, 255], value, (nats) =>
    viridis(1 + nats / NATS),
  );
  pen.putImageData(pixels, left, top);
  const scale = size / 280;
  for (const [x, y] of energy.actions) {
    pen.beginPath();
    pen.arc(left + ((x + 1) / 2) * size, top + ((1 - y) / 2) * size, 2.6 * scale, 0, 2 * Math.PI);
    pen.fillStyle = '#fff';
    pen.strokeStyle = '#14202b';
    pen.lineWidth = 1.2 * scale;
    pen.fill();
    pen.stroke();
  }
}

/** A picture of `value` over the unit square, y upwards, with a faint line between any two steps of `level`. */
function shade(
  width: number,
  height: number,
  level: number,
  line: Rgb,
  value: (x: number, y: number) => number,
  colour: (value: number) => Rgb,
): ImageData {
  const values = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      values[row * width + column] = value(column / (width - 1), 1 - row / (height - 1));
    }
  }
  const image = new ImageData(width, height);
  const step = (index: number) => Math.floor(values[index]! / level);
  for (let i = 0; i < values.length; i++) {
    const below = i + width < values.length ? i + width : i;
    const beside = (i + 1) % width === 0 ? i : i + 1;
    const onLine = step(i) !== step(below) || step(i) !== step(beside);
    const paper = colour(values[i]!);
    image.data.set(onLine ? mix(paper, line, 0.6) : paper, i * 4);
    image.data[i * 4 + 3] = 255;
  }
  return image;
}

/** A position of an episode between two of its steps. */
function between(episode: readonly Point[], time: number): Point {
  const step = Math.min(episode.length - 1, Math.floor(time));
  const [x, y] = episode[step]!;
  const [nextX, nextY] = episode[Math.min(episode.length - 1, step + 1)]!;
  const share = time - step;
  return [x + (nextX - x) * share, y + (nextY - y) * share];
}

function viridis(share: number): Rgb {
  const at = Math.min(1, Math.max(0, share)) * (VIRIDIS.length - 1);
  const stop = Math.min(VIRIDIS.length - 2, Math.floor(at));
  return mix(VIRIDIS[stop]!, VIRIDIS[stop + 1]!, at - stop);
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share];
}
