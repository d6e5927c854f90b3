// What lanes/backward.wgsl is for: dW = x^T g and db = sum of g of every layer, summed over the rows of a workgroup.
// The optimiser adds these partial sums in a fixed order. result (R, splits, member_size). Where there are more rows than
// the sums have room for at a time, the next rows are added to them.

@group(0) @binding(6) var<storage, read_write> result: array<f32>;

const ADDS = 0u; // #tunable: whether to what is there
const INPUTS4_ROWS = 2u * ROWS;

var<private> part: array<f32, LANES>;
var<private> x: array<vec4f, INPUTS4_ROWS>; // inputs of row r in x[r] and x[ROWS + r], 1 in the last for the bias

fn prepare() {
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    let at = row[r] * params.input4;
    x[r] = input[at];
    x[ROWS + r] = vec4f(select(vec3f(), input[at + params.input4 - 1u].xyz, params.input4 > 1u), 1.0);
  }
}

// Lane j gets the sum over the lanes of part[j]: in each step lanes give half of their numbers away and take as many.
fn sum_lanes() -> f32 {
  // #unroll
  for (var i = 0u; i < 4u; i++) {
    let upper = (lane & 4u) != 0u;
    let given = select(part[i + 4u], part[i], upper);
    part[i] = select(part[i], part[i + 4u], upper) + subgroupShuffleXor(given, 4u);
  }
  // #unroll
  for (var i = 0u; i < 2u; i++) {
    let upper = (lane & 2u) != 0u;
    let given = select(part[i + 2u], part[i], upper);
    part[i] = select(part[i], part[i + 2u], upper) + subgroupShuffleXor(given, 2u);
  }
  let upper = (lane & 1u) != 0u;
  let given = select(part[1], part[0], upper);
  return select(part[0], part[1], upper) + subgroupShuffleXor(given, 1u);
}

fn start(block: u32) -> u32 {
  return params.result_offset + (params.member * params.splits + block) * params.member_size;
}

fn clear() {
  // #unroll
  for (var j = 0u; j < LANES; j++) {
    part[j] = 0.0;
  }
}

fn put(at: u32, total: f32) {
  if (ADDS == 1u) {
    result[at] += total;
  } else {
    result[at] = total;
  }
}

fn second_unit(block: u32, n: u32) {
  let at = start(block);
  // The weights to the outputs come to the first lanes and the bias to the last.
  clear();
  var g_n: array<f32, ROWS>;
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    g_n[r] = 0.0;
  }
  // #unroll
  for (var o = 0u; o < OUTPUTS; o++) {
    let w = subgroupBroadcast(tail[o], 0u);
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      g_n[r] += w * dy[o * ROWS + r];
      part[o] += dy[o * ROWS + r] * relu(z[r]);
    }
  }
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    g_n[r] = select(0.0, g_n[r], z[r] > 0.0);
    part[LANES - 1u] += g_n[r];
  }
  let total = sum_lanes();
  if (lane < OUTPUTS) { put(at + params.weights2 + 4u * n + lane, total); }
  if (lane == LANES - 1u) { put(at + params.bias1 + n, total); }
  // #unroll
  for (var c = 0u; c < LOADS1; c++) {
    clear();
    // #unroll
    for (var j = 0u; j < LANES; j++) {
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        part[j] += g_n[r] * h[(c * LANES + j) * ROWS + r];
      }
    }
    put(at + params.weights1 + (c * LANES + lane) * SECOND + n, sum_lanes());
  }
}

fn first_unit(block: u32, k: u32) {
  let at = start(block);
  clear();
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    // #unroll
    for (var i = 0u; i < 4u; i++) {
      part[i] += x[r][i] * t[r];
      part[4u + i] += x[ROWS + r][i] * t[r];
    }
  }
  let total = sum_lanes();
  if (lane < min(4u * params.input4, LANES - 1u)) { put(at + params.weights0 + lane * FIRST + k, total); }
  if (lane == LANES - 1u) { put(at + params.bias0 + k, total); }
}

fn finish(block: u32) {
  clear();
  // #unroll
  for (var o = 0u; o < OUTPUTS; o++) {
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      part[o] += dy[o * ROWS + r];
    }
  }
  let total = sum_lanes();
  if (lane < OUTPUTS) { put(start(block) + params.bias2 + lane, total); }
}
