// Kv actions per next state for the soft value (eq. 10), uniform in [-1, 1]^A: rows [s', a_k] and log q(a_k) = -A log 2.
// There may be several sets for each state, particle-major: set i is one of state i % states. One invocation per row.
// next_observation (R, states, S); lattice (Kv, A), unshifted and in [0, 1); rows (R, sets * Kv, stride); log_density
// (R, sets * Kv). The numbers depend on the seed, the stream, one counter of the clock and the row or set.
// #import common/clock.wgsl
// #import common/squash.wgsl
// #import rl/box_proposal.wgsl

struct Params {
  states: u32,
  sets: u32, // a multiple of `states`
  particles: u32,
  proposal: u32,
  observation_size: u32,
  action_size: u32,
  stride: u32,
  stream: u32,
  of_iteration: u32, // 1: the numbers change with the iteration, 0: with the update
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> seeds: array<u32>;
@group(0) @binding(3) var<storage, read> next_observation: array<f32>;
@group(0) @binding(4) var<storage, read> lattice: array<f32>;
@group(0) @binding(5) var<storage, read_write> rows: array<f32>;
@group(0) @binding(6) var<storage, read_write> log_density: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.sets * params.particles) { return; }
  let member = id.y;
  let owner = id.x / params.particles;
  let k = id.x % params.particles;
  let s = params.observation_size;
  let at = member * params.sets * params.particles + id.x;
  let from_state = (member * params.states + owner % params.states) * s;
  for (var i = 0u; i < s; i++) {
    rows[at * params.stride + i] = next_observation[from_state + i];
  }
  let counter = select(clock.updates, clock.iteration, params.of_iteration == 1u);
  let drawn = drawn_by(params.proposal, id.x, owner, k);
  for (var d = 0u; d < params.action_size; d++) {
    let bits = random(seeds[member], params.stream, counter, drawn * params.action_size + d).x;
    let place = select(0.0, lattice[k * params.action_size + d], params.proposal == LATTICE);
    rows[at * params.stride + s + d] = box_action(bits, place);
  }
  log_density[at] = -f32(params.action_size) * LOG_2;
}
