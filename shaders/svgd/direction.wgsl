// phi_i = 1/M sum_j [ kappa(x_j, y_i) score_j + repulsion * grad_{x_j} kappa(x_j, y_i) ],  kappa = exp(-d2 / h), times `scale`,
// and h = max(median of the state's d2 / divisor, floor): squared_distances.wgsl, median_of_many.wgsl and
// stein_direction.wgsl in one dispatch. A workgroup is a subgroup of LANES lanes and has a state. A lane has the updated
// particles lane, lane + LANES and so on, and keeps their pairs with all fixed ones in registers. Of the fixed ones it loads
// every LANES-th, and all lanes get them from it by broadcast: a load costs as much as dozens of multiply-adds where
// processors have lanes.
// pre_tanh (u) and actions (a) of all particles (R, particles, states, stride), the M fixed ones first, the K updated ones
// from first_updated on; action_gradient (R, M, states, gradient_stride) with dQ/da at gradient_first; bandwidth (R, states);
// direction (R, particles, states, stride).
// #import svgd/median_of_lanes.wgsl
// #import svgd/stein_terms.wgsl

const LANES = 8u; // #tunable
const FIXED = 16u; // #tunable
const OWN_FIXED = 2u; // #tunable
const OWN_UPDATED = 2u; // #tunable
const PAIRS = FIXED * OWN_UPDATED;

struct Params {
  states: u32,
  updated_particles: u32,
  first_updated: u32,
  particles: u32,
  action_size: u32,
  stride: u32,
  gradient_stride: u32,
  gradient_first: u32,
  repulsion: f32,
  reward_scale: f32,
  scale: f32,
  divisor: f32,
  smallest: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pre_tanh: array<f32>;
@group(0) @binding(2) var<storage, read> actions: array<f32>;
@group(0) @binding(3) var<storage, read> action_gradient: array<f32>;
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read_write> bandwidth: array<f32>;
@group(0) @binding(6) var<storage, read_write> direction: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let state = workgroup.x;
  let member = workgroup.y;
  let alpha = temperature[member] * params.reward_scale;
  // A lane that has fewer particles than others repeats the last.
  var fixed: array<u32, OWN_FIXED>;
  var slope: array<u32, OWN_FIXED>;
  var updated: array<u32, OWN_UPDATED>;
  // #unroll
  for (var l = 0u; l < OWN_FIXED; l++) {
    let j = min(lane + l * LANES, FIXED - 1u);
    fixed[l] = ((member * params.particles + j) * params.states + state) * params.stride;
    slope[l] = ((member * FIXED + j) * params.states + state) * params.gradient_stride + params.gradient_first;
  }
  // #unroll
  for (var i = 0u; i < OWN_UPDATED; i++) {
    let particle = params.first_updated + min(lane + i * LANES, params.updated_particles - 1u);
    updated[i] = ((member * params.particles + particle) * params.states + state) * params.stride;
  }

  var x: array<f32, OWN_FIXED>;
  var y: array<f32, OWN_UPDATED>;
  var pair: array<f32, PAIRS>; // d2, then kappa, of j and i at j OWN_UPDATED + i
  for (var d = 0u; d < params.action_size; d++) {
    // #unroll
    for (var l = 0u; l < OWN_FIXED; l++) { x[l] = position(pre_tanh[fixed[l] + d], actions[fixed[l] + d]); }
    // #unroll
    for (var i = 0u; i < OWN_UPDATED; i++) { y[i] = position(pre_tanh[updated[i] + d], actions[updated[i] + d]); }
    // #unroll
    for (var j = 0u; j < FIXED; j++) {
      let x_j = subgroupBroadcast(x[j / LANES], j % LANES);
      // #unroll
      for (var i = 0u; i < OWN_UPDATED; i++) { pair[j * OWN_UPDATED + i] += (x_j - y[i]) * (x_j - y[i]); }
    }
  }
  var distance: array<i32, PAIRS>;
  // #unroll
  for (var p = 0u; p < PAIRS; p++) {
    let is_one = lane + p % OWN_UPDATED * LANES < params.updated_particles;
    distance[p] = select(NO_PAIR, bitcast<i32>(pair[p]), is_one);
  }
  let h = max(lower_median(&distance, FIXED * params.updated_particles) / params.divisor, params.smallest);
  if (lane == 0u) { bandwidth[member * params.states + state] = h; }
  // #unroll
  for (var p = 0u; p < PAIRS; p++) { pair[p] = exp(-pair[p] / h); }

  for (var d = 0u; d < params.action_size; d++) {
    var pull: array<f32, OWN_FIXED>; // score_j
    var push: array<f32, OWN_FIXED>; // repulsion * grad kappa / (kappa (x_j - y_i))
    // #unroll
    for (var l = 0u; l < OWN_FIXED; l++) {
      let u = pre_tanh[fixed[l] + d];
      let a = actions[fixed[l] + d];
      x[l] = position(u, a);
      pull[l] = score(u, a, action_gradient[slope[l] + d] / alpha);
      push[l] = params.repulsion * kernel_slope(1.0, 1.0, h, a);
    }
    var phi = array<f32, OWN_UPDATED>();
    // #unroll
    for (var i = 0u; i < OWN_UPDATED; i++) { y[i] = position(pre_tanh[updated[i] + d], actions[updated[i] + d]); }
    // #unroll
    for (var j = 0u; j < FIXED; j++) {
      let x_j = subgroupBroadcast(x[j / LANES], j % LANES);
      let pull_j = subgroupBroadcast(pull[j / LANES], j % LANES);
      let push_j = subgroupBroadcast(push[j / LANES], j % LANES);
      // #unroll
      for (var i = 0u; i < OWN_UPDATED; i++) { phi[i] += pair[j * OWN_UPDATED + i] * (pull_j + push_j * (x_j - y[i])); }
    }
    // #unroll
    for (var i = 0u; i < OWN_UPDATED; i++) {
      if (lane + i * LANES < params.updated_particles) {
        let along = step_slope(pre_tanh[updated[i] + d]) / f32(FIXED);
        direction[updated[i] + d] = params.scale * along * phi[i];
      }
    }
  }
}
