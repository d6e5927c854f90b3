// Column `column` of `sums`: PARTS partial sums of `count` numbers of one tensor, per member. One invocation per part;
// part p adds the numbers p, p + PARTS, ... in order. sums (R, columns, PARTS).

const PARTS = 64u;

struct Params {
  first: u32,
  count: u32,
  stride: u32,
  member_stride: u32,
  column: u32,
  columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let member = id.y;
  let base = params.first + member * params.member_stride;
  var sum = 0.0;
  for (var i = id.x; i < params.count; i += PARTS) {
    sum += source[base + i * params.stride];
  }
  sums[(member * params.columns + params.column) * PARTS + id.x] = sum;
}
