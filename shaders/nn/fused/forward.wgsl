// y = f(x) of the rows that the role prepares, through all layers, and what the role makes of them: one dispatch.
// A workgroup has a block of rows; workgroup_id.z is the member.
// #import nn/fused/forward_layers.wgsl
// #slot role

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  member = workgroup.z;
  let block = network.first_block + workgroup.x;
  let rows = own_rows(block, local);
  for (var row = rows.x; row < rows.y; row++) { prepare(row); }
  storageBarrier();
  forward(block, local);
  for (var row = rows.x; row < rows.y; row++) { finish(row); }
}
