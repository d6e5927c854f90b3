// Gradient of J = -mean_s Q(s, tanh u(s)) with respect to u: -(1 - a^2) dQ/da / B, the actor step of DDPG.
// One invocation per state and action component. actions and dU (R, states, stride); action_gradient (R, states,
// gradient_stride) with dQ/da from gradient_first on.

struct Params {
  states: u32,
  action_size: u32,
  stride: u32,
  gradient_stride: u32,
  gradient_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> actions: array<f32>;
@group(0) @binding(2) var<storage, read> action_gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> dU: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.states * params.action_size) { return; }
  let d = id.x % params.action_size;
  let state = id.y * params.states + id.x / params.action_size;
  let a = actions[state * params.stride + d];
  let q_slope = action_gradient[state * params.gradient_stride + params.gradient_first + d];
  dU[state * params.stride + d] = -(1.0 - a * a) * q_slope / f32(params.states);
}
