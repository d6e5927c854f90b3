// Role of the target network: rows [s', a_k] with the Kv proposed actions of each transition of the minibatch (eq. 10).
// Row b Kv + k. lattice (Kv, A).
// #import rl/fused/minibatch.wgsl
// #import rl/box_proposal.wgsl

struct Params {
  particles: u32,
  proposal: u32,
  observation_size: u32,
  action_size: u32,
  capacity: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(6) var<storage, read> lattice: array<f32>;

fn prepare(row: u32) {
  let s = params.observation_size;
  let a = params.action_size;
  let owner = row / params.particles;
  let k = row % params.particles;
  set_inputs(row, record_of(owner) + s + a + 1u, s);
  let drawn = drawn_by(params.proposal, row, owner, k);
  for (var d = 0u; d < a; d++) {
    let bits = random(seeds[member], STREAM_PROPOSAL, clock.updates, drawn * a + d).x;
    set_input(row, s + d, box_action(bits, select(0.0, lattice[k * a + d], params.proposal == LATTICE)));
  }
}

fn finish(row: u32) {}
