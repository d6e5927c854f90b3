// Who does what of a block of rows: a workgroup has the block, and its invocations share the columns out among them.
const COLUMN_GROUPS = 16u;
const WORKGROUP = BLOCK4 * COLUMN_GROUPS;

// The first of the rows that the invocation prepares and finishes, and the one behind the last. A vec4f must not be written
// by two invocations, so the first few have four rows each.
fn own_rows(block: u32, local: u32) -> vec2u {
  let begin = min(block * BLOCK + 4u * local, network.rows);
  return vec2u(begin, select(begin, min(begin + 4u, network.rows), local < BLOCK4));
}
