// u += eps score + sqrt(2 eps) xi, xi ~ N(0, I): one unadjusted Langevin step towards a ~ exp(Q(s, a) / alpha), a = tanh u.
// score = grad_u [Q / alpha + log(1 - a^2)] = (1 - a^2) dQ/da / alpha - 2a, the gradient of the log density of u.
// One invocation per particle. actions (a) and pre_tanh (u, moved in place) (R, rows, stride); action_gradient
// (R, rows, gradient_stride) with dQ/da at gradient_first. Each step and each use of the draws has a seed of its own, from
// which xi depends on one counter of the clock and the row.
// #import common/clock.wgsl
// #import common/random.wgsl

struct Params {
  rows: u32,
  action_size: u32,
  stride: u32,
  gradient_stride: u32,
  gradient_first: u32,
  step: u32,
  stream: u32, // of the draws that are refined
  of_iteration: u32, // 1: the noise changes with the iteration, 0: with the update
  step_size: f32, // eps
  reward_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> seeds: array<u32>;
@group(0) @binding(3) var<storage, read> actions: array<f32>;
@group(0) @binding(4) var<storage, read> action_gradient: array<f32>;
@group(0) @binding(5) var<storage, read> temperature: array<f32>;
@group(0) @binding(6) var<storage, read_write> pre_tanh: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let member = id.y;
  let alpha = temperature[member] * params.reward_scale;
  let seed = random(seeds[member], STREAM_REFINEMENT, params.stream, params.step).x;
  let counter = select(clock.updates, clock.iteration, params.of_iteration == 1u);
  let at = (member * params.rows + id.x) * params.stride;
  let slope_at = (member * params.rows + id.x) * params.gradient_stride + params.gradient_first;
  for (var d = 0u; d < params.action_size; d++) {
    let bits = random(seed, STREAM_REFINEMENT, counter, id.x * params.action_size + d);
    let a = actions[at + d];
    let score = (1.0 - a * a) * action_gradient[slope_at + d] / alpha - 2.0 * a;
    pre_tanh[at + d] += params.step_size * score + sqrt(2.0 * params.step_size) * normal_pair(bits.xy).x;
  }
}
