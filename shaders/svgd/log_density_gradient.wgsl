// gradient = grad_x log p(x | c) at the fixed particles, p as the user's module in the slot `energy` has it, which needs no
// normalising constant. The module declares
//   const DIMENSIONS = ...u;
//   fn log_density_gradient(x: array<f32, DIMENSIONS>) -> array<f32, DIMENSIONS>
// and may call condition(i) below. One invocation per fixed particle of every state; particles lie particle-major, the fixed
// ones first: positions (particles, states, stride), gradient (M, states, stride), conditions (states, condition_size).
// #slot energy

struct Params {
  states: u32,
  fixed_particles: u32,
  stride: u32,
  condition_size: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> conditions: array<f32>;
@group(0) @binding(2) var<storage, read> positions: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;

var<private> state: u32;

// Number `index` of the condition c under which this particle is drawn.
fn condition(index: u32) -> f32 {
  return conditions[state * params.condition_size + index];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.fixed_particles * params.states) { return; }
  state = id.x % params.states;
  let at = id.x * params.stride;
  var x: array<f32, DIMENSIONS>;
  // #unroll
  for (var d = 0u; d < DIMENSIONS; d++) {
    x[d] = positions[at + d];
  }
  let slope = log_density_gradient(x);
  // #unroll
  for (var d = 0u; d < DIMENSIONS; d++) {
    gradient[at + d] = slope[d];
  }
}
