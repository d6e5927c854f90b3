// Where a panel lies on the canvas: squares beside or below one another around the middle.
fn square_corner(vertex: u32) -> vec2f {
  return vec2f(select(0.0, 1.0, vertex == 1u || vertex == 4u || vertex == 5u),
    select(0.0, 1.0, vertex == 2u || vertex == 3u || vertex == 5u));
}

// Clip space of a place in a panel, from 0 to 1 along its sides.
fn panel_clip(panel: u32, place: vec2f) -> vec4f {
  let steps = f32(panel) - 0.5 * f32(energy.panels - 1u);
  let middle = steps * vec2f(energy.step_x, energy.step_y);
  return vec4f(middle + (place - 0.5) * vec2f(energy.panel_width, energy.panel_height), 0.0, 1.0);
}
