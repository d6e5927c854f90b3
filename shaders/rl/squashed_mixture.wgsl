// A mixture of C Gaussians in u, given by one row of a network's outputs: log pi(u) = log sum_c w_c N(u; mu_c, sigma_c).
// The importing kernel declares `distribution` (R, states, row_stride) and `pre_tanh`, and params.components and
// params.action_size. A row holds C logits, C * A means, C * A logs of deviations; the rest is padding.
// #import common/normal_density.wgsl
// #import common/squash.wgsl

const LOWEST_LOG_DEVIATION = -5.0;
const HIGHEST_LOG_DEVIATION = 2.0;

fn mean_of(row: u32, c: u32, d: u32) -> f32 {
  return distribution[row + params.components + c * params.action_size + d];
}

fn raw_log_deviation(row: u32, c: u32, d: u32) -> f32 {
  return distribution[row + params.components * (1u + params.action_size) + c * params.action_size + d];
}

fn log_deviation(row: u32, c: u32, d: u32) -> f32 {
  return clamp(raw_log_deviation(row, c, d), LOWEST_LOG_DEVIATION, HIGHEST_LOG_DEVIATION);
}

// (u - mu_c) / sigma_c for component d of the particle at `at`
fn standardised(row: u32, c: u32, d: u32, at: u32) -> f32 {
  return (pre_tanh[at + d] - mean_of(row, c, d)) * exp(-log_deviation(row, c, d));
}

// log w_c: the logits' log-softmax
fn log_weight(row: u32, c: u32) -> f32 {
  var largest = distribution[row];
  for (var k = 1u; k < params.components; k++) { largest = max(largest, distribution[row + k]); }
  var sum = 0.0;
  for (var k = 0u; k < params.components; k++) { sum += exp(distribution[row + k] - largest); }
  return distribution[row + c] - largest - log(sum);
}

// log N(u; mu_c, sigma_c) of the particle at `at`
fn log_component(row: u32, c: u32, at: u32) -> f32 {
  var sum = 0.0;
  for (var d = 0u; d < params.action_size; d++) {
    sum += log_normal(standardised(row, c, d, at), log_deviation(row, c, d));
  }
  return sum;
}

fn log_mixture(row: u32, at: u32) -> f32 {
  var largest = log_weight(row, 0u) + log_component(row, 0u, at);
  for (var c = 1u; c < params.components; c++) {
    largest = max(largest, log_weight(row, c) + log_component(row, c, at));
  }
  var sum = 0.0;
  for (var c = 0u; c < params.components; c++) {
    sum += exp(log_weight(row, c) + log_component(row, c, at) - largest);
  }
  return largest + log(sum);
}
