// V(s') from Kv actions a_k with log densities log q(a_k|s'), and y = reward_scale r + discount (1 - terminated) V(s')
// (eq. 11's target; no gradient goes through it). ESTIMATOR says what V is:
//   LOG_MEAN_EXP  alpha [ log sum_k exp(Q(s', a_k) / alpha - log q(a_k)) - log Kv ]: eq. 10, importance-sampled, max-shifted
//   MEAN          mean_k [ Q(s', a_k) - alpha log q(a_k) ]: the soft value of the policy q itself (soft actor-critic)
// One invocation per transition. q_values (R, rows, 4), the value in the first of four; log_density (R, rows); row of
// state b and action k: b * state_stride + k * particle_stride. reward, terminated, value and target (R, states).
// Everything is in units of the scaled reward.

override ESTIMATOR: u32;
const LOG_MEAN_EXP = 0u;
const MEAN = 1u;

struct Params {
  states: u32,
  particles: u32,
  state_stride: u32,
  particle_stride: u32,
  discount: f32,
  reward_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q_values: array<f32>;
@group(0) @binding(2) var<storage, read> log_density: array<f32>;
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read> reward: array<f32>;
@group(0) @binding(5) var<storage, read> terminated: array<f32>;
@group(0) @binding(6) var<storage, read_write> value: array<f32>;
@group(0) @binding(7) var<storage, read_write> td_target: array<f32>;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.states) { return; }
  let at = id.y * params.states + id.x;
  let alpha = temperature[id.y] * params.reward_scale;
  let first = id.y * params.states * params.particles + id.x * params.state_stride;
  var largest = q_values[4u * first] / alpha - log_density[first];
  var total = 0.0;
  for (var k = 0u; k < params.particles; k++) {
    let row = first + k * params.particle_stride;
    largest = max(largest, q_values[4u * row] / alpha - log_density[row]);
    total += q_values[4u * row] - alpha * log_density[row];
  }
  var v = total / f32(params.particles);
  if (ESTIMATOR == LOG_MEAN_EXP) {
    var sum = 0.0;
    for (var k = 0u; k < params.particles; k++) {
      let row = first + k * params.particle_stride;
      sum += exp(q_values[4u * row] / alpha - log_density[row] - largest);
    }
    v = alpha * (largest + log(sum / f32(params.particles)));
  }
  value[at] = v;
  td_target[at] = params.reward_scale * reward[at] + params.discount * (1.0 - terminated[at]) * v;
}
