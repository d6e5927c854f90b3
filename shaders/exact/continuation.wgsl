// G(p) = stage(p) + what follows arrival at p, in nats: gamma V(clip(p)) outside the goals, the goal's reward inside.
// A cell of the grid that a goal's edge cuts, of which the share f lies inside, mixes the two: their expectation where
// noise follows, else log(f exp(goal) + (1 - f) exp(gamma V)), since the value is an integral of exponentials.
// One invocation per point p = (x, y) of the extended grid. Grids here and in the other files of this folder are stored
// as quadruples of columns: column x, row y at ((x / 4) * rows + y) * 4 + x % 4. stage, inside and reached: extended
// grid; value: the grid inside the walls.
// #import exact/grid.wgsl

const EXPECTATION = 0u;
const LOG_MEAN_EXP = 1u;

struct Params {
  points: u32, // along an axis of the extended grid
  inner_points: u32, // along an axis inside the walls
  reach: u32, // grid steps of the longest action
  mixing: u32,
  discount: f32,
  goal_reward: f32, // nats
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> stage: array<f32>;
@group(0) @binding(2) var<storage, read> inside: array<f32>;
@group(0) @binding(3) var<storage, read> value: array<f32>;
@group(0) @binding(4) var<storage, read_write> reached: array<f32>;

fn clipped(extended: u32) -> u32 {
  return clamp(extended, params.reach, params.reach + params.inner_points - 1u) - params.reach;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.points) { return; }
  let at = quadruple_index(id.y, id.x, params.points);
  let share = inside[at];
  let goal = params.goal_reward;
  let future = params.discount * value[quadruple_index(clipped(id.y), clipped(id.x), params.inner_points)];
  var next = mix(future, goal, share);
  if (params.mixing == LOG_MEAN_EXP && share > 0.0 && share < 1.0) {
    let top = max(future, goal);
    next = top + log(mix(exp(future - top), exp(goal - top), share));
  }
  reached[at] = stage[at] + next;
}
