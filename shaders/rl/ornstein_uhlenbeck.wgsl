// x += -theta x + sigma eps, a = clip(a + x): exploration noise of Ornstein and Uhlenbeck on top of the policy's actions
// (appendix D.1), starting from zero in every episode. One invocation per environment that does not act at random anyway.
// noise and action (R, E, A); episode_length (E) of member 0 at episode_length_offset, others episode_stride further.
// #import common/clock.wgsl
// #import common/random.wgsl

struct Params {
  environments: u32,
  random_environments: u32,
  action_size: u32,
  episode_length_offset: u32,
  episode_stride: u32,
  theta: f32,
  sigma: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> seeds: array<u32>;
@group(0) @binding(3) var<storage, read> episode_length: array<f32>;
@group(0) @binding(4) var<storage, read_write> noise: array<f32>;
@group(0) @binding(5) var<storage, read_write> action: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.random_environments || id.x >= params.environments) { return; }
  let member = id.y;
  let begins = episode_length[params.episode_length_offset + member * params.episode_stride + id.x] == 0.0;
  for (var d = 0u; d < params.action_size; d++) {
    let at = (member * params.environments + id.x) * params.action_size + d;
    let bits = random(seeds[member], STREAM_EXPLORATION, clock.iteration, id.x * params.action_size + d);
    let x = select(noise[at], 0.0, begins);
    noise[at] = x - params.theta * x + params.sigma * normal_pair(bits.xy).x;
    action[at] = clamp(action[at] + noise[at], -1.0, 1.0);
  }
}
