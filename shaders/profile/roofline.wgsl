// sum <- sum x + y in SUMS registers, over and over: what the adapter does when nothing but multiply-adds is asked of it.
// One invocation makes 2 SUMS STEPS rounds floating-point operations; the steps of a round stand behind one another, so
// that the loop itself costs next to nothing. factors holds x and y; result (threads) keeps the work from being dropped.

const SUMS = 32u; // #tunable
const STEPS = 8u;

struct Params {
  rounds: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> factors: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = factors[0];
  let y = factors[1];
  var sum: array<f32, SUMS>;
  // #unroll
  for (var i = 0u; i < SUMS; i++) {
    sum[i] = f32(id.x + i);
  }
  for (var round = 0u; round < params.rounds; round++) {
    // #unroll
    for (var step = 0u; step < STEPS; step++) {
      // #unroll
      for (var i = 0u; i < SUMS; i++) {
        sum[i] = sum[i] * x + y;
      }
    }
  }
  var total = 0.0;
  // #unroll
  for (var i = 0u; i < SUMS; i++) {
    total += sum[i];
  }
  result[id.x] = total;
}
