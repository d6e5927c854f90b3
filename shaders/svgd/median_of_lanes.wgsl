// The lower median of a state's squared distances, of which every lane of a subgroup keeps PAIRS (a constant of the importing
// file) in registers. Bit patterns of non-negative floats are ordered as the floats are, so bisection over the bits finds
// the median exactly, without sorting. Signed, because processors have no comparison of unsigned numbers in lanes.

const HIGHEST_BIT = 31u;
const NO_PAIR = 0x7f800000i; // infinity: above every distance

// distance: the lane's patterns, NO_PAIR where it has none; pairs: how many the subgroup has
fn lower_median(distance: ptr<function, array<i32, PAIRS>>, pairs: u32) -> f32 {
  let rank = pairs - 1u - pairs / 2u;
  var below = 0i; // the largest pattern known to have at most `rank` distances under it
  for (var bit = HIGHEST_BIT; bit > 0u; bit--) {
    let candidate = below | (1i << (bit - 1u));
    var count = 0u;
    // #unroll
    for (var p = 0u; p < PAIRS; p++) { count += select(0u, 1u, distance[p] < candidate); }
    if (subgroupAdd(count) <= rank) { below = candidate; }
  }
  return bitcast<f32>(below);
}
