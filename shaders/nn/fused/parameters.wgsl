// dJ/dW_l = x_l^T dJ/dz_{l+1} and dJ/db_l = sum of dJ/dz_{l+1} over the rows, all layers of a network in one dispatch, in S
// partial sums over rows, which the optimiser adds up in order: no atomics, and nothing depends on timing.
// A workgroup has a tile of INPUTS x 4 WORKGROUP weights of one layer: an invocation all its inputs of four outputs.
// workgroup_id: tile, split, member. workspace as in network.wgsl; dParameters (R, S, 4 member4).
// #import nn/fused/network.wgsl

const INPUTS = 8u;
const WORKGROUP = 32u;

struct Params {
  splits: u32,
  blocks_per_split: u32,
  count: u32, // blocks of rows to sum over
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(10) var<storage, read_write> dParameters: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  member = workgroup.z;
  // Which layer the tile is of.
  var tile = workgroup.x;
  var layer = 0u;
  for (; layer + 1u < network.layers; layer++) {
    let tiles = tiles_of(layer);
    if (tile < tiles) { break; }
    tile -= tiles;
  }
  let in4 = size_of(layer);
  let out4 = size_of(layer + 1u);
  let across = (out4 + WORKGROUP - 1u) / WORKGROUP;
  let first = tile / across * INPUTS;
  let column = tile % across * WORKGROUP + local;
  let begin = network.first_block + workgroup.y * params.blocks_per_split;
  let end = min(begin + params.blocks_per_split, network.first_block + params.count);

  var sum = array<vec4f, INPUTS>(); // an input in each: its weights to the four outputs
  var bias = vec4f();
  for (var block = begin; block < end; block++) {
    let dy_at = gradients_of(layer + 1u, block) + 4u * min(column, out4 - 1u) * BLOCK4;
    let x_at = activations_of(layer, block);
    for (var r4 = 0u; r4 < BLOCK4; r4++) {
      let dy = mat4x4f(
        workspace[dy_at + r4], workspace[dy_at + BLOCK4 + r4],
        workspace[dy_at + 2u * BLOCK4 + r4], workspace[dy_at + 3u * BLOCK4 + r4]);
      bias += vec4f(1.0) * dy;
      // #unroll
      for (var k = 0u; k < INPUTS; k++) {
        sum[k] += workspace[x_at + min(first + k, 4u * in4 - 1u) * BLOCK4 + r4] * dy;
      }
    }
  }

  if (column >= out4) { return; }
  let base = (member * params.splits + workgroup.y) * network.member4 + weights_of(layer);
  if (first == 0u) { dParameters[base + 4u * in4 * out4 + column] = bias; }
  // #unroll
  for (var k = 0u; k < INPUTS; k++) {
    if (first + k < 4u * in4) {
      dParameters[base + (first + k) * out4 + column] = sum[k];
    }
  }
}

// Tiles of a layer's weights.
fn tiles_of(layer: u32) -> u32 {
  let down = (4u * size_of(layer) + INPUTS - 1u) / INPUTS;
  return down * ((size_of(layer + 1u) + WORKGROUP - 1u) / WORKGROUP);
}
