// target = keep target + scale source at the same place of the box, by bilinear interpolation between grid points.
// One invocation per number of the target, a square grid over the same box as the source's; both in quadruples of columns.
// #import exact/grid.wgsl

struct Params {
  points: u32, // along an axis of the target
  source_points: u32,
  keep: f32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> interpolated: array<f32>;

fn source_at(x: u32, y: u32) -> f32 {
  return source[quadruple_index(x, y, params.source_points)];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.points) { return; }
  let last = params.points - 1u;
  // The padding of the last quadruple repeats the last column. Integers keep coinciding points exact.
  let numerator = vec2u(min(id.y, last), id.x) * (params.source_points - 1u);
  let low = min(numerator / last, vec2u(params.source_points - 2u));
  let part = vec2f(numerator - low * last) / f32(last);
  let left = mix(source_at(low.x, low.y), source_at(low.x, low.y + 1u), part.y);
  let right = mix(source_at(low.x + 1u, low.y), source_at(low.x + 1u, low.y + 1u), part.y);
  let at = quadruple_index(id.y, id.x, params.points);
  interpolated[at] = params.keep * interpolated[at] + params.scale * mix(left, right, part.x);
}
