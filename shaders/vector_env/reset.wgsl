// s_0 ~ p(s_0): the first state and observation of every environment, and empty episode statistics.
// One invocation per environment; arrays as in step.wgsl.
// #import vector_env/interface.wgsl
// #import common/clock.wgsl
// #import common/random.wgsl
// #slot env

struct Params {
  environments: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<uniform> clock: Clock;
@group(0) @binding(3) var<storage, read> seeds: array<u32>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> observation: array<f32>;

fn action(index: u32) -> f32 {
  return 0.0; // a reset has no action; the module's env_step needs the name
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.environments) { return; }
  instance = id.x;
  member = id.y;
  random_stream = STREAM_FIRST_RESET;
  env_reset();
  env_observe();
}
