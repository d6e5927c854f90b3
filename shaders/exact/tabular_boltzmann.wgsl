// V(s) = alpha log sum_a exp(Q(s, a) / alpha), pi(a|s) = exp((Q(s, a) - V(s)) / alpha)  (Theorem 1 with a sum for its integral).
// One invocation per state. Shifted by the largest Q before the division by alpha, so that a small alpha loses no digits.
// q, available (1 or 0) and policy (S, A); value (S); temperature (1). An action that is not available has probability 0.

struct Params {
  states: u32,
  actions: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> available: array<u32>;
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read_write> value: array<f32>;
@group(0) @binding(5) var<storage, read_write> policy: array<f32>;

const LOWEST = -3.4028234e38;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.states) { return; }
  let first = id.x * params.actions;
  let end = first + params.actions;
  let alpha = temperature[0];
  var largest = LOWEST;
  for (var at = first; at < end; at++) {
    if (available[at] == 1u) { largest = max(largest, q[at]); }
  }
  var sum = 0.0;
  for (var at = first; at < end; at++) {
    var weight = 0.0;
    if (available[at] == 1u) { weight = exp((q[at] - largest) / alpha); }
    policy[at] = weight;
    sum += weight;
  }
  for (var at = first; at < end; at++) {
    policy[at] /= sum;
  }
  value[id.x] = largest + alpha * log(sum);
}
