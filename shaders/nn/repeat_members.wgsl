// copies[m n + c] = source[m]: what R members have is given to n consecutive members each, as to an ensemble of networks
// that all look at the same rows. One invocation per number; source (R, length), copies (R n, length).

struct Params {
  length: u32,
  count: u32, // n
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> copies: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.length) { return; }
  copies[id.y * params.length + id.x] = source[id.y / params.count * params.length + id.x];
}
