// The second half of the Kv proposals of every next state: policy particles u_c perturbed by h eps, a = tanh(u), and for
// all Kv the density of the mixture that the two halves together are drawn from:
//   q(a) = 1/2 2^-A + 1/2 mean_c N(u; u_c, h^2 I) / prod(1 - a^2),  u = atanh a.
// It is exact for any network, so the policy may serve as proposal without an invertible Jacobian (appendix C.2 needs one).
// One invocation per row; the first half's actions are there already (propose_uniform.wgsl). Row k of the second half
// perturbs centre k mod C. next_observation rows as there; centres (R, C, states, centre_stride), particle-major.
// #import common/clock.wgsl
// #import common/random.wgsl
// #import common/normal_density.wgsl
// #import common/squash.wgsl

struct Params {
  states: u32,
  particles: u32,
  centres: u32,
  observation_size: u32,
  action_size: u32,
  stride: u32,
  centre_stride: u32,
  spread: f32, // h, in u
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> seeds: array<u32>;
@group(0) @binding(3) var<storage, read> centres: array<f32>;
@group(0) @binding(4) var<storage, read_write> rows: array<f32>;
@group(0) @binding(5) var<storage, read_write> pre_tanh: array<f32>;
@group(0) @binding(6) var<storage, read_write> log_density: array<f32>;

fn centre(member: u32, c: u32, state: u32, d: u32) -> f32 {
  return centres[((member * params.centres + c) * params.states + state) * params.centre_stride + d];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.states * params.particles) { return; }
  let member = id.y;
  let state = id.x / params.particles;
  let k = id.x % params.particles;
  let half = params.particles / 2u;
  let a_size = params.action_size;
  let at = member * params.states * params.particles + id.x;
  let row = at * params.stride + params.observation_size;
  var log_slope = 0.0; // sum of log(1 - a^2)
  for (var d = 0u; d < a_size; d++) {
    var u = unsquash(rows[row + d]);
    if (k >= half) {
      let eps = normal_pair(random(seeds[member], STREAM_PROPOSAL_NOISE, clock.updates, id.x * a_size + d).xy).x;
      u = centre(member, (k - half) % params.centres, state, d) + params.spread * eps;
      rows[row + d] = squash(u);
    }
    pre_tanh[at * a_size + d] = u;
    log_slope += log_squash_slope(u);
  }

  // log mean_c N(u; u_c, h^2 I), shifted by the largest exponent
  var largest = -1e30;
  var sum = 0.0;
  for (var c = 0u; c < params.centres; c++) {
    var exponent = 0.0;
    for (var d = 0u; d < a_size; d++) {
      let z = (pre_tanh[at * a_size + d] - centre(member, c, state, d)) / params.spread;
      exponent += log_normal(z, log(params.spread));
    }
    let shift = max(largest, exponent);
    sum = sum * exp(largest - shift) + exp(exponent - shift);
    largest = shift;
  }
  let log_policy = largest + log(sum / f32(params.centres)) - log_slope;
  let log_uniform = -f32(a_size) * LOG_2;
  let top = max(log_policy, log_uniform);
  log_density[at] = top + log(0.5 * exp(log_policy - top) + 0.5 * exp(log_uniform - top));
}
