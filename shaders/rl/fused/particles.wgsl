// Role of the sampling network: particles a = tanh f(xi; s) at the states of the minibatch. Row p B + b of particle p.
// ring (R, capacity, 2S + A + 3); pre_tanh and actions (R, particles, B, stride).
// #import replay/pick.wgsl
// #import rl/fused/latent_noise.wgsl
// #import common/squash.wgsl

struct Params {
  states: u32,
  observation_size: u32,
  action_size: u32,
  latent_size: u32,
  capacity: u32,
  stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<uniform> clock: Clock;
@group(0) @binding(4) var<storage, read> seeds: array<u32>;
@group(0) @binding(5) var<storage, read> ring: array<f32>;
@group(0) @binding(10) var<storage, read_write> pre_tanh: array<f32>;
@group(0) @binding(11) var<storage, read_write> actions: array<f32>;

fn prepare(row: u32) {
  let s = params.observation_size;
  let picked = picked_record(seeds[member], row % params.states);
  let record = (member * params.capacity + picked) * (2u * s + params.action_size + 3u);
  for (var i = 0u; i < s; i++) { set_input(row, i, ring[record + i]); }
  set_noise(row, s, params.latent_size, seeds[member], STREAM_PARTICLES, clock.updates);
}

fn finish(row: u32) {
  for (var d = 0u; d < params.action_size; d++) {
    let at = (member * network.rows + row) * params.stride + d;
    let u = output(row, d);
    pre_tanh[at] = u;
    actions[at] = squash(u);
  }
}
