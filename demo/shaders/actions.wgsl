// The policy's actions a = tanh u at the state that is looked at, as white points with a dark rim, in every panel.
// pre_tanh (points, 4): u in the first two. One instance per action and panel.
@group(0) @binding(0) var<uniform> energy: Energy;
@group(0) @binding(1) var<storage, read> pre_tanh: array<f32>;

const RADIUS = 2.1; // in hair lines
const RIM = 1.0;
const ALPHA = 0.92;

struct Corner {
  @builtin(position) clip: vec4f,
  @location(0) offset: vec2f,
}

@vertex
fn stretch(@builtin(vertex_index) vertex: u32, @builtin(instance_index) instance: u32) -> Corner {
  let action = instance % energy.points;
  // Beyond 10 tanh is 1 in float32, and some adapters' tanh overflows for large arguments.
  let u = clamp(vec2f(pre_tanh[4u * action], pre_tanh[4u * action + 1u]), vec2f(-10.0), vec2f(10.0));
  let reach = (RADIUS + RIM) * energy.thickness + energy.pixel;
  let offset = reach * (2.0 * square_corner(vertex) - 1.0);
  return Corner(panel_clip(instance / energy.points, 0.5 + 0.5 * tanh(u) + offset), offset);
}

@fragment
fn shade(corner: Corner) -> @location(0) vec4f {
  let away = length(corner.offset);
  let disc = saturate((RADIUS * energy.thickness - away) / energy.pixel + 0.5);
  let alpha = ALPHA * saturate(((RADIUS + RIM) * energy.thickness - away) / energy.pixel + 0.5);
  return vec4f(mix(vec3f(0.05, 0.06, 0.10), vec3f(1.0), disc) * alpha, alpha);
}
