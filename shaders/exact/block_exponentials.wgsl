// peak(b) = max of g over block b, exponential(p) = exp(g(p) - peak(b)) for p in b: what windows over g then share.
// A block is BLOCK points of a line; lines run along x, and four lines (rows y, y + 1, ...) lie in one vec4f.
// One invocation per block of four lines. grid (points / 4, lines) vec4f: four columns of a row; exponential
// (lines / 4, blocks * BLOCK) and peak (lines / 4, blocks) vec4f: one column of four rows.
// #import exact/grid.wgsl

const ROWS_TOGETHER = 4u;

struct Params {
  points: u32, // of a line
  lines: u32,
  blocks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grid: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> exponential: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> peak: array<vec4f>;

// Columns 4 c to 4 c + 3 of rows 4 r to 4 r + 3, a vector for each column; what lies beyond the line never peaks.
fn square(c: u32, r: u32) -> mat4x4f {
  let column = min(c, (params.points - 1u) / COLUMNS_TOGETHER) * params.lines;
  let row = r * ROWS_TOGETHER;
  let last = params.lines - 1u;
  let rows = mat4x4f(
    grid[column + row], grid[column + min(row + 1u, last)],
    grid[column + min(row + 2u, last)], grid[column + min(row + 3u, last)]);
  var columns = transpose(rows);
  let first = c * COLUMNS_TOGETHER;
  for (var k = 0u; k < COLUMNS_TOGETHER; k++) {
    if (first + k >= params.points) { columns[k] = vec4f(LOWEST); }
  }
  return columns;
}

fn highest(columns: mat4x4f) -> vec4f {
  return max(max(columns[0], columns[1]), max(columns[2], columns[3]));
}

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.blocks || id.y * ROWS_TOGETHER >= params.lines) { return; }
  let at = id.y * params.blocks + id.x;
  let left = square(id.x * 2u, id.y);
  let right = square(id.x * 2u + 1u, id.y);
  let top = max(highest(left), highest(right));
  peak[at] = top;
  let least = vec4f(LEAST_EXPONENT);
  // #unroll
  for (var k = 0u; k < COLUMNS_TOGETHER; k++) {
    exponential[at * BLOCK + k] = exp(max(left[k] - top, least));
    exponential[at * BLOCK + COLUMNS_TOGETHER + k] = exp(max(right[k] - top, least));
  }
}
