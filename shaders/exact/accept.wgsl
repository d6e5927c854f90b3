// value = backup + correction, and how far that is from the value before: part p of `extremes` holds the largest
// |new - old| and, PARTS further, the largest |new| among the numbers p, p + PARTS, ...
// One invocation per part. The old value is left where the backup was. value, backup, correction: (size), padding of
// the last quadruple of columns included, which holds copies of real columns.
// #import common/finite.wgsl

const PARTS = 4096u;
const NOT_FINITE = 1e30; // what a NaN or an infinity counts as, so that a maximum cannot lose it

struct Params {
  size: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> correction: array<f32>;
@group(0) @binding(2) var<storage, read_write> value: array<f32>;
@group(0) @binding(3) var<storage, read_write> backup: array<f32>;
@group(0) @binding(4) var<storage, read_write> extremes: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  var change = 0.0;
  var size = 0.0;
  for (var i = id.x; i < params.size; i += PARTS) {
    let old = value[i];
    let new_value = backup[i] + correction[i];
    value[i] = new_value;
    backup[i] = old;
    change = max(change, select(NOT_FINITE, abs(new_value - old), is_finite(new_value)));
    size = max(size, abs(new_value));
  }
  extremes[id.x] = change;
  extremes[PARTS + id.x] = size;
}
