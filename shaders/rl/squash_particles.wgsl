// a = tanh u for every particle, and the critic's rows [s, a] for the first `critic_particles` of each state.
// One invocation per particle; particle-major. pre_tanh and actions (R, particles, states, stride);
// observation (R, states, S); state_action (R, critic_particles, states, row_stride).
// #import common/squash.wgsl

struct Params {
  states: u32,
  critic_particles: u32,
  particles: u32,
  observation_size: u32,
  action_size: u32,
  stride: u32,
  row_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pre_tanh: array<f32>;
@group(0) @binding(2) var<storage, read> observation: array<f32>;
@group(0) @binding(3) var<storage, read_write> actions: array<f32>;
@group(0) @binding(4) var<storage, read_write> state_action: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.particles * params.states) { return; }
  let member = id.y;
  let from_particle = (member * params.particles * params.states + id.x) * params.stride;
  let state = (member * params.states + id.x % params.states) * params.observation_size;
  let critic_rows = params.critic_particles * params.states;
  let row = (member * critic_rows + id.x) * params.row_stride;
  for (var d = 0u; d < params.action_size; d++) {
    let a = squash(pre_tanh[from_particle + d]);
    actions[from_particle + d] = a;
    if (id.x < critic_rows) { state_action[row + params.observation_size + d] = a; }
  }
  if (id.x >= critic_rows) { return; }
  for (var i = 0u; i < params.observation_size; i++) {
    state_action[row + i] = observation[state + i];
  }
}
