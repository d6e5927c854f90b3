// dJ/dz_l = (dJ/dz_{l+1} W_l^T) * activation'(z_l), from the output's gradient back to the first layer's and, where it is
// wanted, to the input, for a block of rows. An invocation computes four rows of four inputs at a time; the workgroup
// meets at a barrier after each layer.
// #import nn/fused/network.wgsl
// #import nn/fused/block.wgsl

fn backward(block: u32, local: u32) {
  let r4 = local % BLOCK4;
  let own = local / BLOCK4;
  let last = 1u - network.input_gradient;
  for (var l = network.layers; l > last; l--) {
    let layer = l - 1u;
    let in4 = size_of(layer);
    let out4 = size_of(l);
    let weights = member * network.member4 + weights_of(layer);
    let dy_at = gradients_of(l, block) + r4;
    let x_at = activations_of(layer, block) + r4;
    let dx_at = gradients_of(layer, block) + r4;
    for (var first = own; first < in4; first += COLUMN_GROUPS) {
      var dx = mat4x4f(); // an input in each column: four rows of it
      for (var n4 = 0u; n4 < out4; n4++) {
        let at = dy_at + 4u * n4 * BLOCK4;
        let dy = mat4x4f(
          workspace[at], workspace[at + BLOCK4],
          workspace[at + 2u * BLOCK4], workspace[at + 3u * BLOCK4]);
        let w = weights + 4u * first * out4 + n4;
        dx += dy * mat4x4f(parameters[w], parameters[w + out4], parameters[w + 2u * out4], parameters[w + 3u * out4]);
      }
      // #unroll
      for (var c = 0u; c < 4u; c++) {
        let at = (4u * first + c) * BLOCK4;
        workspace[dx_at + at] = select(dx[c], dx[c] * slope(workspace[x_at + at]), layer > 0u);
      }
    }
    storageBarrier();
  }
}
