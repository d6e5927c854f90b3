// dx = (dy W^T) * activation'(x), one layer of each of R members (workgroup_id.z); x is the layer's saved input,
// that is the output of the activation before it.
// One invocation computes ROWS rows x 4 COLUMNS4 inputs. Rows run from first_row on, in all arrays:
// dOutput (R, total_rows, 4 output4), saved and dInput (R, total_rows, 4 input4), parameters as in dense_forward.wgsl.
// #import common/activation.wgsl

const ROWS = 8u; // #tunable
const COLUMNS4 = 2u; // #tunable
const COLUMNS = COLUMNS4 * 4u;
const SUMS = ROWS * COLUMNS4 * 4u;

struct Params {
  first_row: u32,
  rows: u32,
  total_rows: u32,
  input4: u32,
  output4: u32,
  weights4: u32,
  member4: u32,
  activation: u32, // of the layer below, identity for the network's input
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOutput: array<vec4f>;
@group(0) @binding(2) var<storage, read> parameters: array<vec4f>;
@group(0) @binding(3) var<storage, read> saved: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dInput: array<vec4f>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) workgroup: vec3u) {
  let first_column = id.x * COLUMNS4;
  let tile_row = id.y * ROWS;
  if (first_column >= params.input4 || tile_row >= params.rows) { return; }
  let member = workgroup.z;
  let first = member * params.total_rows + params.first_row;

  var weights: array<u32, COLUMNS>; // edge tiles repeat the last row or column and do not store it
  // #unroll
  for (var c = 0u; c < COLUMNS; c++) {
    weights[c] = member * params.member4 + params.weights4
      + min(4u * first_column + c, 4u * params.input4 - 1u) * params.output4;
  }
  var row: array<u32, ROWS>;
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    row[r] = (first + min(tile_row + r, params.rows - 1u)) * params.output4;
  }

  var sum: array<f32, SUMS>;
  for (var n = 0u; n < params.output4; n++) {
    var dy: array<vec4f, ROWS>;
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      dy[r] = dOutput[row[r] + n];
    }
    // #unroll
    for (var c = 0u; c < COLUMNS; c++) {
      let w = parameters[weights[c] + n];
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        sum[r * COLUMNS + c] += dot(dy[r], w);
      }
    }
  }

  // #unroll
  for (var n = 0u; n < COLUMNS4; n++) {
    if (first_column + n < params.input4) {
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        if (tile_row + r < params.rows) {
          let i = r * COLUMNS + 4u * n;
          let at = (first + tile_row + r) * params.input4 + first_column + n;
          let dx = vec4f(sum[i], sum[i + 1u], sum[i + 2u], sum[i + 3u]);
          dInput[at] = dx * slope(params.activation, saved[at]);
        }
      }
    }
  }
}
