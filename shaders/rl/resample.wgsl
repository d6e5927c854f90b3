// One of C uniform candidates a_c by its share exp(Q(s, a_c) / alpha) / sum_c exp(Q(s, a_c) / alpha): importance resampling of
// exp(Q / alpha), max-shifted, by the inverse distribution function in the order of the candidates. Written as u = atanh a.
// One invocation per draw. Candidates of one draw lie together: candidates (R, draws, C, row_stride), rows [s, a] with a from
// action_first on; q_values (R, draws, C, 4), the value in the first of four; pre_tanh (u) (R, draws, stride).
// #import common/clock.wgsl
// #import common/random.wgsl
// #import common/squash.wgsl

struct Params {
  draws: u32,
  candidates: u32,
  action_size: u32,
  action_first: u32,
  row_stride: u32,
  stride: u32,
  stream: u32, // of the use that the draws have
  of_iteration: u32, // 1: the noise changes with the iteration, 0: with the update
  reward_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> seeds: array<u32>;
@group(0) @binding(3) var<storage, read> candidates: array<f32>;
@group(0) @binding(4) var<storage, read> q_values: array<f32>;
@group(0) @binding(5) var<storage, read> temperature: array<f32>;
@group(0) @binding(6) var<storage, read_write> pre_tanh: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.draws) { return; }
  let member = id.y;
  let alpha = temperature[member] * params.reward_scale;
  let first = (member * params.draws + id.x) * params.candidates;
  var largest = q_values[4u * first];
  for (var c = 1u; c < params.candidates; c++) { largest = max(largest, q_values[4u * (first + c)]); }
  var total = 0.0;
  for (var c = 0u; c < params.candidates; c++) { total += exp((q_values[4u * (first + c)] - largest) / alpha); }

  // A seed of its own for each use, as for the steps of langevin_step.wgsl.
  let seed = random(seeds[member], STREAM_RESAMPLING, params.stream, 0u).x;
  let counter = select(clock.updates, clock.iteration, params.of_iteration == 1u);
  var left = total * uniform_from(random(seed, STREAM_RESAMPLING, counter, id.x).x);
  var chosen = 0u;
  for (; chosen + 1u < params.candidates; chosen++) {
    left -= exp((q_values[4u * (first + chosen)] - largest) / alpha);
    if (left < 0.0) { break; }
  }
  for (var d = 0u; d < params.action_size; d++) {
    let a = candidates[(first + chosen) * params.row_stride + params.action_first + d];
    pre_tanh[(member * params.draws + id.x) * params.stride + d] = unsquash(a);
  }
}
