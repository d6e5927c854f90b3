// phi_i = 1/M sum_j [ kappa(x_j, y_i) score_j + repulsion * grad_{x_j} kappa(x_j, y_i) ],  kappa = exp(-d2 / h)
// (eq. 13 with the sum over the fixed particles j), times `scale`, in the coordinates u of the sampling network, a = tanh u.
// One invocation per state, updated particle i and component.
// pre_tanh (u) and actions (a) of all particles (R, particles, states, stride), the M fixed ones first, the K updated ones
// from first_updated on; squared_distances (R, states, M, K); action_gradient (R, M, states, gradient_stride) with dQ/da
// at gradient_first; direction (R, particles, states, stride).
// #import svgd/stein_terms.wgsl

struct Params {
  states: u32,
  fixed_particles: u32,
  updated_particles: u32,
  first_updated: u32,
  particles: u32,
  action_size: u32,
  stride: u32,
  gradient_stride: u32,
  gradient_first: u32,
  repulsion: f32,
  reward_scale: f32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pre_tanh: array<f32>;
@group(0) @binding(2) var<storage, read> actions: array<f32>;
@group(0) @binding(3) var<storage, read> squared_distances: array<f32>;
@group(0) @binding(4) var<storage, read> bandwidth: array<f32>;
@group(0) @binding(5) var<storage, read> action_gradient: array<f32>;
@group(0) @binding(6) var<storage, read> temperature: array<f32>;
@group(0) @binding(7) var<storage, read_write> direction: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let targets = params.updated_particles * params.action_size;
  if (id.x >= params.states * targets) { return; }
  let member = id.y;
  let state = id.x / targets;
  let i = (id.x % targets) / params.action_size;
  let d = id.x % params.action_size;
  let alpha = temperature[member] * params.reward_scale;
  let h = bandwidth[member * params.states + state];
  let first = member * params.particles;
  let updated = ((first + params.first_updated + i) * params.states + state) * params.stride + d;
  let pair = (member * params.states + state) * params.fixed_particles * params.updated_particles + i;

  var phi = 0.0;
  for (var j = 0u; j < params.fixed_particles; j++) {
    let at = ((first + j) * params.states + state) * params.stride + d;
    let slope_at = ((member * params.fixed_particles + j) * params.states + state) * params.gradient_stride;
    let kappa = exp(-squared_distances[pair + j * params.updated_particles] / h);
    let difference = position(pre_tanh[at], actions[at]) - position(pre_tanh[updated], actions[updated]);
    let q_slope = action_gradient[slope_at + params.gradient_first + d] / alpha;
    phi += kappa * score(pre_tanh[at], actions[at], q_slope)
      + params.repulsion * kernel_slope(kappa, difference, h, actions[at]);
  }
  phi *= step_slope(pre_tanh[updated]) / f32(params.fixed_particles);
  direction[updated] = params.scale * phi;
}
