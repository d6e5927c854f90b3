// a = tanh u, bounded before: tanh is 1 in float32 from 9 on, and some drivers return NaN for an infinite u.
const LARGEST_TANH_INPUT = 20.0;

fn squash(u: f32) -> f32 {
  return tanh(clamp(u, -LARGEST_TANH_INPUT, LARGEST_TANH_INPUT));
}

fn squash4(u: vec4f) -> vec4f {
  return tanh(clamp(u, vec4f(-LARGEST_TANH_INPUT), vec4f(LARGEST_TANH_INPUT)));
}

const LARGEST_ACTION = 0.99999994; // 1 - 2^-24: keeps u finite for an action of exactly 1 or -1

// u = atanh a
fn unsquash(action: f32) -> f32 {
  let a = clamp(action, -LARGEST_ACTION, LARGEST_ACTION);
  return 0.5 * (log(1.0 + a) - log(1.0 - a));
}

const LOG_2 = 0.6931471805599453;

// log(1 - tanh(u)^2) = 2 (log 2 - |u| - log(1 + exp(-2|u|))), which does not cancel where tanh saturates
fn log_squash_slope(u: f32) -> f32 {
  return 2.0 * (LOG_2 - abs(u) - log(1.0 + exp(-2.0 * abs(u))));
}
