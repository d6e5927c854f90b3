// V^pi(s) = sum_a pi(a|s) [Q^pi(s, a) - alpha log pi(a|s)]: the soft value of a given policy (eq. 15 and 16).
// One invocation per state. q and policy (S, A); value (S); temperature (1). 0 log 0 = 0.

struct Params {
  states: u32,
  actions: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> policy: array<f32>;
@group(0) @binding(3) var<storage, read> temperature: array<f32>;
@group(0) @binding(4) var<storage, read_write> value: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.states) { return; }
  let first = id.x * params.actions;
  var sum = 0.0;
  for (var at = first; at < first + params.actions; at++) {
    let probability = policy[at];
    if (probability > 0.0) { sum += probability * (q[at] - temperature[0] * log(probability)); }
  }
  value[id.x] = sum;
}
