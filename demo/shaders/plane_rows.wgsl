// Critic rows [s, a] of a slice of SIDE states of the plane with PLANE_ACTIONS^2 actions each, in cells' middles:
// rows (SIDE PLANE_ACTIONS^2, 4), state by state. States behind the last repeat it.
@group(0) @binding(0) var<uniform> energy: Energy;
@group(0) @binding(1) var<storage, read_write> rows: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let actions = PLANE_ACTIONS * PLANE_ACTIONS;
  if (id.x >= SIDE * actions) { return; }
  let state = min(energy.first_state + id.x / actions, PLANE_SIDE * PLANE_SIDE - 1u);
  let action = id.x % actions;
  let a = (vec2f(f32(action % PLANE_ACTIONS), f32(action / PLANE_ACTIONS)) + 0.5) / f32(PLANE_ACTIONS) * 2.0 - 1.0;
  rows[id.x] = vec4f(energy.bound * lattice(state % PLANE_SIDE, state / PLANE_SIDE, PLANE_SIDE), a);
}
