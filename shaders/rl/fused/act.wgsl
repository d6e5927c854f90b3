// Role of the sampling network in the environments: a = tanh f(xi; s), or uniform in [-1, 1]^A for the first
// `random_environments`, which always explore. Row e of environment e. observation (R, E, S); action (R, E, A).
// #import common/clock.wgsl
// #import rl/fused/latent_noise.wgsl
// #import common/squash.wgsl

struct Params {
  random_environments: u32,
  observation_size: u32,
  action_size: u32,
  latent_size: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<uniform> clock: Clock;
@group(0) @binding(4) var<storage, read> seeds: array<u32>;
@group(0) @binding(5) var<storage, read> observation: array<f32>;
@group(0) @binding(10) var<storage, read_write> action: array<f32>;

fn prepare(row: u32) {
  let s = params.observation_size;
  for (var i = 0u; i < s; i++) { set_input(row, i, observation[(member * network.rows + row) * s + i]); }
  set_noise(row, s, params.latent_size, seeds[member], STREAM_ACT, clock.iteration);
}

fn finish(row: u32) {
  for (var d = 0u; d < params.action_size; d++) {
    let bits = random(seeds[member], STREAM_RANDOM_ACTION, clock.iteration, row * params.action_size + d).x;
    let is_random = row < params.random_environments;
    action[(member * network.rows + row) * params.action_size + d] =
      select(squash(output(row, d)), 2.0 * uniform_from(bits) - 1.0, is_random);
  }
}
