// total = sum_c part_c over n critics: the chain rule over an ensemble, whose parts come weighted already.
// One invocation per number; parts (R, n, length), total (R, length).

struct Params {
  length: u32,
  critics: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> total: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.length) { return; }
  var sum = 0.0;
  for (var c = 0u; c < params.critics; c++) {
    sum += parts[(id.y * params.critics + c) * params.length + id.x];
  }
  total[id.y * params.length + id.x] = sum;
}
