// One row of the metrics ring: [updates, iteration, mean of each column], the first two as raw u32 bits.
// One invocation per member and cell. sums (R, columns, PARTS), factor (columns), rows (capacity, R, 2 + columns).
// #import common/clock.wgsl

const PARTS = 64u;
const HEAD = 2u;

struct Params {
  columns: u32,
  members: u32,
  capacity: u32,
  interval: u32, // updates between rows
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read> factor: array<f32>;
@group(0) @binding(4) var<storage, read_write> rows: array<u32>;

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= HEAD + params.columns) { return; }
  let member = id.y;
  let row = (clock.updates / params.interval) % params.capacity;
  var cell = select(clock.updates, clock.iteration, id.x == 1u);
  if (id.x >= HEAD) {
    let column = id.x - HEAD;
    var sum = 0.0;
    for (var part = 0u; part < PARTS; part++) {
      sum += sums[(member * params.columns + column) * PARTS + part];
    }
    cell = bitcast<u32>(sum * factor[column]);
  }
  rows[(row * params.members + member) * (HEAD + params.columns) + id.x] = cell;
}
