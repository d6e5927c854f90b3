// m += (1-b1)(g - m), v += (1-b2)(g^2 - v), theta -= lr_n * (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + epsilon):
// Adam (Kingma and Ba 2015, epsilon outside the root), one invocation per parameter of each of R members.
// lr_n = lr (1 - decay min(1, n / duration)) falls linearly with the n updates of the critic before this one.
// g is the sum of the S partial gradients, added in order. parameters, mean, square (R, size); gradient (R, S, size).
// The slot `follow` says what follows the parameters, a target network or nothing.
// A weight that stops being finite leaves the update's number in fault[fault_index] (the earliest one stays).
// #import common/clock.wgsl
// #import common/finite.wgsl
// #slot follow

const AT_ONCE = 4u; // partial gradients a turn: where processors have lanes, a turn of the loop costs as much as a load

struct Params {
  size: u32,
  splits: u32,
  of_policy: u32, // 1: t counts the sampling network's updates, 0: the critic's
  one_minus_beta1: f32,
  one_minus_beta2: f32,
  log_beta1: f32,
  log_beta2: f32,
  epsilon: f32,
  decay: f32, // the share of lr that is gone at the end; 0: lr_n = lr to the bit
  duration: f32,
  fault_index: u32,
  interval: u32, // of the target network, in updates of the critic
  tau: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> learning_rate: array<f32>;
@group(0) @binding(4) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(5) var<storage, read_write> mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> square: array<f32>;
@group(0) @binding(7) var<storage, read_write> fault: array<atomic<u32>>;

// 1 - beta^t = -expm1(t log beta), by its series near zero, where the difference would cancel.
fn one_minus_power(log_beta: f32, t: u32) -> f32 {
  let x = f32(t) * log_beta;
  if (x < -0.5) { return 1.0 - exp(x); }
  var tail = 1.0;
  for (var n = 9.0; n > 1.5; n -= 1.0) {
    tail = 1.0 + x / n * tail; // the next factor of x (1 + x/2 (1 + x/3 (...)))
  }
  return -x * tail;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.size) { return; }
  let member = id.y;
  let at = member * params.size + id.x;
  var g = 0.0;
  let size = params.size;
  let end = (member + 1u) * params.splits * size;
  var partial = member * params.splits * size + id.x;
  for (; partial + (AT_ONCE - 1u) * size < end; partial += AT_ONCE * size) {
    // #unroll
    for (var i = 0u; i < AT_ONCE; i++) { g += gradient[partial + i * size]; }
  }
  for (; partial < end; partial += size) { g += gradient[partial]; }
  let t = select(clock.updates, clock.policy_updates, params.of_policy == 1u) + 1u;
  let m = mean[at] + params.one_minus_beta1 * (g - mean[at]);
  let v = square[at] + params.one_minus_beta2 * (g * g - square[at]);
  let m_hat = m / one_minus_power(params.log_beta1, t);
  let v_hat = v / one_minus_power(params.log_beta2, t);
  let rate = learning_rate[member] * (1.0 - params.decay * min(1.0, f32(clock.updates) / params.duration));
  let theta = parameters[at] - rate * m_hat / (sqrt(v_hat) + params.epsilon);
  mean[at] = m;
  square[at] = v;
  parameters[at] = theta;
  follow(at, theta);
  if (!is_finite(theta)) { atomicMin(&fault[params.fault_index], clock.updates); }
}
