// peak(b) = max of g over block b, exponential(p) = exp(g(p) - peak(b)) for p in b: what windows over g then share.
// A block is BLOCK points of a line; lines run along x, and four lines (rows y, y + 1, ...) lie in one vec4f.
// One invocation per block of four lines. grid: `points` columns and `lines` rows in quadruples of columns; exponential
// (lines / 4, blocks * BLOCK) and peak (lines / 4, blocks) vec4f: one column of four rows.
// #import exact/grid.wgsl

const ROWS_TOGETHER = 4u;

struct Params {
  points: u32, // of a line
  lines: u32,
  blocks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grid: array<f32>;
@group(0) @binding(2) var<storage, read_write> exponential: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> peak: array<vec4f>;

// Column x of the four rows from y on; the last column and row stand for those beyond.
fn column(x: u32, y: u32) -> vec4f {
  let last = params.lines - 1u;
  let at = quadruple_index(min(x, params.points - 1u), 0u, params.lines);
  return vec4f(
    grid[at + min(y, last) * COLUMNS_TOGETHER], grid[at + min(y + 1u, last) * COLUMNS_TOGETHER],
    grid[at + min(y + 2u, last) * COLUMNS_TOGETHER], grid[at + min(y + 3u, last) * COLUMNS_TOGETHER]);
}

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let y = id.y * ROWS_TOGETHER;
  if (id.x >= params.blocks || y >= params.lines) { return; }
  let at = id.y * params.blocks + id.x;
  var top = vec4f(LOWEST);
  for (var k = 0u; k < BLOCK; k++) { top = max(top, column(id.x * BLOCK + k, y)); }
  peak[at] = top;
  for (var k = 0u; k < BLOCK; k++) {
    exponential[at * BLOCK + k] = exp(max(column(id.x * BLOCK + k, y) - top, vec4f(LEAST_EXPONENT)));
  }
}
