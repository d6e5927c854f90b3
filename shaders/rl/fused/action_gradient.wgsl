// Role of the critic at the fixed particles: dQ/da, eq. 13's energy gradient times alpha. Row j B + b of fixed particle j.
// actions (R, particles, B, stride), the fixed ones first; slopes (R, M B, A).
// #import rl/fused/minibatch.wgsl

struct Params {
  states: u32,
  particles: u32, // fixed and updated ones
  observation_size: u32,
  action_size: u32,
  capacity: u32,
  stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(6) var<storage, read> actions: array<f32>;
@group(0) @binding(10) var<storage, read_write> slopes: array<f32>;

fn prepare(row: u32) {
  let s = params.observation_size;
  set_inputs(row, record_of(row % params.states), s);
  let particle = (member * params.particles * params.states + row) * params.stride;
  for (var d = 0u; d < params.action_size; d++) { set_input(row, s + d, actions[particle + d]); }
}

fn differentiate(row: u32) {
  set_output_gradient(row, 0u, 1.0);
}

fn finish(row: u32) {
  for (var d = 0u; d < params.action_size; d++) {
    slopes[(member * network.rows + row) * params.action_size + d] = input_gradient(row, params.observation_size + d);
  }
}
