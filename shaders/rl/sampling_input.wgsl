// Rows [s, xi] for the sampling network a = tanh f(xi; s), xi ~ N(0, I): `particles` rows for each of `states` states,
// particle-major. One invocation per row. observation (R, states, S); rows (R, particles * states, stride).
// The noise depends on the seed, the stream, one counter of the clock and the row, so any row can be drawn again.
// #import common/clock.wgsl
// #import common/random.wgsl

struct Params {
  states: u32,
  rows: u32,
  observation_size: u32,
  latent_size: u32,
  stride: u32,
  stream: u32,
  of_iteration: u32, // 1: the noise changes with the iteration, 0: with the update
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> seeds: array<u32>;
@group(0) @binding(3) var<storage, read> observation: array<f32>;
@group(0) @binding(4) var<storage, read_write> rows: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let member = id.y;
  let s = params.observation_size;
  let from_state = (member * params.states + id.x % params.states) * s;
  let row = (member * params.rows + id.x) * params.stride;
  for (var i = 0u; i < s; i++) {
    rows[row + i] = observation[from_state + i];
  }
  let counter = select(clock.updates, clock.iteration, params.of_iteration == 1u);
  let pairs = (params.latent_size + 1u) / 2u;
  for (var pair = 0u; pair < pairs; pair++) {
    let xi = normal_pair(random(seeds[member], params.stream, counter, id.x * pairs + pair).xy);
    rows[row + s + 2u * pair] = xi.x;
    if (2u * pair + 1u < params.latent_size) { rows[row + s + 2u * pair + 1u] = xi.y; }
  }
}
