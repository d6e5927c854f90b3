// Gradient of J = mean_s sum_c w_c E_{u ~ N_c} [alpha log pi(a|s) - Q(s, a)], a = tanh u (soft actor-critic's actor loss),
// by reparametrisation: u = mu_c + sigma_c eps, m = particles / C of them from each component c, no score-function term.
// With l_i = alpha log pi(a_i) - Q_i, r_ij the responsibility of component j for u_i, z_ij = (u_i - mu_j) / sigma_j and
// g_i = dl_i/du_i = alpha (2 a_i - sum_j r_ij z_ij / sigma_j) - (1 - a_i^2) dQ_i/da, particle i of component k weighs w_k/m in
//   dJ/dlogit_j     = l_i ([j = k] - w_j) + alpha (r_ij - w_j)
//   dJ/dmu_j        = [j = k] g_i           + alpha r_ij z_ij / sigma_j
//   dJ/dlog sigma_j = [j = k] g_i sigma_j z_ij + alpha r_ij (z_ij^2 - 1), zero where the deviation is clamped.
// One invocation per state and output of the network. distribution and dDistribution (R, states, row_stride); pre_tanh (R,
// particles, states, stride); log_density (R, particles, states); q_values (R, particles, states, 4), the value in the
// first of four; action_gradient (R, particles, states, gradient_stride) with dQ/da from gradient_first on.
// entropy (R, states) gets -sum_c w_c mean log pi.
// #import rl/squashed_mixture.wgsl

struct Params {
  states: u32,
  particles: u32,
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
@group(0) @binding(7) var<storage, read_write> dDistribution: array<f32>;
@group(0) @binding(8) var<storage, read_write> entropy: array<f32>;

// d l_i / d u_id: through the density, the squash and Q
fn slope_of(row: u32, at: u32, d: u32, log_density_in_u: f32, q_slope: f32, alpha: f32) -> f32 {
  var pull = 0.0;
  for (var j = 0u; j < params.components; j++) {
    let responsibility = exp(log_weight(row, j) + log_component(row, j, at) - log_density_in_u);
    pull += responsibility * standardised(row, j, d, at) * exp(-log_deviation(row, j, d));
  }
  let a = squash(pre_tanh[at + d]);
  return alpha * (2.0 * a - pull) - (1.0 - a * a) * q_slope;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let outputs = params.components * (1u + 2u * params.action_size);
  if (id.x >= params.states * outputs) { return; }
  let member = id.y;
  let state = id.x / outputs;
  let output = id.x % outputs;
  let row = (member * params.states + state) * params.row_stride;
  let alpha = temperature[member] * params.reward_scale;
  let of_logit = output < params.components;
  let of_mean = !of_logit && output < params.components * (1u + params.action_size);
  let offset = (output - params.components) % (params.components * params.action_size);
  let j = select(offset / params.action_size, output, of_logit);
  let d = offset % params.action_size;
  let weight_j = exp(log_weight(row, j));
  let inside = raw_log_deviation(row, j, d) == log_deviation(row, j, d);

  var gradient = 0.0;
  var negentropy = 0.0;
  for (var i = 0u; i < params.particles; i++) {
    let k = i % params.components;
    let particle = (member * params.particles + i) * params.states + state;
    let at = particle * params.stride;
    let log_density_in_u = log_mixture(row, at);
    let weight = exp(log_weight(row, k)) * f32(params.components) / f32(params.particles);
    let responsibility = exp(log_weight(row, j) + log_component(row, j, at) - log_density_in_u);
    var term = 0.0;
    if (of_logit) {
      let loss = alpha * log_density[particle] - q_values[4u * particle];
      term = loss * (select(0.0, 1.0, j == k) - weight_j) + alpha * (responsibility - weight_j);
    } else {
      let q_slope = action_gradient[particle * params.gradient_stride + params.gradient_first + d];
      let z = standardised(row, j, d, at);
      let deviation = exp(log_deviation(row, j, d));
      let through = select(0.0, slope_of(row, at, d, log_density_in_u, q_slope, alpha), j == k);
      if (of_mean) {
        term = through + alpha * responsibility * z / deviation;
      } else if (inside) {
        term = through * deviation * z + alpha * responsibility * (z * z - 1.0);
      }
    }
    gradient += weight * term;
    negentropy += weight * log_density[particle];
  }
  dDistribution[row + output] = gradient / f32(params.states);
  if (output == 0u) { entropy[member * params.states + state] = -negentropy; }
}
