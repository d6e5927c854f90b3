// dx = (dy W^T) * activation'(x), one layer of each of R members (workgroup_id.z); x is the layer's saved input,
// that is the output of the activation before it.
// One invocation computes ROWS rows x 4 COLUMNS4 inputs. Rows run from first_row on, in all arrays:
// dOutput (R, total_rows, 4 output4), saved and dInput (R, total_rows, 4 input4), parameters as in dense_forward.wgsl.
// dInput may be a view of a larger tensor, such as one row of a Jacobian.
// The lanes of a subgroup share the loading of weights as they do there.
// #import common/activation.wgsl
// #import common/subgroup_of_one.wgsl

const ROWS = 4u; // #tunable
const COLUMNS4 = 4u; // #tunable
const LANES = 1u; // #tunable
const LOADS = 16u; // #tunable
const WORKGROUP = 16u; // #tunable
const TILE = COLUMNS4 * 4u; // rows of W, a vec4f of each at a time, at most LANES LOADS
const SUMS = ROWS * COLUMNS4 * 4u;

struct Params {
  first_row: u32,
  rows: u32,
  total_rows: u32,
  input4: u32,
  output4: u32,
  weights4: u32,
  member4: u32,
  activated: u32, // 1 if x is the output of a hidden layer, 0 if it is the network's input
  dInput_offset: u32, // numbers before the view's first, a multiple of four
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOutput: array<vec4f>;
@group(0) @binding(2) var<storage, read> parameters: array<vec4f>;
@group(0) @binding(3) var<storage, read> saved: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dInput: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) workgroup: vec3u) {
  let tile_row = id.x * ROWS;
  let first_column = workgroup.y * COLUMNS4;
  let member = workgroup.z;
  let first = member * params.total_rows + params.first_row;
  let lane = subgroupExclusiveAdd(1u);

  var weight: array<u32, LOADS>; // edge tiles repeat the last row or column and do not store it
  // #unroll
  for (var i = 0u; i < LOADS; i++) {
    let t = min(lane + i * LANES, TILE - 1u);
    weight[i] = member * params.member4 + params.weights4
      + min(4u * first_column + t, 4u * params.input4 - 1u) * params.output4;
  }
  var row: array<u32, ROWS>;
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    row[r] = (first + min(tile_row + r, params.rows - 1u)) * params.output4;
  }

  var sum: array<f32, SUMS>;
  for (var n = 0u; n < params.output4; n++) {
    var loaded: array<vec4f, LOADS>;
    // #unroll
    for (var i = 0u; i < LOADS; i++) {
      loaded[i] = parameters[weight[i] + n];
    }
    var dy: array<vec4f, ROWS>;
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      dy[r] = dOutput[row[r] + n];
    }
    // #unroll
    for (var c = 0u; c < TILE; c++) {
      let w = subgroupBroadcast(loaded[c / LANES], c % LANES);
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        sum[r * TILE + c] += dot(dy[r], w);
      }
    }
  }

  // #unroll
  for (var n = 0u; n < COLUMNS4; n++) {
    if (first_column + n < params.input4) {
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        if (tile_row + r < params.rows) {
          let i = r * TILE + 4u * n;
          let at = (first + tile_row + r) * params.input4 + first_column + n;
          let dx = vec4f(sum[i], sum[i + 1u], sum[i + 2u], sum[i + 3u]);
          dInput[params.dInput_offset / 4u + at] = select(dx, dx * slope(saved[at]), params.activated == 1u);
        }
      }
    }
  }
}
