// The transitions of this update's minibatch, straight from the ring: for roles whose Params have observation_size,
// action_size and capacity. ring (R, capacity, 2S + A + 3), a record [s, a, r, s', terminated, truncated].
// #import replay/pick.wgsl

@group(0) @binding(2) var<uniform> clock: Clock;
@group(0) @binding(4) var<storage, read> seeds: array<u32>;
@group(0) @binding(5) var<storage, read> ring: array<f32>;

// Where the record of transition b begins.
fn record_of(b: u32) -> u32 {
  let size = 2u * params.observation_size + params.action_size + 3u;
  return (member * params.capacity + picked_record(seeds[member], b)) * size;
}

// The first `count` numbers of a row, from the ring's number `at` on.
fn set_inputs(row: u32, at: u32, count: u32) {
  for (var i = 0u; i < count; i++) { set_input(row, i, ring[at + i]); }
}
