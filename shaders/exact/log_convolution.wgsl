// integral(s) = log of the sum over k = 0..2 reach of w(k) exp(g(s + k)) along every line: the soft maximum over one
// component of the action, w(k) = quadrature weight * exp(reward of the action). The sum goes block by block:
// log(sum of w exponential) + peak is one term of a log-sum-exp shifted by the largest term, so that nothing overflows.
// One invocation per four results s .. s + 3 of four lines. exponential, peak: see block_exponentials.wgsl;
// taps (2 reach + 4 + 2 BLOCK) vec4f: at BLOCK + k the weights (w(k), w(k - 1), w(k - 2), w(k - 3)), zero outside;
// integral (lines / 4, results) vec4f: four lines side by side, so that the next pass runs across these lines.
// #import exact/grid.wgsl

const RESULTS_TOGETHER = 4u;
const ROWS_TOGETHER = 4u;
const LEAST_SUM = 1e-37;

struct Params {
  results: u32, // of a line
  lines: u32,
  blocks: u32,
  reach: u32,
  log_scale: f32, // log of what the taps are too large by
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> exponential: array<vec4f>;
@group(0) @binding(2) var<storage, read> peak: array<vec4f>;
@group(0) @binding(3) var<storage, read> taps: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> integral: array<vec4f>;

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let s = id.x * RESULTS_TOGETHER;
  if (s >= params.results || id.y * ROWS_TOGETHER >= params.lines) { return; }
  var top: array<vec4f, RESULTS_TOGETHER>;
  var sum: array<vec4f, RESULTS_TOGETHER>;
  // #unroll
  for (var j = 0u; j < RESULTS_TOGETHER; j++) { top[j] = vec4f(LOWEST); sum[j] = vec4f(); }
  let last = min((s + RESULTS_TOGETHER - 1u + 2u * params.reach) / BLOCK, params.blocks - 1u);
  for (var b = s / BLOCK; b <= last; b++) {
    let at = id.y * params.blocks + b;
    var part: array<vec4f, RESULTS_TOGETHER>;
    // #unroll
    for (var j = 0u; j < RESULTS_TOGETHER; j++) { part[j] = vec4f(); }
    // #unroll
    for (var t = 0u; t < BLOCK; t++) {
      let e = exponential[at * BLOCK + t];
      let w = taps[(b + 1u) * BLOCK + t - s];
      part[0u] += w.x * e;
      part[1u] += w.y * e;
      part[2u] += w.z * e;
      part[3u] += w.w * e;
    }
    // #unroll
    for (var j = 0u; j < RESULTS_TOGETHER; j++) {
      let logarithm = peak[at] + log(max(part[j], vec4f(LEAST_SUM)));
      let term = select(vec4f(LOWEST), logarithm, part[j] > vec4f(LEAST_SUM));
      let rise = term - top[j];
      let smaller = exp(max(-abs(rise), vec4f(LEAST_EXPONENT)));
      sum[j] = select(sum[j] + smaller, sum[j] * smaller + 1.0, rise > vec4f());
      top[j] = max(top[j], term);
    }
  }
  // #unroll
  for (var j = 0u; j < RESULTS_TOGETHER; j++) {
    if (s + j < params.results) {
      integral[id.y * params.results + s + j] = top[j] + log(sum[j]) - params.log_scale;
    }
  }
}
