// Activations of a dense layer, and their slopes written in terms of the output, which is what is saved.
const IDENTITY = 0u;
const RELU = 1u;
const TANH = 2u;

fn activate(kind: u32, x: vec4f) -> vec4f {
  if (kind == RELU) { return max(x, vec4f(0.0)); }
  if (kind == TANH) { return tanh(clamp(x, vec4f(-20.0), vec4f(20.0))); } // some drivers return NaN for tanh(inf)
  return x;
}

fn slope(kind: u32, y: vec4f) -> vec4f {
  if (kind == RELU) { return select(vec4f(0.0), vec4f(1.0), y > vec4f(0.0)); }
  if (kind == TANH) { return 1.0 - y * y; }
  return vec4f(1.0);
}
