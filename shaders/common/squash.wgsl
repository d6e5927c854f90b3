// a = tanh u, bounded before: tanh is 1 in float32 from 9 on, and some drivers return NaN for an infinite u.
const LARGEST_TANH_INPUT = 20.0;

fn squash(u: f32) -> f32 {
  return tanh(clamp(u, -LARGEST_TANH_INPUT, LARGEST_TANH_INPUT));
}

fn squash4(u: vec4f) -> vec4f {
  return tanh(clamp(u, vec4f(-LARGEST_TANH_INPUT), vec4f(LARGEST_TANH_INPUT)));
}
