// y = activation(x W + b), one layer of each of R members (workgroup_id.z).
// One invocation computes ROWS rows x 4 COLUMNS4 columns. Feature axes are padded with zeros to multiples of four:
// input (R, total_rows, 4 input4), output (R, total_rows, 4 output4),
// parameters (R, 4 member4) with W (4 input4, 4 output4) at weights4 and b (4 output4) at bias4.
// All invocations of a workgroup have the same columns. So the lanes of a subgroup share the work of loading weights:
// each loads every LANES-th of the tile, and all get them from it by broadcast.
// #import common/activation.wgsl
// #import common/subgroup_of_one.wgsl

const ROWS = 4u; // #tunable
const COLUMNS4 = 4u; // #tunable
const LANES = 1u; // #tunable
const LOADS = 16u; // #tunable
const WORKGROUP = 16u; // #tunable
const TILE = COLUMNS4 * 4u; // vec4f of weights in four rows of W, at most LANES LOADS
const SUMS = ROWS * COLUMNS4 * 4u;

struct Params {
  rows: u32,
  total_rows: u32,
  input4: u32,
  output4: u32,
  weights4: u32,
  bias4: u32,
  member4: u32,
  activated: u32, // 1 in a hidden layer
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
@group(0) @binding(2) var<storage, read> parameters: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) workgroup: vec3u) {
  let first_row = id.x * ROWS;
  let first_column = workgroup.y * COLUMNS4;
  let member = workgroup.z;
  let base = member * params.member4;
  let lane = subgroupExclusiveAdd(1u);

  var weight: array<u32, LOADS>; // edge tiles repeat the last row or column and do not store it
  // #unroll
  for (var i = 0u; i < LOADS; i++) {
    let t = min(lane + i * LANES, TILE - 1u);
    let column = min(first_column + t % COLUMNS4, params.output4 - 1u);
    weight[i] = base + params.weights4 + t / COLUMNS4 * params.output4 + column;
  }
  var row: array<u32, ROWS>;
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    row[r] = (member * params.total_rows + min(first_row + r, params.rows - 1u)) * params.input4;
  }

  var sum: array<f32, SUMS>;
  for (var k = 0u; k < params.input4; k++) {
    var loaded: array<vec4f, LOADS>;
    // #unroll
    for (var i = 0u; i < LOADS; i++) {
      loaded[i] = parameters[weight[i] + 4u * k * params.output4];
    }
    var x: array<vec4f, ROWS>;
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      x[r] = input[row[r] + k];
    }
    // #unroll
    for (var n = 0u; n < COLUMNS4; n++) {
      let w0 = subgroupBroadcast(loaded[n / LANES], n % LANES);
      let w1 = subgroupBroadcast(loaded[(COLUMNS4 + n) / LANES], (COLUMNS4 + n) % LANES);
      let w2 = subgroupBroadcast(loaded[(2u * COLUMNS4 + n) / LANES], (2u * COLUMNS4 + n) % LANES);
      let w3 = subgroupBroadcast(loaded[(3u * COLUMNS4 + n) / LANES], (3u * COLUMNS4 + n) % LANES);
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        // #unroll
        for (var c = 0u; c < 4u; c++) {
          let i = (r * COLUMNS4 + n) * 4u + c;
          sum[i] = sum[i] + x[r].x * w0[c] + x[r].y * w1[c] + x[r].z * w2[c] + x[r].w * w3[c];
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
          let y = vec4f(sum[i], sum[i + 1u], sum[i + 2u], sum[i + 3u]) + b;
          output[(member * params.total_rows + first_row + r) * params.output4 + first_column + n] =
            select(y, activate(y), params.activated == 1u);
        }
      }
    }
  }
}
