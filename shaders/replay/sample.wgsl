// A minibatch of B transitions drawn uniformly with replacement from the ring (Algorithm 1, lines 13-14).
// One invocation per row. ring (R, capacity, 2S + A + 3); state_action (R, B, stride) = [s, a], zero-padded;
// observation and next_observation (R, B, S); reward and terminated (R, B).
// #import replay/pick.wgsl

struct Params {
  rows: u32,
  capacity: u32,
  observation_size: u32,
  action_size: u32,
  stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> seeds: array<u32>;
@group(0) @binding(3) var<storage, read> ring: array<f32>;
@group(0) @binding(4) var<storage, read_write> state_action: array<f32>;
@group(0) @binding(5) var<storage, read_write> observation: array<f32>;
@group(0) @binding(6) var<storage, read_write> next_observation: array<f32>;
@group(0) @binding(7) var<storage, read_write> reward: array<f32>;
@group(0) @binding(8) var<storage, read_write> terminated: array<f32>;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let member = id.y;
  let at = member * params.rows + id.x;
  let s = params.observation_size;
  let a = params.action_size;
  let from_record = (member * params.capacity + picked_record(seeds[member], id.x)) * (2u * s + a + 3u);
  for (var i = 0u; i < s + a; i++) {
    state_action[at * params.stride + i] = ring[from_record + i];
  }
  for (var i = 0u; i < s; i++) {
    observation[at * s + i] = ring[from_record + i];
    next_observation[at * s + i] = ring[from_record + s + a + 1u + i];
  }
  reward[at] = ring[from_record + s + a];
  terminated[at] = ring[from_record + 2u * s + a + 1u];
}
