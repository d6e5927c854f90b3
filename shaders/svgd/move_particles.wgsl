// s += phi^2, x += step_size * phi / (sqrt(s) + epsilon): AdaGrad (Duchi et al. 2011), Liu and Wang's (2016) choice of step.
// One invocation per number, padding (phi = 0) included; direction (phi), particles (x) and squares (s): (size).

const EPSILON = 1e-8;

struct Params {
  size: u32,
  step_size: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> direction: array<f32>;
@group(0) @binding(2) var<storage, read_write> particles: array<f32>;
@group(0) @binding(3) var<storage, read_write> squares: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.size) { return; }
  let phi = direction[id.x];
  let s = squares[id.x] + phi * phi;
  squares[id.x] = s;
  particles[id.x] += params.step_size * phi / (sqrt(s) + EPSILON);
}
