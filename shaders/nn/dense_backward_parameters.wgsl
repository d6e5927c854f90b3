// dW = x^T dy and db = sum of dy over the rows, one layer of each of R members, in S partial sums over rows.
// One invocation computes 4 INPUTS4 x 4 COLUMNS4 weights of one partial sum; the optimiser adds the partial sums up in
// a fixed order, so no atomics are needed and the result does not depend on timing. workgroup_id.z = member * S + s.
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

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) workgroup: vec3u) {
  let first_column = id.x * COLUMNS4;
  let first_input = id.y * INPUTS4;
  if (first_column >= params.output4 || first_input >= params.input4) { return; }
  let member = workgroup.z / params.splits;
  let split = workgroup.z % params.splits;
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
  var bias: array<f32, COLUMNS>;
  for (var row = first + begin; row < first + end; row++) {
    var x: array<vec4f, INPUTS4>;
    // #unroll
    for (var k = 0u; k < INPUTS4; k++) {
      x[k] = input[row * params.input4 + feature[k]];
    }
    // #unroll
    for (var n = 0u; n < COLUMNS4; n++) {
      let dy = dOutput[row * params.output4 + column[n]];
      bias[n * 4u] += dy.x;
      bias[n * 4u + 1u] += dy.y;
      bias[n * 4u + 2u] += dy.z;
      bias[n * 4u + 3u] += dy.w;
      // #unroll
      for (var k = 0u; k < INPUTS4; k++) {
        // #unroll
        for (var c = 0u; c < 4u; c++) {
          sum[((k * 4u + c) * COLUMNS4 + n) * 4u] += x[k][c] * dy.x;
          sum[((k * 4u + c) * COLUMNS4 + n) * 4u + 1u] += x[k][c] * dy.y;
          sum[((k * 4u + c) * COLUMNS4 + n) * 4u + 2u] += x[k][c] * dy.z;
          sum[((k * 4u + c) * COLUMNS4 + n) * 4u + 3u] += x[k][c] * dy.w;
        }
      }
    }
  }

  let base = workgroup.z * params.member4;
  // #unroll
  for (var n = 0u; n < COLUMNS4; n++) {
    if (first_column + n < params.output4) {
      let at = first_column + n;
      if (first_input == 0u) {
        let i = n * 4u;
        dParameters[base + params.bias4 + at] = vec4f(bias[i], bias[i + 1u], bias[i + 2u], bias[i + 3u]);
      }
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
