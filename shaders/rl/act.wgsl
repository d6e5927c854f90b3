// a = tanh u, or uniform in [-1, 1]^A for the first `random_environments` environments, which always explore.
// One invocation per environment. pre_tanh (R, E, stride); action (R, E, A).
// #import common/clock.wgsl
// #import common/random.wgsl
// #import common/squash.wgsl

struct Params {
  environments: u32,
  random_environments: u32,
  action_size: u32,
  stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> seeds: array<u32>;
@group(0) @binding(3) var<storage, read> pre_tanh: array<f32>;
@group(0) @binding(4) var<storage, read_write> action: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.environments) { return; }
  let member = id.y;
  let environment = member * params.environments + id.x;
  for (var d = 0u; d < params.action_size; d++) {
    let at = environment * params.action_size + d;
    if (id.x < params.random_environments) {
      let bits = random(seeds[member], STREAM_RANDOM_ACTION, clock.iteration, id.x * params.action_size + d).x;
      action[at] = 2.0 * uniform_from(bits) - 1.0;
    } else {
      action[at] = squash(pre_tanh[environment * params.stride + d]);
    }
  }
}
