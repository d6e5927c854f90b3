// target += tau (online - target) at every `interval`-th update of the critic: Polyak averaging with interval 1,
// the paper's hard copy with tau 1 (Algorithm 1, lines 27-28). One invocation per parameter; both (R, size) flat.
// #import common/clock.wgsl

struct Params {
  size: u32,
  interval: u32,
  tau: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> online: array<f32>;
@group(0) @binding(3) var<storage, read_write> averaged: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.size || (clock.updates + 1u) % params.interval != 0u) { return; }
  averaged[id.x] = select(averaged[id.x] + params.tau * (online[id.x] - averaged[id.x]), online[id.x], params.tau == 1.0);
}
