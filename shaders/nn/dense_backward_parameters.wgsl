// dW = x^T dy and db = sum of dy over the rows, one layer of each of R members, in S partial sums over rows.
// One invocation computes 4 INPUTS4 x 4 COLUMNS4 weights of one partial sum; the optimiser adds the partial sums up in
// a fixed order, so no atomics are needed and the result does not depend on timing. Invocations are numbered through
// splits, then tiles, so that no lane is idle however narrow the layer is; workgroup_id.y is the member.
// input (R, total_rows, 4 input4), dOutput (R, total_rows, 4 output4), dParameters (R, S, 4 member4).

const INPUTS4 = 2u; // #tunable
const COLUMNS4 = 2u; // #tunable
const INPUTS = INPUTS4 * 4u;
const SUMS = INPUTS4 * COLUMNS4 * 16u;
const COLUMNS = COLUMNS4 * 4u;

struct Params {
  first_row: u32,
  rows: u32,
  total_rows: u32,
  rows_per_split: u32,
  splits: u32,
  column_tiles: u32,
  tiles: u32,
  input4: u32,
  output4: u32,
  weights4: u32,
  bias4: u32,
  member4: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
@group(0) @binding(2) var<storage, read> dOutput: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dParameters: array<vec4f>;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) workgroup: vec3u) {
  let split = id.x / params.tiles;
  let tile = id.x % params.tiles;
  if (split >= params.splits) { return; }
  let first_input = tile / params.column_tiles * INPUTS4;
  let first_column = tile % params.column_tiles * COLUMNS4;
  let member = workgroup.y;
  let begin = split * params.rows_per_split;
  let end = min(begin + params.rows_per_split, params.rows);
  let first = member * params.total_rows + params.first_row;

  var column: array<u32, COLUMNS4>; // edge tiles repeat the last column and do not store it
  // #unroll
  for (var n = 0u; n < COLUMNS4; n++) {
    column[n] = min(first_column + n, params.output4 - 1u);
  }
  var feature: array<u32, INPUTS4>;
  // #unroll
  for (var k = 0u; k < INPUTS4; k++) {
    feature[k] = min(first_input + k, params.input4 - 1u);
  }

  var sum: array<f32, SUMS>;
  var bias: array<vec4f, COLUMNS4>;
  for (var row = first + begin; row < first + end; row++) {
    var dy: array<vec4f, COLUMNS4>;
    // #unroll
    for (var n = 0u; n < COLUMNS4; n++) {
      dy[n] = dOutput[row * params.output4 + column[n]];
      bias[n] += dy[n];
    }
    // #unroll
    for (var k = 0u; k < INPUTS4; k++) {
      let x = input[row * params.input4 + feature[k]];
      // #unroll
      for (var c = 0u; c < 4u; c++) {
        // #unroll
        for (var n = 0u; n < COLUMNS4; n++) {
          sum[((k * 4u + c) * COLUMNS4 + n) * 4u] += x[c] * dy[n].x;
          sum[((k * 4u + c) * COLUMNS4 + n) * 4u + 1u] += x[c] * dy[n].y;
          sum[((k * 4u + c) * COLUMNS4 + n) * 4u + 2u] += x[c] * dy[n].z;
          sum[((k * 4u + c) * COLUMNS4 + n) * 4u + 3u] += x[c] * dy[n].w;
        }
      }
    }
  }

  let base = (member * params.splits + split) * params.member4;
  // #unroll
  for (var n = 0u; n < COLUMNS4; n++) {
    if (first_column + n < params.output4) {
      let at = first_column + n;
      if (first_input == 0u) { dParameters[base + params.bias4 + at] = bias[n]; }
      // #unroll
      for (var c = 0u; c < INPUTS; c++) {
        if (4u * first_input + c < 4u * params.input4) {
          let i = (c * COLUMNS4 + n) * 4u;
          dParameters[base + params.weights4 + (4u * first_input + c) * params.output4 + at] =
            vec4f(sum[i], sum[i + 1u], sum[i + 2u], sum[i + 3u]);
        }
      }
    }
  }
}
