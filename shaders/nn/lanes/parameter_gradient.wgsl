// What lanes/backward.wgsl is for: dW = x^T g and db = sum of g of every layer, summed over the rows of a workgroup.
// The optimiser adds these partial sums in a fixed order. result (R, splits, member_size).

@group(0) @binding(4) var<storage, read_write> result: array<f32>;

var<private> part: array<f32, LANES>;

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

fn first(block: u32, member: u32) -> u32 {
  return params.result_offset + (member * params.splits + block) * params.member_size;
}

fn clear() {
  // #unroll
  for (var j = 0u; j < LANES; j++) {
    part[j] = 0.0;
  }
}

fn second_unit(block: u32, member: u32, n: u32) {
  let at = first(block, member);
  // The weights to the outputs in the first lanes and the bias in the last, as `tail`.
  clear();
  var g_n: array<f32, ROWS>;
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    g_n[r] = 0.0;
  }
  // #unroll
  for (var o = 0u; o < OUTPUTS; o++) {
    let w = subgroupBroadcast(tail, o);
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      g_n[r] += w * dy[o * ROWS + r];
      part[o] += dy[o * ROWS + r] * max(0.0, z[r]);
    }
  }
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    g_n[r] = select(0.0, g_n[r], z[r] > 0.0);
    part[LANES - 1u] += g_n[r];
  }
  let total = sum_lanes();
  if (lane < OUTPUTS) { result[at + params.weights2 + 4u * n + lane] = total; }
  if (lane == LANES - 1u) { result[at + params.bias1 + n] = total; }
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
    result[at + params.weights1 + (c * LANES + lane) * SECOND + n] = sum_lanes();
  }
}

fn first_unit(block: u32, member: u32, k: u32) {
  let at = first(block, member);
  clear();
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    part[LANES - 1u] += t[r];
    // #unroll
    for (var i = 0u; i < INPUTS; i++) {
      part[i] += x[i * ROWS + r] * t[r];
    }
  }
  let total = sum_lanes();
  if (lane < INPUTS) { result[at + params.weights0 + lane * FIRST + k] = total; }
  if (lane == LANES - 1u) { result[at + params.bias0 + k] = total; }
}

fn finish(block: u32, member: u32) {
  clear();
  // #unroll
  for (var o = 0u; o < OUTPUTS; o++) {
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      part[o] += dy[o * ROWS + r];
    }
  }
  let total = sum_lanes();
  if (lane < OUTPUTS) { result[first(block, member) + params.bias2 + lane] = total; }
}
