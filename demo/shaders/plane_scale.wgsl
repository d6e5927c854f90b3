// The least and the largest V of the plane: the ends of its colours. One workgroup.
// value (PLANE_SIDE^2); field (PLANE_SIDE^2) gets a copy; scale (SCALE_SIZE).
@group(0) @binding(0) var<uniform> energy: Energy;
@group(0) @binding(1) var<storage, read> value: array<f32>;
@group(0) @binding(2) var<storage, read_write> field: array<f32>;
@group(0) @binding(3) var<storage, read_write> scale: array<f32>;

const LANES = 64u;
var<workgroup> least: array<f32, LANES>;
var<workgroup> most: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  var low = 3e38;
  var high = -3e38;
  for (var i = lane; i < PLANE_SIDE * PLANE_SIDE; i += LANES) {
    field[i] = value[i];
    low = min(low, value[i]);
    high = max(high, value[i]);
  }
  least[lane] = low;
  most[lane] = high;
  workgroupBarrier();
  if (lane > 0u) { return; }
  for (var i = 1u; i < LANES; i++) {
    low = min(low, least[i]);
    high = max(high, most[i]);
  }
  scale[LOW] = low;
  scale[HIGH] = high;
  scale[STEP] = max(high - low, 1e-6) / PLANE_CONTOURS;
}
