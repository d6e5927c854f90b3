// phi_i = 1/M sum_j [ kappa(x_j, y_i) score_j + repulsion * grad_{x_j} kappa(x_j, y_i) ],  kappa = exp(-d2 / h)
// (eq. 13 with the sum over the fixed particles j), times `scale`, in the coordinates u of the sampling network, a = tanh u.
// One invocation per state, updated particle i and component. DIRECTION says in which space the kernel acts:
//   TANH_KERNEL  x = a, score = grad_u [Q/alpha + log(1 - a^2)] = (1 - a^2) dQ/da / alpha - 2a; grad kappa by the chain rule
//   RAW          x = u, the same score
//   RELEASED     x = a, score = dQ/da / alpha - 2a / (1 - a^2 + eps), phi_i then times 1 - a_i^2: the published code, whose
//                stationary density is exp(Q/alpha) prod(1 - a^2) instead of exp(Q/alpha) (softlearning issue 143)
//   UNCORRECTED  x = a, score = dQ/da / alpha, phi_i then times 1 - a_i^2: particles pile up at the walls of the box
//   UNBOUNDED    x = u with no squash at all, score = dQ/dx / alpha: particles anywhere in R^A
// pre_tanh (u) and actions (a) of all particles (R, particles, states, stride), the M fixed ones first, the K updated ones
// from first_updated on; squared_distances (R, states, M, K); action_gradient (R, M, states, gradient_stride) with dQ/da
// at gradient_first; direction (R, particles, states, stride).

override DIRECTION: u32;
const TANH_KERNEL = 0u;
const RAW = 1u;
const RELEASED = 2u;
const UNCORRECTED = 3u;
const UNBOUNDED = 4u;
const RELEASED_EPSILON = 1e-6;

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

// x of the particle component at `at`
fn position(at: u32) -> f32 {
  if (DIRECTION == RAW || DIRECTION == UNBOUNDED) { return pre_tanh[at]; }
  return actions[at];
}

// 1 - tanh(u)^2, without the cancellation that 1 - a^2 suffers where tanh saturates: RELEASED divides by it
fn squash_slope(u: f32) -> f32 {
  let e = exp(-2.0 * abs(u));
  return 4.0 * e / ((1.0 + e) * (1.0 + e));
}

fn score(at: u32, q_slope: f32) -> f32 {
  let action = actions[at];
  if (DIRECTION == UNCORRECTED || DIRECTION == UNBOUNDED) { return q_slope; }
  if (DIRECTION == RELEASED) { return q_slope - 2.0 * action / (squash_slope(pre_tanh[at]) + RELEASED_EPSILON); }
  return (1.0 - action * action) * q_slope - 2.0 * action;
}

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
    var repulsion = -2.0 / h * (position(at) - position(updated)) * kappa;
    if (DIRECTION == TANH_KERNEL) { repulsion *= 1.0 - actions[at] * actions[at]; }
    let q_slope = action_gradient[slope_at + params.gradient_first + d] / alpha;
    phi += kappa * score(at, q_slope) + params.repulsion * repulsion;
  }
  phi /= f32(params.fixed_particles);
  if (DIRECTION == RELEASED || DIRECTION == UNCORRECTED) { phi *= squash_slope(pre_tanh[updated]); }
  direction[updated] = params.scale * phi;
}
