// The numbers of a network at work on rows, in one buffer per pass: what every fused kernel reads and writes.
// workspace (R, blocks, 1 or 2, features, BLOCK rows): rows lie in blocks of 32, so that one block's numbers are together.
// Of each block first the activations x_0 (the input), x_1, ..., x_L (the output), then, in a pass that goes back too,
// dJ/dx_0, dJ/dz_1, ..., dJ/dz_L in the same order, where z_l is layer l before its activation. A feature's rows lie behind
// one another: four of them are a vec4f. parameters (R, 4 member4): W then b, layer by layer.
// A role is the other half of a fused kernel: it says what the rows are, with the functions at the end of this file, and
// has bindings 0, 2, 4 to 8, and from 10 on.
// #import common/activation.wgsl

const MOST_SIZES = 6u; // the input and at most five layers
const BLOCK4 = 8u; // rows of a block in fours
const BLOCK = BLOCK4 * 4u;
const ALIGNMENT4 = 16u; // a layer's parameters begin at a multiple of it

struct Network {
  rows: u32, // of the pass; padding rows in the last block stay finite and are nobody's
  first_block: u32, // where this dispatch begins
  blocks: u32, // of the whole pass
  layers: u32, // L
  size0: u32, // features in fours: of the input, of each layer
  size1: u32,
  size2: u32,
  size3: u32,
  size4: u32,
  size5: u32,
  features: u32, // of all of them together, one by one
  block_features: u32, // the same, twice where there are gradients
  member4: u32,
  input_gradient: u32, // 1: dJ/dx_0 is wanted too
}

@group(0) @binding(1) var<uniform> network: Network;
@group(0) @binding(3) var<storage, read> parameters: array<vec4f>;
@group(0) @binding(9) var<storage, read_write> workspace: array<vec4f>;

var<private> member: u32;

// Features of x_layer, in fours.
fn size_of(layer: u32) -> u32 {
  let sizes = array<u32, MOST_SIZES>(
    network.size0, network.size1, network.size2, network.size3, network.size4, network.size5);
  return sizes[layer];
}

// Where the block's x_layer begins.
fn activations_of(layer: u32, block: u32) -> u32 {
  var features4 = 0u;
  for (var i = 0u; i < layer; i++) { features4 += size_of(i); }
  return ((member * network.blocks + block) * network.block_features + 4u * features4) * BLOCK4;
}

// Where the block's dJ/dz_layer begins.
fn gradients_of(layer: u32, block: u32) -> u32 {
  return activations_of(layer, block) + network.features * BLOCK4;
}

// Where W of the layer behind x_layer begins within a member; its b follows it.
fn weights_of(layer: u32) -> u32 {
  var at = 0u;
  for (var i = 0u; i < layer; i++) {
    at += (4u * size_of(i) + 1u) * size_of(i + 1u);
    at = (at + ALIGNMENT4 - 1u) / ALIGNMENT4 * ALIGNMENT4;
  }
  return at;
}

fn set_input(row: u32, feature: u32, value: f32) {
  workspace[activations_of(0u, row / BLOCK) + feature * BLOCK4 + row % BLOCK / 4u][row % 4u] = value;
}

fn output(row: u32, feature: u32) -> f32 {
  return workspace[activations_of(network.layers, row / BLOCK) + feature * BLOCK4 + row % BLOCK / 4u][row % 4u];
}

fn set_output_gradient(row: u32, feature: u32, value: f32) {
  workspace[gradients_of(network.layers, row / BLOCK) + feature * BLOCK4 + row % BLOCK / 4u][row % 4u] = value;
}

fn input_gradient(row: u32, feature: u32) -> f32 {
  return workspace[gradients_of(0u, row / BLOCK) + feature * BLOCK4 + row % BLOCK / 4u][row % 4u];
}
