// Gradient of J = mean_s sum_c w_c E_{u ~ N_c} [alpha log pi(a|s) - Q(s, a)], a = tanh u (soft actor-critic's actor loss),
// by reparametrisation: u = mu_c + sigma_c eps, m = particles / C of them from each component c, no score-function term.
// With l, r, g and z of rl/mixture_terms.wgsl, particle i of component k weighs w_k / m in
//   dJ/dlogit_j     = l_i ([j = k] - w_j)        + alpha (r_ij - w_j)
//   dJ/dmu_j        = [j = k] g_i                + alpha r_ij z_ij / sigma_j
//   dJ/dlog sigma_j = [j = k] g_i sigma_j z_ij   + alpha r_ij (z_ij^2 - 1), zero where the deviation is clamped.
// One invocation per state and output of the network. distribution and dDistribution (R, states, row_stride); pre_tanh (R,
// particles, states, stride); log_density (R, particles, states); terms (R, particles, states, 1 + C + A).
// entropy (R, states) gets -sum_c w_c mean log pi.
// #import rl/squashed_mixture.wgsl

struct Params {
  states: u32,
  particles: u32,
  components: u32,
  action_size: u32,
  stride: u32,
  row_stride: u32,
  reward_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> distribution: array<f32>;
@group(0) @binding(2) var<storage, read> pre_tanh: array<f32>;
@group(0) @binding(3) var<storage, read> log_density: array<f32>;
@group(0) @binding(4) var<storage, read> terms: array<f32>;
@group(0) @binding(5) var<storage, read> temperature: array<f32>;
@group(0) @binding(6) var<storage, read_write> dDistribution: array<f32>;
@group(0) @binding(7) var<storage, read_write> entropy: array<f32>;

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
  let of_mean = output < params.components * (1u + params.action_size);
  let offset = (output - params.components) % (params.components * params.action_size);
  let j = select(offset / params.action_size, output, of_logit);
  let d = offset % params.action_size;
  let total = log_total(row);
  let weight_j = weight_of(row, j, total);
  let deviation = exp(log_deviation(row, j, d));
  let clamped = raw_log_deviation(row, j, d) != log_deviation(row, j, d);
  let share = f32(params.components) / f32(params.particles * params.states);

  var gradient = 0.0;
  var log_densities = 0.0;
  for (var i = 0u; i < params.particles; i++) {
    let k = i % params.components;
    let particle = (member * params.particles + i) * params.states + state;
    let weight = weight_of(row, k, total) * share;
    let l = particle * (1u + params.components + params.action_size);
    let responsibility = terms[l + 1u + j];
    let own = select(0.0, 1.0, j == k);
    let through = own * terms[l + 1u + params.components + d];
    let z = standardised(row, j, d, particle * params.stride);
    var term = through * deviation * z + alpha * responsibility * (z * z - 1.0);
    if (of_logit) {
      term = terms[l] * (own - weight_j) + alpha * (responsibility - weight_j);
    } else if (of_mean) {
      term = through + alpha * responsibility * z / deviation;
    } else if (clamped) {
      term = 0.0;
    }
    gradient += weight * term;
    log_densities += weight * log_density[particle];
  }
  dDistribution[row + output] = gradient;
  if (output == 0u) { entropy[member * params.states + state] = -log_densities * f32(params.states); }
}
