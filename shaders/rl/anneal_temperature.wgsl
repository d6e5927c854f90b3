// alpha_u = start (end / start)^min(1, u / duration): a geometric schedule over the updates. One invocation per member;
// the u-th update is about to run when this has run. temperature and start (R).
// #import common/clock.wgsl

struct Params {
  members: u32,
  octaves: f32, // log2(end / start)
  duration: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> start: array<f32>;
@group(0) @binding(3) var<storage, read_write> temperature: array<f32>;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.members) { return; }
  let progress = min(1.0, f32(clock.updates) / params.duration);
  temperature[id.x] = start[id.x] * exp2(params.octaves * progress);
}
