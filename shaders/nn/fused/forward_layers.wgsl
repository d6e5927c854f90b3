// x_{l+1} = activation(x_l W_l + b_l), all layers of a block of rows. An invocation computes four rows of eight columns at a
// time; the workgroup meets at a barrier after each layer.
// #import nn/fused/network.wgsl
// #import nn/fused/block.wgsl

fn forward(block: u32, local: u32) {
  let r4 = local % BLOCK4;
  let own = 2u * (local / BLOCK4);
  for (var layer = 0u; layer < network.layers; layer++) {
    let in4 = size_of(layer);
    let out4 = size_of(layer + 1u);
    let weights = member * network.member4 + weights_of(layer);
    let x_at = activations_of(layer, block) + r4;
    let y_at = activations_of(layer + 1u, block) + r4;
    let hidden = layer + 1u < network.layers;
    for (var first = own; first < out4; first += 2u * COLUMN_GROUPS) {
      let second = min(first + 1u, out4 - 1u);
      var low = mat4x4f(); // a column of the layer in each column: four rows of it
      var high = mat4x4f();
      for (var k = 0u; k < 4u * in4; k++) {
        let x = workspace[x_at + k * BLOCK4];
        let w = parameters[weights + k * out4 + first];
        let v = parameters[weights + k * out4 + second];
        low += mat4x4f(x * w.x, x * w.y, x * w.z, x * w.w);
        high += mat4x4f(x * v.x, x * v.y, x * v.z, x * v.w);
      }
      let b = parameters[weights + 4u * in4 * out4 + first];
      let d = parameters[weights + 4u * in4 * out4 + second];
      // #unroll
      for (var c = 0u; c < 4u; c++) {
        let y = low[c] + b[c];
        workspace[y_at + (4u * first + c) * BLOCK4] = select(y, activate(y), hidden);
      }
      if (second > first) {
        // #unroll
        for (var c = 0u; c < 4u; c++) {
          let y = high[c] + d[c];
          workspace[y_at + (4u * second + c) * BLOCK4] = select(y, activate(y), hidden);
        }
      }
    }
    storageBarrier();
  }
}
