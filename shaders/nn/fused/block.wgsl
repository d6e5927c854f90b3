// Who does what of a block of rows: a workgroup has the block, and its invocations share the columns out among them.
const COLUMN_GROUPS = 16u;
const WORKGROUP = BLOCK4 * COLUMN_GROUPS;

// Rows that the invocation prepares and finishes: the first, in the workgroup's block, and how many. A vec4f must not be
// written by two invocations, so the first few have four rows each.
fn own_rows(local: u32) -> vec2u {
  return vec2u(4u * local, select(0u, 4u, local < BLOCK4));
}

// Makes what was written visible to those who read it: the workgroup.
fn exchange() {
  storageBarrier();
}
