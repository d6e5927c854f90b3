// blurred(p) = sum over k of weights[|k|] source(p + k along one axis), positions beyond the edge taken at the edge:
// the expectation over Gaussian noise of what is reached, an axis at a time. One invocation per point of a square grid
// in quadruples of columns; weights (radius + 1).
// #import exact/grid.wgsl

const ALONG_X = 0u;
const ALONG_Y = 1u;

struct Params {
  points: u32,
  radius: u32,
  axis: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> source: array<f32>;
@group(0) @binding(3) var<storage, read_write> blurred: array<f32>;

fn source_at(x: i32, y: i32) -> f32 {
  let last = i32(params.points) - 1;
  return source[quadruple_index(u32(clamp(x, 0, last)), u32(clamp(y, 0, last)), params.points)];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.points) { return; }
  let position = vec2i(i32(id.y), i32(id.x));
  let direction = select(vec2i(0, 1), vec2i(1, 0), params.axis == ALONG_X);
  var sum = weights[0] * source_at(position.x, position.y);
  for (var k = 1u; k <= params.radius; k++) {
    let ahead = position + i32(k) * direction;
    let behind = position - i32(k) * direction;
    sum += weights[k] * (source_at(ahead.x, ahead.y) + source_at(behind.x, behind.y));
  }
  blurred[quadruple_index(id.y, id.x, params.points)] = sum;
}
