/** Hair lines across the side of a square canvas. */
export const LINES_ACROSS = 430;
/** A canvas at least this much longer than broad has room for two whole squares. */
const TWO_SQUARES = 1.5;
/** Between two squares, as a share of the canvas. */
export const PANEL_GAP = 0.03;

/** Where squares lie on a canvas, as `struct Energy` in `demo/shaders/field.wgsl` has it. */
export interface Panels {
  readonly panels: number;
  readonly split: number;
  readonly pixel: number;
  readonly thickness: number;
  readonly panel_width: number;
  readonly panel_height: number;
  readonly step_x: number;
  readonly step_y: number;
}

/**
 * One square in the middle of a canvas of `width` x `height` pixels; for two fields, two squares beside or below one
 * another where the canvas is long enough, and else one square that is split.
 */
export function layOut(width: number, height: number, two: boolean): Panels {
  const [long, broad] = [Math.max(width, height), Math.min(width, height)];
  const whole = two && long >= TWO_SQUARES * broad;
  const gap = whole ? PANEL_GAP * long : 0;
  const side = whole ? Math.min(broad, (long - gap) / 2) : broad;
  return {
    panels: whole ? 2 : 1,
    split: two && !whole ? 1 : 0,
    pixel: 1 / side,
    thickness: Math.sqrt(width * height) / LINES_ACROSS / side,
    panel_width: (2 * side) / width,
    panel_height: (2 * side) / height,
    step_x: whole && width > height ? (2 * (side + gap)) / width : 0,
    // Downwards: clip space counts up.
    step_y: whole && width <= height ? (-2 * (side + gap)) / height : 0,
  };
}
