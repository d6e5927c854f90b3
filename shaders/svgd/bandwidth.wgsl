// h = max(median of the state's squared distances / divisor, floor), the lower median for an even count, from the M fixed
// and K updated particles themselves: what squared_distances.wgsl and median_of_many.wgsl compute in two dispatches.
// A subgroup of LANES invocations has a state, and each keeps its share of the pairs in registers. With more than one lane
// a workgroup is one subgroup.
// Particles lie particle-major, the M fixed ones first: positions (R, particles, states, stride); bandwidth (R, states).
// #import common/subgroup_of_one.wgsl
// #import svgd/median_of_lanes.wgsl

const LANES = 1u; // #tunable
const PAIRS = 256u; // #tunable
const WORKGROUP = 16u; // #tunable

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
  var distance: array<i32, PAIRS>;
  // #unroll
  for (var i = 0u; i < PAIRS; i++) {
    let pair = lane + i * LANES;
    let j = min(pair, pairs - 1u) / params.updated_particles;
    let y = params.fixed_particles + min(pair, pairs - 1u) % params.updated_particles;
    let squared = squared_distance(((first + j) * params.states + state), ((first + y) * params.states + state));
    distance[i] = select(bitcast<i32>(squared), NO_PAIR, pair >= pairs);
  }
  let median = lower_median(&distance, pairs);
  if (wanted == state) {
    bandwidth[member * params.states + state] = max(median / params.divisor, params.smallest);
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
