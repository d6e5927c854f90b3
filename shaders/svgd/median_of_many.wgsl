// h = max(median of the state's squared distances / divisor, floor), the lower median for an even count. One workgroup per
// state finds the median by the bytes of its bit pattern, the highest first, since patterns of non-negative floats are
// ordered as the floats are: it counts the distances that agree with the bytes found so far by their next byte, and takes
// the byte that holds the wanted rank. Integer counts have no order, so the result is exact.
// squared_distances (R, states, pairs); bandwidth (R, states).

const LANES = 64u;
const BINS = 256u; // values of a byte
const HIGHEST_BYTE = 24u; // its first bit

struct Params {
  states: u32,
  pairs: u32,
  divisor: f32,
  smallest: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> squared_distances: array<f32>;
@group(0) @binding(2) var<storage, read_write> bandwidth: array<f32>;

var<workgroup> counts: array<atomic<u32>, BINS>;
var<workgroup> found: u32; // the bytes of the median found so far
var<workgroup> rank: u32;  // of the median among the distances that begin with them

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let at = group.y * params.states + group.x;
  if (lane == 0u) {
    found = 0u;
    rank = params.pairs - 1u - params.pairs / 2u;
  }
  for (var round = 0u; round < 4u; round++) {
    let shift = HIGHEST_BYTE - 8u * round;
    for (var bin = lane; bin < BINS; bin += LANES) { atomicStore(&counts[bin], 0u); }
    workgroupBarrier();
    // Two shifts: one by 32 bits is not defined.
    let prefix = (found >> shift) >> 8u;
    for (var pair = lane; pair < params.pairs; pair += LANES) {
      let pattern = bitcast<u32>(squared_distances[at * params.pairs + pair]) >> shift;
      if (pattern >> 8u == prefix) { atomicAdd(&counts[pattern & (BINS - 1u)], 1u); }
    }
    workgroupBarrier();
    if (lane == 0u) {
      var bin = 0u;
      for (; bin < BINS - 1u; bin++) {
        let count = atomicLoad(&counts[bin]);
        if (rank < count) { break; }
        rank -= count;
      }
      found |= bin << shift;
    }
    workgroupBarrier();
  }
  if (lane == 0u) { bandwidth[at] = max(bitcast<f32>(found) / params.divisor, params.smallest); }
}
