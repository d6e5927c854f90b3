// What the pictures of energies share: how a field is laid out, and what the energy view is asked for.
const SIDE = 64u;          // points of the lattice of actions along an axis, edges included
const PLANE_SIDE = 32u;    // states of the plane along an axis, edges included
const PLANE_ACTIONS = 8u;  // actions along an axis at each of these
const RANGE = 8.0;         // nats that the colours of a density span, below its maximum
const CONTOUR = 1.0;       // nats between contour lines of a density
const PLANE_CONTOURS = 14.0;

struct Energy {
  state_x: f32,
  state_y: f32,
  reward_scale: f32,
  bound: f32,        // half the side of the plane
  first_state: u32,  // of the slice of the plane that is computed
  has_exact: u32,
  side: u32,         // points along an axis of the field that is drawn
  panels: u32,       // squares beside or below one another
  split: u32,        // 1: one square whose right half shows the exact density
  points: u32,       // actions drawn
  pixel: f32,        // of the canvas, in units of a panel's side
  thickness: f32,    // of a hair line, in the same unit
  panel_width: f32,  // of a panel in clip space, of 2
  panel_height: f32,
  step_x: f32,       // from a panel to the next in clip space
  step_y: f32,
}

// Numbers that go with a field: the values at both ends of the colours, and the distance of contour lines.
const LOW = 0u;
const HIGH = 1u;
const STEP = 2u;
const SCALE_SIZE = 4u;

// The action at a point of the lattice, each coordinate in [-1, 1].
fn lattice(column: u32, row: u32, side: u32) -> vec2f {
  return vec2f(f32(column), f32(row)) / f32(side - 1u) * 2.0 - 1.0;
}
