// Critic rows [s, a] of one state and every action of the lattice: rows (SIDE SIDE, 4), row by row of the lattice.
@group(0) @binding(0) var<uniform> energy: Energy;
@group(0) @binding(1) var<storage, read_write> rows: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= SIDE * SIDE) { return; }
  rows[id.x] = vec4f(energy.state_x, energy.state_y, lattice(id.x % SIDE, id.x / SIDE, SIDE));
}
