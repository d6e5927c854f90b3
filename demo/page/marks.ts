import { GOAL_COLOURS } from '../session/palette.ts';

/** How a goal is told apart where colour is not enough: the shape that the pictures draw, and its line in charts. */
export interface Mark {
  readonly name: string;
  /** An outline in a square from -1 to 1, for SVG and Path2D. */
  readonly path: string;
  /** Dashes of its line in charts, pixels. */
  readonly dash: readonly number[];
}

/** Dashes of a second learner's line beside the whole line of the first, pixels. */
export const SECOND_DASH: readonly number[] = [5, 3];

const HEXAGON = 'M.95 .55V-.55L0 -1.1L-.95 -.55V.55L0 1.1Z';
const PLUS = 'M-.36 -1.1H.36V-.36H1.1V.36H.36V1.1H-.36V.36H-1.1V-.36H-.36Z';
const RING = 'M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0ZM-.54 0A.54 .54 0 1 0 .54 0A.54 .54 0 1 0 -.54 0Z';

/** One for each of the eight goals there may be, in the order of `sign_of` in `background.wgsl`. */
export const MARKS: readonly Mark[] = [
  { name: 'circle', path: 'M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0Z', dash: [] },
  { name: 'square', path: 'M-.86 -.86H.86V.86H-.86Z', dash: [6, 3] },
  { name: 'triangle', path: 'M0 -1.24L1.07 .62H-1.07Z', dash: [2, 2] },
  { name: 'diamond', path: 'M0 -1.3L1.3 0L0 1.3L-1.3 0Z', dash: [8, 2, 2, 2] },
  { name: 'plus', path: PLUS, dash: [10, 4] },
  { name: 'triangle pointing down', path: 'M0 1.24L1.07 -.62H-1.07Z', dash: [4, 4] },
  { name: 'hexagon', path: HEXAGON, dash: [1, 3] },
  { name: 'ring', path: RING, dash: [12, 3, 3, 3] },
];

/** The colours of the goals, in their order, under the page's theme. */
export function goalColours(dark: boolean): readonly string[] {
  return GOAL_COLOURS[dark ? 'dark' : 'light'];
}
