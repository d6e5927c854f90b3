// h = max(median of the state's squared distances / divisor, floor), the lower median for an even count, from the M fixed
// and K updated particles themselves: what squared_distances.wgsl and median_bandwidth.wgsl compute in two dispatches.
// A subgroup of LANES invocations has a state, and each keeps its share of the pairs in registers. With more than one lane
// a workgroup is one subgroup. Bit patterns of non-negative floats are ordered as the floats are, so bisection over the
// bits finds the median exactly, without sorting.
// Particles lie particle-major, the M fixed ones first: positions (R, particles, states, stride); bandwidth (R, states).
// #import common/subgroup_of_one.wgsl

const LANES = 1u; // #tunable
const PAIRS = 256u; // #tunable
const WORKGROUP = 16u; // #tunable
const HIGHEST_BIT = 31u;
const NO_PAIR = 0x7f800000u; // infinity: above every distance

struct Params {
  states: u32,
  fixed_particles: u32,
  updated_particles: u32,
  action_size: u32,
  stride: u32,
  divisor: f32,
  smallest: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<f32>;
@group(0) @binding(2) var<storage, read_write> bandwidth: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let lane = subgroupExclusiveAdd(1u);
  let wanted = workgroup.x * (WORKGROUP / LANES) + local / LANES;
  let state = min(wanted, params.states - 1u); // the last workgroup may have invocations to spare
  let member = workgroup.y;
  let pairs = params.fixed_particles * params.updated_particles;
  let first = member * (params.fixed_particles + params.updated_particles);
  var distance: array<u32, PAIRS>;
  // #unroll
  for (var i = 0u; i < PAIRS; i++) {
    let pair = lane + i * LANES;
    let j = min(pair, pairs - 1u) / params.updated_particles;
    let y = params.fixed_particles + min(pair, pairs - 1u) % params.updated_particles;
    let squared = squared_distance(((first + j) * params.states + state), ((first + y) * params.states + state));
    distance[i] = select(bitcast<u32>(squared), NO_PAIR, pair >= pairs);
  }
  let rank = pairs - 1u - pairs / 2u;
  var below = 0u; // the largest pattern known to have at most `rank` distances under it
  for (var bit = HIGHEST_BIT; bit > 0u; bit--) {
    let candidate = below | (1u << (bit - 1u));
    var count = 0u;
    // #unroll
    for (var i = 0u; i < PAIRS; i++) { count += select(0u, 1u, distance[i] < candidate); }
    if (subgroupAdd(count) <= rank) { below = candidate; }
  }
  if (wanted == state) {
    bandwidth[member * params.states + state] = max(bitcast<f32>(below) / params.divisor, params.smallest);
  }
}

fn squared_distance(x: u32, y: u32) -> f32 {
  var sum = 0.0;
  for (var d = 0u; d < params.action_size; d++) {
    let difference = positions[x * params.stride + d] - positions[y * params.stride + d];
    sum += difference * difference;
  }
  return sum;
}
