// d2_ji = |x_j - y_i|^2 between the M fixed and K updated particles of every state.
// One invocation per pair. Particles lie particle-major, the M fixed ones first, the updated ones from `first_updated` on
// (M, or 0 where one set has both roles): positions (R, particles, states, stride); squared_distances (R, states, M, K).

struct Params {
  states: u32,
  fixed_particles: u32,
  updated_particles: u32,
  first_updated: u32,
  particles: u32,
  action_size: u32,
  stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<f32>;
@group(0) @binding(2) var<storage, read_write> squared_distances: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let pairs = params.fixed_particles * params.updated_particles;
  if (id.x >= params.states * pairs) { return; }
  let member = id.y;
  let state = id.x / pairs;
  let j = (id.x % pairs) / params.updated_particles;
  let i = params.first_updated + id.x % params.updated_particles;
  let first = member * params.particles;
  let x = ((first + j) * params.states + state) * params.stride;
  let y = ((first + i) * params.states + state) * params.stride;
  var sum = 0.0;
  for (var d = 0u; d < params.action_size; d++) {
    let difference = positions[x + d] - positions[y + d];
    sum += difference * difference;
  }
  squared_distances[member * params.states * pairs + id.x] = sum;
}
