// log alpha -= rate (H - H_target), H the mean entropy over the minibatch: alpha rises while the policy is less random than
// wanted and falls while it is more (automatic temperature of soft actor-critic, as plain gradient descent on log alpha).
// One invocation per member. entropy (R, states); temperature (R).

struct Params {
  members: u32,
  states: u32,
  target_entropy: f32,
  rate: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> entropy: array<f32>;
@group(0) @binding(2) var<storage, read_write> temperature: array<f32>;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.members) { return; }
  var sum = 0.0;
  for (var state = 0u; state < params.states; state++) { sum += entropy[id.x * params.states + state]; }
  temperature[id.x] *= exp(-params.rate * (sum / f32(params.states) - params.target_entropy));
}
