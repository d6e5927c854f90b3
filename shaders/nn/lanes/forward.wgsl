// y = W3^T relu(W2^T relu(W1^T x + b1) + b2) + b3 of one of R members, in one dispatch.
// result (R, total_rows, 4).
// #import nn/lanes/network.wgsl

@group(0) @binding(5) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(subgroup_invocation_id) subgroup_lane: u32) {
  begin(workgroup.x, subgroup_lane);
  first_layer();
  var y: array<f32, OUTPUT_ROWS>;
  // #unroll
  for (var o = 0u; o < OUTPUTS; o++) {
    let b = last[LAST_PART - 1u][o];
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      y[o * ROWS + r] = b;
    }
  }
  for (var n = 0u; n < SECOND; n++) {
    second_layer(n);
    // #unroll
    for (var o = 0u; o < OUTPUTS; o++) {
      let w = subgroupBroadcast(tail[o], 0u);
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        y[o * ROWS + r] += w * relu(z[r]);
      }
    }
  }
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    if (stored[r]) {
      // #unroll
      for (var o = 0u; o < OUTPUTS; o++) {
        result[params.result_offset + 4u * row[r] + o] = y[o * ROWS + r];
      }
    }
  }
}
