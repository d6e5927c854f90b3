// dJ/dy as the role says, and back through all layers of a network that has gone forward before: one dispatch.
// A workgroup has a block of rows; workgroup_id.z is the member.
// #import nn/fused/backward_layers.wgsl
// #slot role

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  member = workgroup.z;
  let block = network.first_block + workgroup.x;
  let rows = own_rows(block, local);
  for (var row = rows.x; row < rows.y; row++) { differentiate(row); }
  storageBarrier();
  backward(block, local);
}
