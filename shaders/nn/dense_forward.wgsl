// y = activation(x W + b), one layer of each of R members (workgroup_id.z).
// One invocation computes ROWS rows x 4 COLUMNS4 columns. Feature axes are padded with zeros to multiples of four:
// input (R, total_rows, 4 input4), output (R, total_rows, 4 output4),
// parameters (R, 4 member4) with W (4 input4, 4 output4) at weights4 and b (4 output4) at bias4.
// #import common/activation.wgsl

const ROWS = 8u; // #tunable
const COLUMNS4 = 2u; // #tunable
const SUMS = ROWS * COLUMNS4 * 4u;

struct Params {
  rows: u32,
  total_rows: u32,
  input4: u32,
  output4: u32,
  weights4: u32,
  bias4: u32,
  member4: u32,
  activation: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
@group(0) @binding(2) var<storage, read> parameters: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4f>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) workgroup: vec3u) {
  let first_column = id.x * COLUMNS4;
  let first_row = id.y * ROWS;
  if (first_column >= params.output4 || first_row >= params.rows) { return; }
  let member = workgroup.z;
  let base = member * params.member4;

  var column: array<u32, COLUMNS4>; // edge tiles repeat the last row or column and do not store it
  // #unroll
  for (var n = 0u; n < COLUMNS4; n++) {
    column[n] = min(first_column + n, params.output4 - 1u);
  }
  var row: array<u32, ROWS>;
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    row[r] = (member * params.total_rows + min(first_row + r, params.rows - 1u)) * params.input4;
  }

  var sum: array<f32, SUMS>;
  for (var k = 0u; k < params.input4; k++) {
    var x: array<vec4f, ROWS>;
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      x[r] = input[row[r] + k];
    }
    // #unroll
    for (var c = 0u; c < 4u; c++) {
      let weights = base + params.weights4 + (4u * k + c) * params.output4;
      // #unroll
      for (var n = 0u; n < COLUMNS4; n++) {
        let w = parameters[weights + column[n]];
        // #unroll
        for (var r = 0u; r < ROWS; r++) {
          sum[(r * COLUMNS4 + n) * 4u] += x[r][c] * w.x;
          sum[(r * COLUMNS4 + n) * 4u + 1u] += x[r][c] * w.y;
          sum[(r * COLUMNS4 + n) * 4u + 2u] += x[r][c] * w.z;
          sum[(r * COLUMNS4 + n) * 4u + 3u] += x[r][c] * w.w;
        }
      }
    }
  }

  // #unroll
  for (var n = 0u; n < COLUMNS4; n++) {
    if (first_column + n < params.output4) {
      let b = parameters[base + params.bias4 + first_column + n];
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        if (first_row + r < params.rows) {
          let i = (r * COLUMNS4 + n) * 4u;
          let y = activate(params.activation, vec4f(sum[i], sum[i + 1u], sum[i + 2u], sum[i + 3u]) + b);
          output[(member * params.total_rows + first_row + r) * params.output4 + first_column + n] = y;
        }
      }
    }
  }
}
