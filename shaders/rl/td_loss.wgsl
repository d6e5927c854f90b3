// J_Q = mean of 1/2 (Q(s, a) - y)^2 over the minibatch (eq. 11) and dJ_Q/dQ = (Q - y) / B.
// One invocation per transition. prediction and dPrediction (R, B, 4), the value in the first of four;
// td_target and loss (R, B). A loss that is not finite leaves the update's number in fault[fault_index].
// #import common/clock.wgsl
// #import common/finite.wgsl

struct Params {
  rows: u32,
  fault_index: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> prediction: array<f32>;
@group(0) @binding(3) var<storage, read> td_target: array<f32>;
@group(0) @binding(4) var<storage, read_write> dPrediction: array<f32>;
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;
@group(0) @binding(6) var<storage, read_write> fault: array<atomic<u32>>;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let at = id.y * params.rows + id.x;
  let error = prediction[4u * at] - td_target[at];
  dPrediction[4u * at] = error / f32(params.rows);
  loss[at] = 0.5 * error * error;
  if (!is_finite(loss[at])) { atomicMin(&fault[params.fault_index], clock.updates); }
}
