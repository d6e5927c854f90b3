// What lanes/backward.wgsl is for: dx = W1 t. result (R, total_rows, 4).

@group(0) @binding(4) var<storage, read_write> result: array<vec4f>;

var<private> dx: array<f32, INPUT_ROWS>;

fn second_unit(block: u32, member: u32, n: u32) {}

fn first_unit(block: u32, member: u32, k: u32) {
  let w = parameters[base + params.weights0 + min(lane, INPUTS - 1u) * FIRST + k];
  // #unroll
  for (var i = 0u; i < INPUTS; i++) {
    let w_i = subgroupBroadcast(w, i);
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      dx[i * ROWS + r] += w_i * t[r];
    }
  }
}

fn finish(block: u32, member: u32) {
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    if (stored[r]) {
      result[params.result_offset / 4u + row[r]] = vec4f(dx[r], dx[ROWS + r], dx[2u * ROWS + r], dx[3u * ROWS + r]);
    }
  }
}
