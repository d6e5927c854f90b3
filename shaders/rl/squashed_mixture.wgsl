// A mixture of C Gaussians in u, given by one row of a network's outputs: log pi(u) = log sum_c w_c N(u; mu_c, sigma_c).
// The importing kernel declares `distribution` (R, states, row_stride) and `pre_tanh`, and params.components and
// params.action_size. A row holds C logits, C * A means, C * A logs of deviations; the rest is padding. `at` is where a
// particle's u begins in `pre_tanh`.
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

// (u - mu_c) / sigma_c, component d
fn standardised(row: u32, c: u32, d: u32, at: u32) -> f32 {
  return (pre_tanh[at + d] - mean_of(row, c, d)) * exp(-log_deviation(row, c, d));
}

// log sum_c exp(logit_c), max-shifted
fn log_total(row: u32) -> f32 {
  var largest = distribution[row];
  for (var c = 1u; c < params.components; c++) { largest = max(largest, distribution[row + c]); }
  var sum = 0.0;
  for (var c = 0u; c < params.components; c++) { sum += exp(distribution[row + c] - largest); }
  return largest + log(sum);
}

// w_c: the logits' softmax
fn weight_of(row: u32, c: u32, total: f32) -> f32 {
  return exp(distribution[row + c] - total);
}

// log w_c N(u; mu_c, sigma_c)
fn log_component(row: u32, c: u32, at: u32, total: f32) -> f32 {
  var sum = distribution[row + c] - total;
  for (var d = 0u; d < params.action_size; d++) {
    sum += log_normal(standardised(row, c, d, at), log_deviation(row, c, d));
  }
  return sum;
}

// log pi(u), max-shifted
fn log_mixture(row: u32, at: u32, total: f32) -> f32 {
  var largest = log_component(row, 0u, at, total);
  for (var c = 1u; c < params.components; c++) { largest = max(largest, log_component(row, c, at, total)); }
  var sum = 0.0;
  for (var c = 0u; c < params.components; c++) { sum += exp(log_component(row, c, at, total) - largest); }
  return largest + log(sum);
}
