// A network of two hidden layers of ReLUs, ROWS rows to a lane, without a barrier and with nothing in memory but parameters,
// inputs and results. A lane keeps the first hidden layer of its rows to itself (k of them, FIRST) and goes through the
// units of the second one by one (n of them), so that every sum over k stays in registers. The weights of a unit are
// loaded once for all rows of a subgroup: each lane loads every LANES-th, and all get them from it by broadcast. So a weight
// is loaded for ROWS LANES rows at a time, where a load costs as much as dozens of multiply-adds, less from uniform
// buffers (docs/performance.md). A workgroup is a subgroup of LANES lanes.
// input (R, total_rows, 4 input4), up to seven numbers padded with zeros. Of a member's parameters three parts are bound:
// first: W1 (4 input4, FIRST) and b1; second: W2 (FIRST, SECOND); last: b2, at last_weights W3 (SECOND, 4), then b3.

const LANES = 8u;
const LANES_VEC4 = 32u; // numbers that the lanes load at once as vec4f
const ROWS = 4u;
const OUTPUTS = 2u; // #tunable
const LOADS1 = 8u; // #tunable
const LOADS2 = 8u; // #tunable
const VECTORS1 = 2u; // #tunable
const VECTORS2 = 2u; // #tunable
const FIRST4 = LOADS1 * 2u;
const SECOND4 = LOADS2 * 2u;
const FIRST = LOADS1 * LANES;
const SECOND = LOADS2 * LANES;
const FIRST_PART_ROWS = 9u; // W1 of eight inputs and b1: what lies behind those of fewer inputs is not used
const FIRST_PART = FIRST4 * FIRST_PART_ROWS;
const SECOND_PART = FIRST * SECOND4;
const LAST_PART = 96u; // #tunable
const FIRST_ROWS = FIRST * ROWS;
const SECOND_ROWS = SECOND * ROWS;
const OUTPUT_ROWS = OUTPUTS * ROWS;

struct Params {
  member: u32,
  first_row: u32,
  rows: u32,
  total_rows: u32,
  input4: u32,
  last_weights: u32, // vec4f in front of W3
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
@group(0) @binding(1) var<uniform> first: array<vec4f, FIRST_PART>;
@group(0) @binding(2) var<uniform> second: array<vec4f, SECOND_PART>;
@group(0) @binding(3) var<uniform> last: array<vec4f, LAST_PART>;
@group(0) @binding(4) var<storage, read> input: array<vec4f>;

var<private> lane: u32;
var<private> row: array<u32, ROWS>; // among all members' rows; lanes behind the last repeat it and store nothing
var<private> stored: array<bool, ROWS>;
var<private> h: array<f32, FIRST_ROWS>; // the first hidden layer, h[k ROWS + r]
var<private> z: array<f32, ROWS>; // unit n of the second, before its ReLU
var<private> weights: array<vec4f, LOADS1>; // this lane's part of W2(., n) of four units
var<private> tail: vec4f; // in the first lane the weights of unit n to the outputs, in the others the biases of four units

fn begin(block: u32, subgroup_lane: u32) {
  lane = subgroup_lane;
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    let at = (block * ROWS + r) * LANES + lane;
    row[r] = params.member * params.total_rows + params.first_row + min(at, params.rows - 1u);
    stored[r] = at < params.rows;
  }
}

fn first_layer() {
  var b: array<vec4f, VECTORS1>;
  // #unroll
  for (var c = 0u; c < VECTORS1; c++) {
    b[c] = first[4u * params.input4 * FIRST4 + c * LANES + lane];
  }
  // #unroll
  for (var k = 0u; k < FIRST; k++) {
    let b_k = subgroupBroadcast(b[k / LANES_VEC4][k % 4u], k % LANES_VEC4 / 4u);
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      h[k * ROWS + r] = b_k;
    }
  }
  for (var i4 = 0u; i4 < params.input4; i4++) {
    var x: array<vec4f, ROWS>;
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      x[r] = input[row[r] * params.input4 + i4];
    }
    // #unroll
    for (var i = 0u; i < 4u; i++) {
      var w: array<vec4f, VECTORS1>;
      // #unroll
      for (var c = 0u; c < VECTORS1; c++) {
        w[c] = first[(4u * i4 + i) * FIRST4 + c * LANES + lane];
      }
      // #unroll
      for (var k = 0u; k < FIRST; k++) {
        let w_k = subgroupBroadcast(w[k / LANES_VEC4][k % 4u], k % LANES_VEC4 / 4u);
        // #unroll
        for (var r = 0u; r < ROWS; r++) {
          h[k * ROWS + r] += w_k * x[r][i];
        }
      }
    }
  }
  // #unroll
  for (var i = 0u; i < FIRST_ROWS; i++) {
    h[i] = relu(h[i]);
  }
}

// Keeps NaN, where WGSL leaves to a device what max does.
fn relu(v: f32) -> f32 {
  return select(v, 0.0, v <= 0.0);
}

// One of four numbers.
fn choose(v: vec4f, i: u32) -> f32 {
  let pair = select(v.xy, v.zw, i > 1u);
  return select(pair.x, pair.y, (i & 1u) != 0u);
}

// The units n of the second layer go in fours, whose weights are loaded together.
fn load_units(n: u32) {
  if (n % 4u != 0u) { return; }
  // #unroll
  for (var c = 0u; c < LOADS1; c++) {
    weights[c] = second[(c * LANES + lane) * SECOND4 + n / 4u];
  }
}

// z = W2(., n)^T h + b2, and the parameters that go with unit n.
fn second_layer(n: u32) {
  load_units(n);
  tail = last[select(n / 4u, params.last_weights + n, lane == 0u)];
  let b = subgroupBroadcast(choose(tail, n % 4u), 1u);
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    z[r] = b;
  }
  // #unroll
  for (var c = 0u; c < LOADS1; c++) {
    let weight = choose(weights[c], n % 4u);
    // #unroll
    for (var j = 0u; j < LANES; j++) {
      let w = subgroupBroadcast(weight, j);
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        z[r] += w * h[(c * LANES + j) * ROWS + r];
      }
    }
  }
}
