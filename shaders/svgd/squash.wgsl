// a = tanh u: particles placed in the box. One invocation per number, padding (tanh 0 = 0) included; pre_tanh and
// positions (size).
// #import common/squash.wgsl

struct Params {
  size: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pre_tanh: array<f32>;
@group(0) @binding(2) var<storage, read_write> positions: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.size) { positions[id.x] = squash(pre_tanh[id.x]); }
}
