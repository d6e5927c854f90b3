// What lanes/backward.wgsl is for: dx = W1 t. result (R, total_rows, 4 input4).

@group(0) @binding(6) var<storage, read_write> result: array<vec4f>;

const PADDED_INPUTS = 8u;
const INPUT_ROWS = PADDED_INPUTS * ROWS;

var<private> dx: array<f32, INPUT_ROWS>; // dx[i ROWS + r]

fn prepare() {}

fn second_unit(block: u32, n: u32) {}

fn first_unit(block: u32, k: u32) {
  let w = choose(first[lane * FIRST4 + k / 4u], k % 4u); // of input number `lane`
  // #unroll
  for (var i = 0u; i < PADDED_INPUTS; i++) {
    let w_i = subgroupBroadcast(w, i);
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      dx[i * ROWS + r] += w_i * t[r];
    }
  }
}

fn finish(block: u32) {
  // #unroll
  for (var r = 0u; r < ROWS; r++) {
    let at = params.result_offset / 4u + row[r] * params.input4;
    if (stored[r]) { result[at] = vec4f(dx[r], dx[ROWS + r], dx[2u * ROWS + r], dx[3u * ROWS + r]); }
    if (stored[r] && params.input4 > 1u) {
      result[at + 1u] = vec4f(dx[4u * ROWS + r], dx[5u * ROWS + r], dx[6u * ROWS + r], dx[7u * ROWS + r]);
    }
  }
}
