// H = -mean_i log [ mean_j N(u_i; u_j, h^2 I) / prod_d (1 - tanh(u_id)^2) ], i over the K updated particles of a state and
// j over its M fixed ones: a kernel estimate of the entropy of a = tanh u, whose centres are not the points it is taken at.
// One invocation per state. pre_tanh (R, M + K, states, stride), the fixed particles first; entropy (R, states).
// #import common/normal_density.wgsl
// #import common/squash.wgsl

struct Params {
  states: u32,
  fixed_particles: u32,
  updated_particles: u32,
  action_size: u32,
  stride: u32,
  bandwidth: f32, // h, in u
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pre_tanh: array<f32>;
@group(0) @binding(2) var<storage, read_write> entropy: array<f32>;

// log N(u_i; u_j, h^2 I); particles by their first elements
fn log_kernel(i: u32, j: u32) -> f32 {
  var sum = 0.0;
  for (var d = 0u; d < params.action_size; d++) {
    sum += log_normal((pre_tanh[i + d] - pre_tanh[j + d]) / params.bandwidth, log(params.bandwidth));
  }
  return sum;
}

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.states) { return; }
  let particles = params.fixed_particles + params.updated_particles;
  let first = (id.y * particles * params.states + id.x) * params.stride;
  let step = params.states * params.stride;
  var total = 0.0;
  for (var n = params.fixed_particles; n < particles; n++) {
    let i = first + n * step;
    var largest = log_kernel(i, first);
    for (var j = 1u; j < params.fixed_particles; j++) { largest = max(largest, log_kernel(i, first + j * step)); }
    var sum = 0.0;
    for (var j = 0u; j < params.fixed_particles; j++) { sum += exp(log_kernel(i, first + j * step) - largest); }
    total += largest + log(sum / f32(params.fixed_particles));
    for (var d = 0u; d < params.action_size; d++) { total -= log_squash_slope(pre_tanh[i + d]); }
  }
  entropy[id.y * params.states + id.x] = -total / f32(params.updated_particles);
}
