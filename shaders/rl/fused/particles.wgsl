// Role of the sampling network: particles a = tanh f(xi; s) at the states of the minibatch. Row p B + b of particle p.
// pre_tanh and actions (R, particles, B, stride).
// #import rl/fused/minibatch.wgsl
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
@group(0) @binding(10) var<storage, read_write> pre_tanh: array<f32>;
@group(0) @binding(11) var<storage, read_write> actions: array<f32>;

fn prepare(row: u32) {
  let s = params.observation_size;
  set_inputs(row, record_of(row % params.states), s);
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
