// A ring with a cross around the state whose energy is shown. One instance.
@group(0) @binding(0) var<uniform> scene: Scene;

const RADIUS = 7.0; // in hair lines
const REACH = 12.0;
const GAP = 3.0;

struct Corner {
  @builtin(position) clip: vec4f,
  @location(0) offset: vec2f,
}

@vertex
fn stretch(@builtin(vertex_index) vertex: u32) -> Corner {
  let offset = (REACH + 2.0) * scene.thickness * corner_of(vertex);
  return Corner(clip_of(vec2f(scene.looked_at_x, scene.looked_at_y) + offset), offset);
}

@fragment
fn shade(corner: Corner) -> @location(0) vec4f {
  let unit = scene.thickness;
  let q = abs(corner.offset);
  let long = max(q.x, q.y);
  let ring = abs(length(corner.offset) - RADIUS * unit);
  let bar = max(min(q.x, q.y), max(GAP * unit - long, long - REACH * unit));
  let away = min(ring, select(bar, FAR, long < RADIUS * unit));
  let line = coverage(0.7 * unit - away);
  let halo = coverage(1.7 * unit - away);
  return vec4f(mix(scene.paper.rgb, scene.ink.rgb, line) * halo, halo);
}
