// result[i] = source[i]: what the adapter moves when nothing is computed, four bytes read and four written for each number.
// One invocation copies one vec4f; both arrays: (vectors).

struct Params {
  vectors: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4f>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.vectors) {
    result[id.x] = source[id.x];
  }
}
