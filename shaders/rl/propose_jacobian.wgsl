// Kv actions per next state from the sampling network itself, weighted by its Jacobian (appendix C.2): a = tanh u,
//   log q(a) = log N(xi; 0, I) - log(|det du/dxi| + 1e-8) - sum log(1 - a^2 + 1e-6),  u = f(xi; s'),
// which is the density of a only where no other xi gives the same a. The small numbers keep it finite where units are
// dead or tanh is saturated: such an action weighs next to nothing, and a state with no other action still has a value.
// One invocation per action. input (R, Kv * states, input_stride) holds [s', xi] and pre_tanh (R, Kv * states,
// output_stride) u, both particle-major; jacobian (A, R, Kv * states, input_stride), row d being du_d/d[s', xi], is used up.
// rows (R, states * Kv, stride) get [s', a]; log_density and determinant, |det du/dxi|, are (R, states * Kv).
// #import common/normal_density.wgsl
// #import common/squash.wgsl

const LEAST_DETERMINANT = 1e-8;
const LEAST_SLOPE = 1e-6;

struct Params {
  members: u32,
  states: u32,
  particles: u32,
  observation_size: u32,
  action_size: u32,
  input_stride: u32,
  output_stride: u32,
  stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> pre_tanh: array<f32>;
@group(0) @binding(3) var<storage, read_write> jacobian: array<f32>;
@group(0) @binding(4) var<storage, read_write> rows: array<f32>;
@group(0) @binding(5) var<storage, read_write> log_density: array<f32>;
@group(0) @binding(6) var<storage, read_write> determinant: array<f32>;

// Where du_d/dxi_e of row `source` lies.
fn entry(source: u32, d: u32, e: u32) -> u32 {
  let passed = d * params.members * params.states * params.particles;
  return (passed + source) * params.input_stride + params.observation_size + e;
}

// |det du/dxi| by elimination with row exchanges, in place; 0 where a column has nothing left to divide by.
fn eliminate(source: u32) -> f32 {
  var product = 1.0;
  for (var c = 0u; c < params.action_size; c++) {
    var pivot = c;
    for (var d = c + 1u; d < params.action_size; d++) {
      if (abs(jacobian[entry(source, d, c)]) > abs(jacobian[entry(source, pivot, c)])) { pivot = d; }
    }
    let divisor = jacobian[entry(source, pivot, c)];
    if (divisor == 0.0) { return 0.0; }
    product *= abs(divisor);
    for (var e = c; e < params.action_size; e++) {
      let moved = jacobian[entry(source, pivot, e)];
      jacobian[entry(source, pivot, e)] = jacobian[entry(source, c, e)];
      jacobian[entry(source, c, e)] = moved;
    }
    for (var d = c + 1u; d < params.action_size; d++) {
      let factor = jacobian[entry(source, d, c)] / divisor;
      for (var e = c; e < params.action_size; e++) {
        jacobian[entry(source, d, e)] -= factor * jacobian[entry(source, c, e)];
      }
    }
  }
  return product;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let count = params.states * params.particles;
  if (id.x >= count) { return; }
  let s = params.observation_size;
  let at = id.y * count + id.x;
  let source = id.y * count + (id.x % params.particles) * params.states + id.x / params.particles;
  for (var i = 0u; i < s; i++) {
    rows[at * params.stride + i] = input[source * params.input_stride + i];
  }
  let size = eliminate(source);
  var log_q = -log(size + LEAST_DETERMINANT);
  for (var d = 0u; d < params.action_size; d++) {
    let u = pre_tanh[source * params.output_stride + d];
    rows[at * params.stride + s + d] = squash(u);
    log_q += log_normal(input[source * params.input_stride + s + d], 0.0);
    log_q -= log(exp(log_squash_slope(u)) + LEAST_SLOPE);
  }
  determinant[at] = size;
  log_density[at] = log_q;
}
