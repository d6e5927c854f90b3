// What each particle u_i of a mixture brings to the gradient of E[l(u)], l = alpha log pi(a|s) - Q(s, a), a = tanh u:
//   l_i, the responsibilities r_ij = w_j N(u_i; mu_j, sigma_j) / pi(u_i), and
//   g_i = dl_i/du_i = alpha (2 a_i - sum_j r_ij z_ij / sigma_j) - (1 - a_i^2) dQ_i/da,  z_ij = (u_i - mu_j) / sigma_j.
// One invocation per particle, particle-major. distribution (R, states, row_stride); pre_tanh (R, particles, states,
// stride); log_density (R, particles, states); q_values (R, particles, states, 4), the value in the first of four;
// action_gradient (R, particles, states, gradient_stride) with dQ/da from gradient_first on; terms (R, particles, states,
// 1 + C + A): l, then r, then g.
// #import rl/squashed_mixture.wgsl

struct Params {
  states: u32,
  rows: u32,
  components: u32,
  action_size: u32,
  stride: u32,
  row_stride: u32,
  gradient_stride: u32,
  gradient_first: u32,
  reward_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> distribution: array<f32>;
@group(0) @binding(2) var<storage, read> pre_tanh: array<f32>;
@group(0) @binding(3) var<storage, read> log_density: array<f32>;
@group(0) @binding(4) var<storage, read> q_values: array<f32>;
@group(0) @binding(5) var<storage, read> action_gradient: array<f32>;
@group(0) @binding(6) var<storage, read> temperature: array<f32>;
@group(0) @binding(7) var<storage, read_write> terms: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let particle = id.y * params.rows + id.x;
  let row = (id.y * params.states + id.x % params.states) * params.row_stride;
  let at = particle * params.stride;
  let alpha = temperature[id.y] * params.reward_scale;
  let responsibilities = particle * (1u + params.components + params.action_size) + 1u;
  let slopes = responsibilities + params.components;
  let total = log_total(row);
  let log_density_in_u = log_mixture(row, at, total);
  terms[responsibilities - 1u] = alpha * log_density[particle] - q_values[4u * particle];
  for (var j = 0u; j < params.components; j++) {
    terms[responsibilities + j] = exp(log_component(row, j, at, total) - log_density_in_u);
  }
  for (var d = 0u; d < params.action_size; d++) {
    var pull = 0.0;
    for (var j = 0u; j < params.components; j++) {
      pull += terms[responsibilities + j] * standardised(row, j, d, at) * exp(-log_deviation(row, j, d));
    }
    let a = squash(pre_tanh[at + d]);
    let q_slope = action_gradient[particle * params.gradient_stride + params.gradient_first + d];
    terms[slopes + d] = alpha * (2.0 * a - pull) - (1.0 - a * a) * q_slope;
  }
}
