// Where environment steps put transitions: one float32 record [s, a, r, s', terminated, truncated] per environment and
// step, in a ring of `capacity` records per member. Linked into vector_env/step.wgsl.
@group(0) @binding(9) var<storage, read_write> ring: array<f32>;

const RECORD_SIZE = 2u * OBSERVATION_SIZE + ACTION_SIZE + 3u;

fn record(field: u32, value: f32) {
  let row = (clock.replay_cursor + instance) % params.capacity;
  ring[(member * params.capacity + row) * RECORD_SIZE + field] = value;
}
