// The activation of a network's hidden layers, and its slope written in terms of the output, which is what is saved.
// #import common/squash.wgsl

override ACTIVATION: u32;
const RELU = 1u;
const TANH = 2u;

fn activate(x: vec4f) -> vec4f {
  if (ACTIVATION == TANH) { return squash4(x); }
  return select(x, vec4f(0.0), x <= vec4f(0.0)); // not max: its rules for NaN are 60 instructions on a processor
}

fn slope(y: vec4f) -> vec4f {
  if (ACTIVATION == TANH) { return 1.0 - y * y; }
  return select(vec4f(0.0), vec4f(1.0), y > vec4f(0.0));
}
