// Role of the target network: rows [s', a_k] with the Kv proposed actions of each transition of the minibatch (eq. 10).
// Row b Kv + k. ring (R, capacity, 2S + A + 3); lattice (Kv, A).
// #import replay/pick.wgsl
// #import rl/box_proposal.wgsl

struct Params {
  particles: u32,
  proposal: u32,
  observation_size: u32,
  action_size: u32,
  capacity: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<uniform> clock: Clock;
@group(0) @binding(4) var<storage, read> seeds: array<u32>;
@group(0) @binding(5) var<storage, read> ring: array<f32>;
@group(0) @binding(6) var<storage, read> lattice: array<f32>;

fn prepare(row: u32) {
  let s = params.observation_size;
  let a = params.action_size;
  let owner = row / params.particles;
  let k = row % params.particles;
  let record = (member * params.capacity + picked_record(seeds[member], owner)) * (2u * s + a + 3u);
  for (var i = 0u; i < s; i++) { set_input(row, i, ring[record + s + a + 1u + i]); }
  let drawn = drawn_by(params.proposal, row, owner, k);
  for (var d = 0u; d < a; d++) {
    let bits = random(seeds[member], STREAM_PROPOSAL, clock.updates, drawn * a + d).x;
    set_input(row, s + d, box_action(bits, select(0.0, lattice[k * a + d], params.proposal == LATTICE)));
  }
}

fn finish(row: u32) {}
