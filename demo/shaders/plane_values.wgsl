// V(s) / alpha = log integral exp(Q(s, a) / alpha) da over the box of actions, by the midpoint rule, nats.
// One invocation per state of a slice: q (SIDE PLANE_ACTIONS^2, 4), value (PLANE_SIDE^2).
@group(0) @binding(0) var<uniform> energy: Energy;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> temperature: array<f32>;
@group(0) @binding(3) var<storage, read_write> value: array<f32>;

const AREA = 4.0;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let actions = PLANE_ACTIONS * PLANE_ACTIONS;
  let state = energy.first_state + id.x;
  if (id.x >= SIDE || state >= PLANE_SIDE * PLANE_SIDE) { return; }
  let nats = 1.0 / (energy.reward_scale * temperature[0]);
  var top = -3e38;
  for (var k = 0u; k < actions; k++) { top = max(top, q[4u * (id.x * actions + k)] * nats); }
  var sum = 0.0;
  for (var k = 0u; k < actions; k++) { sum += exp(q[4u * (id.x * actions + k)] * nats - top); }
  value[state] = top + log(sum * AREA / f32(actions));
}
