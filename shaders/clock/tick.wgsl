// clock += (iterations, updates, policy updates): the end of an iteration or of one of its updates.
// One invocation. An iteration adds `transitions` rows to a ring of `capacity` rows.
// #import common/clock.wgsl

struct Params {
  iterations: u32,
  updates: u32,
  policy_updates: u32,
  transitions: u32,
  capacity: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> clock: Clock;

@compute @workgroup_size(1)
fn main() {
  clock.iteration += params.iterations;
  clock.updates += params.updates;
  clock.policy_updates += params.policy_updates;
  let added = params.iterations * params.transitions;
  clock.replay_cursor = (clock.replay_cursor + added) % params.capacity;
  clock.replay_size = min(clock.replay_size + added, params.capacity);
}
