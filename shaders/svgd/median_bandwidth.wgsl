// h = max(median of the state's squared distances / divisor, floor), the lower median for an even count.
// One invocation per state. Bit patterns of non-negative floats are ordered as the floats are, so 31 steps of
// bisection over the bits find the median exactly, without sorting: the smallest v with count(d2 <= v) > rank.
// squared_distances (R, states, pairs); bandwidth (R, states).

const HIGHEST_BIT = 31u;

struct Params {
  states: u32,
  pairs: u32,
  divisor: f32,
  smallest: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> squared_distances: array<f32>;
@group(0) @binding(2) var<storage, read_write> bandwidth: array<f32>;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.states) { return; }
  let at = id.y * params.states + id.x;
  let rank = params.pairs - 1u - params.pairs / 2u;
  var below = 0u; // the largest pattern known to have at most `rank` distances under it
  for (var bit = HIGHEST_BIT; bit > 0u; bit--) {
    let candidate = below | (1u << (bit - 1u));
    var count = 0u;
    for (var pair = 0u; pair < params.pairs; pair++) {
      count += select(0u, 1u, bitcast<u32>(squared_distances[at * params.pairs + pair]) < candidate);
    }
    if (count <= rank) { below = candidate; }
  }
  bandwidth[at] = max(bitcast<f32>(below) / params.divisor, params.smallest);
}
