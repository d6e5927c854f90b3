// dW = x^T dy and db = sum of dy over the rows, one layer of each of R members, in S partial sums over rows.
// One invocation computes 4 INPUTS4 x 4 COLUMNS4 weights of one partial sum; the optimiser adds the partial sums up in
// a fixed order, so no atomics are needed and the result does not depend on timing. Subgroups are numbered through
// splits, then tiles, so that none is idle however narrow the layer is; workgroup_id.y is the member.
// The lanes of a subgroup have the same inputs, of which each loads every LANES-th and gets all by broadcast, and every
// LANES-th four columns. Rows go ROWS at a time, since a turn of a loop costs a processor much for every sum.
// input (R, total_rows, 4 input4), dOutput (R, total_rows, 4 output4), dParameters (R, S, 4 member4).
// #import common/subgroup_of_one.wgsl

diagnostic(off, subgroup_uniformity); // where lanes share loads, WORKGROUP is LANES: a workgroup is a subgroup

const INPUTS4 = 2u; // #tunable
const COLUMNS4 = 2u; // #tunable
const ROWS = 1u; // #tunable
const LANES = 1u; // #tunable
const LOADS = 2u; // #tunable
const WORKGROUP = 16u; // #tunable
const INPUTS = INPUTS4 * 4u;
const COLUMNS = COLUMNS4 * LANES * 4u;
const SUMS = INPUTS * COLUMNS4 * 4u;
const FOURS = ROWS * COLUMNS4;

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

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) workgroup: vec3u) {
  let split = id.x / LANES / params.tiles;
  let tile = id.x / LANES % params.tiles;
  if (split >= params.splits) { return; }
  let lane = subgroupExclusiveAdd(1u);
  let first_input = tile / params.column_tiles * INPUTS4;
  let first_column = tile % params.column_tiles * COLUMNS4 * LANES + lane;
  let member = workgroup.y;
  let first = member * params.total_rows + params.first_row;
  let begin = first + split * params.rows_per_split;
  let end = first + min((split + 1u) * params.rows_per_split, params.rows);

  var column: array<u32, COLUMNS4>; // edge tiles repeat the last column and do not store it
  // #unroll
  for (var n = 0u; n < COLUMNS4; n++) {
    column[n] = min(first_column + n * LANES, params.output4 - 1u);
  }
  var feature: array<u32, LOADS>;
  // #unroll
  for (var i = 0u; i < LOADS; i++) {
    feature[i] = min(first_input + min(lane + i * LANES, INPUTS4 - 1u), params.input4 - 1u);
  }

  var sum: array<f32, SUMS>;
  var bias: array<vec4f, COLUMNS4>;
  for (var next = begin; next < end; next += ROWS) {
    var dy: array<vec4f, FOURS>;
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      let row = min(next + r, end - 1u); // what is behind the last row counts as zero
      var x: array<vec4f, LOADS>;
      // #unroll
      for (var i = 0u; i < LOADS; i++) {
        x[i] = input[row * params.input4 + feature[i]];
      }
      // #unroll
      for (var n = 0u; n < COLUMNS4; n++) {
        dy[r * COLUMNS4 + n] = select(vec4f(0.0), dOutput[row * params.output4 + column[n]], next + r < end);
        bias[n] += dy[r * COLUMNS4 + n];
      }
      // #unroll
      for (var k = 0u; k < INPUTS4; k++) {
        let four = subgroupBroadcast(x[k / LANES], k % LANES);
        // #unroll
        for (var c = 0u; c < 4u; c++) {
          // #unroll
          for (var n = 0u; n < COLUMNS4; n++) {
            // #unroll
            for (var j = 0u; j < 4u; j++) {
              sum[((k * 4u + c) * COLUMNS4 + n) * 4u + j] += four[c] * dy[r * COLUMNS4 + n][j];
            }
          }
        }
      }
    }
  }

  let base = (member * params.splits + split) * params.member4;
  // #unroll
  for (var n = 0u; n < COLUMNS4; n++) {
    let at = first_column + n * LANES;
    if (at < params.output4) {
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
