// Q = mean_c Q_c or min_c Q_c over n critics, and its slopes dQ/dQ_c: 1 / n, or 1 at the least (the first, if several are)
// and 0 elsewhere. One invocation per row. q_values and dQ (R, n, rows, 4), value (R, rows, 4), the value in the first
// of four.

override ENSEMBLE: u32;
const MEAN = 1u;
const MIN = 2u;

struct Params {
  rows: u32,
  critics: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q_values: array<f32>;
@group(0) @binding(2) var<storage, read_write> value: array<f32>;
@group(0) @binding(3) var<storage, read_write> dQ: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let first = id.y * params.critics * params.rows + id.x;
  var least = 0u;
  var sum = 0.0;
  for (var c = 0u; c < params.critics; c++) {
    let q = q_values[4u * (first + c * params.rows)];
    if (q < q_values[4u * (first + least * params.rows)]) { least = c; }
    sum += q;
  }
  let share = 1.0 / f32(params.critics);
  for (var c = 0u; c < params.critics; c++) {
    dQ[4u * (first + c * params.rows)] = select(share, select(0.0, 1.0, c == least), ENSEMBLE == MIN);
  }
  value[4u * (id.y * params.rows + id.x)] =
    select(sum * share, q_values[4u * (first + least * params.rows)], ENSEMBLE == MIN);
}
