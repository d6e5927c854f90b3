// u ~ sum_c w_c N(mu_c(s), sigma_c(s)), a = tanh u, and log pi(a|s) = log pi(u|s) - sum log(1 - a^2): the policy of soft
// actor-critic, one squashed Gaussian (C = 1) or a mixture. The component is drawn by its weight, or, `stratified`, is the
// particle's number modulo C, for sums over components that weight each by w_c. One invocation per particle,
// particle-major. distribution (R, states, row_stride); pre_tanh (R, particles, states, stride), log_density (R, particles,
// states). The noise depends on the seed, the stream, one counter of the clock and the row.
// #import rl/squashed_mixture.wgsl
// #import common/clock.wgsl
// #import common/random.wgsl

struct Params {
  states: u32,
  rows: u32,
  components: u32,
  action_size: u32,
  stride: u32,
  row_stride: u32,
  stratified: u32,
  stream: u32,
  of_iteration: u32, // 1: the noise changes with the iteration, 0: with the update
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> seeds: array<u32>;
@group(0) @binding(3) var<storage, read> distribution: array<f32>;
@group(0) @binding(4) var<storage, read_write> pre_tanh: array<f32>;
@group(0) @binding(5) var<storage, read_write> log_density: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let member = id.y;
  let particle = id.x / params.states;
  let row = (member * params.states + id.x % params.states) * params.row_stride;
  let at = (member * params.rows + id.x) * params.stride;
  let counter = select(clock.updates, clock.iteration, params.of_iteration == 1u);
  let blocks = params.action_size + 1u; // of random words: one chooses the component
  let total = log_total(row);
  var component = particle % params.components;
  if (params.stratified == 0u) {
    var left = uniform_from(random(seeds[member], params.stream, counter, id.x * blocks).x);
    component = 0u;
    for (; component + 1u < params.components; component++) {
      left -= weight_of(row, component, total);
      if (left < 0.0) { break; }
    }
  }
  var log_slope = 0.0;
  for (var d = 0u; d < params.action_size; d++) {
    let bits = random(seeds[member], params.stream, counter, id.x * blocks + 1u + d);
    let eps = normal_pair(bits.xy).x;
    let u = mean_of(row, component, d) + exp(log_deviation(row, component, d)) * eps;
    pre_tanh[at + d] = u;
    log_slope += log_squash_slope(u);
  }
  log_density[member * params.rows + id.x] = log_mixture(row, at, total) - log_slope;
}
