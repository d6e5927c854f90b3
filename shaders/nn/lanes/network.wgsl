// A network of two hidden layers of ReLUs, ROWS rows to a lane, without a barrier and with nothing in memory but parameters,
// inputs and results. A lane keeps the first hidden layer of its rows to itself (k of them, FIRST) and goes through the
// units of the second one by one (n of them), so that every sum over k stays in registers. The weights of a unit are
// loaded once for all rows of a subgroup: each lane loads every LANES-th, and all get them from it by broadcast. So a weight
// is loaded for ROWS LANES rows at a time, where a load costs as much as dozens of multiply-adds (docs/performance.md).
// A workgroup is a subgroup of LANES lanes. Inputs and outputs are at most four, padded with zeros.
// parameters (R, member_size) with W (inputs, outputs) at weights0 to weights2 and b at bias0 to bias2; input (R, total_rows, 4).

const LANES = 8u;
const INPUTS = 4u;
const OUTPUTS = 2u; // #tunable
const ROWS = 4u; // #tunable
const LOADS1 = 8u; // #tunable
const LOADS2 = 8u; // #tunable
const FIRST = LOADS1 * LANES;
const SECOND = LOADS2 * LANES;
const FIRST_ROWS = FIRST * ROWS;
const SECOND_ROWS = SECOND * ROWS;
const INPUT_ROWS = INPUTS * ROWS;
const OUTPUT_ROWS = OUTPUTS * ROWS;

struct Params {
  first_row: u32,
  rows: u32,
  total_rows: u32,
  weights0: u32,
  bias0: u32,
  weights1: u32,
  bias1: u32,
  weights2: u32,
  bias2: u32,
  member_size: u32,
  splits: u32, // of a parameter gradient
  result_offset: u32, // numbers before the first of `result`, which may be a view of a larger tensor
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> parameters: array<f32>;

var<private> lane: u32;
var<private> base: u32; // of the member's parameters
var<private> row: array<u32, ROWS>; // among all members' rows; lanes behind the last repeat it and store nothing
var<private> stored: array<bool, ROWS>;
var<private> x: array<f32, INPUT_ROWS>; // x[i ROWS + r]
var<private> h: array<f32, FIRST_ROWS>; // the first hidden layer, h[k ROWS + r]
var<private> z: array<f32, ROWS>; // unit n of the second, before its ReLU
var<private> weight: array<f32, LOADS1>; // this lane's part of W(., n)
var<private> tail: f32; // the bias of unit n in the last lane, its weights to the outputs in the first ones

fn begin(block: u32, member: u32, subgroup_lane: u32) {
  lane = subgroup_lane;
  base = member * params.member_size;
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    let at = (block * ROWS + r) * LANES + lane;
    row[r] = member * params.total_rows + params.first_row + min(at, params.rows - 1u);
    stored[r] = at < params.rows;
  }
}

fn first_layer() {
  // #unroll
  for (var i = 0u; i < INPUTS; i++) {
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      x[i * ROWS + r] = input[row[r] * INPUTS + i];
    }
  }
  // #unroll
  for (var c = 0u; c < LOADS1; c++) {
    let b = parameters[base + params.bias0 + c * LANES + lane];
    var w: array<f32, INPUTS>;
    // #unroll
    for (var i = 0u; i < INPUTS; i++) {
      w[i] = parameters[base + params.weights0 + i * FIRST + c * LANES + lane];
    }
    // #unroll
    for (var j = 0u; j < LANES; j++) {
      var sum: array<f32, ROWS>;
      let b_j = subgroupBroadcast(b, j);
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        sum[r] = b_j;
      }
      // #unroll
      for (var i = 0u; i < INPUTS; i++) {
        let w_j = subgroupBroadcast(w[i], j);
        // #unroll
        for (var r = 0u; r < ROWS; r++) {
          sum[r] += w_j * x[i * ROWS + r];
        }
      }
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        h[(c * LANES + j) * ROWS + r] = max(0.0, sum[r]);
      }
    }
  }
}

fn second_weight(at: u32) -> f32 { return parameters[base + params.weights1 + at]; }

// z = W(., n)^T h + b, and the parameters that go with unit n.
fn second_layer(n: u32) {
  // #unroll
  for (var c = 0u; c < LOADS1; c++) {
    weight[c] = second_weight((c * LANES + lane) * SECOND + n);
  }
  tail = parameters[base + select(params.bias1 + n, params.weights2 + 4u * n + lane, lane < OUTPUTS)];
  let b = subgroupBroadcast(tail, LANES - 1u);
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    z[r] = b;
  }
  // #unroll
  for (var c = 0u; c < LOADS1; c++) {
    // #unroll
    for (var j = 0u; j < LANES; j++) {
      let w = subgroupBroadcast(weight[c], j);
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        z[r] += w * h[(c * LANES + j) * ROWS + r];
      }
    }
  }
}
