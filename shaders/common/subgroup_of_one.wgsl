// WGSL's subgroup functions for subgroups of one lane: what kernels get on a device without the feature `subgroups`,
// or where subgroups bring nothing. With the feature the linker leaves this file out and the built-in ones are called.
fn subgroupExclusiveAdd(value: u32) -> u32 {
  return 0u;
}

fn subgroupBroadcast(value: vec4f, lane: u32) -> vec4f {
  return value;
}

fn subgroupAdd(value: u32) -> u32 {
  return value;
}
