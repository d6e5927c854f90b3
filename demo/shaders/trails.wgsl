// A fading segment from s to s' for each of the newest transitions of every environment, straight from the replay ring.
// One instance per environment and age, oldest first, so that newer segments lie above older ones.
@group(0) @binding(0) var<uniform> scene: Scene;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> ring: array<f32>;

const STRENGTH = 0.42;
const FAINT = 0.22;

struct Corner {
  @builtin(position) clip: vec4f,
  @location(0) across: f32,
  @location(1) colour: vec4f,
}

@vertex
fn stretch(@builtin(vertex_index) vertex: u32, @builtin(instance_index) instance: u32) -> Corner {
  let environment = instance % scene.environments;
  let age = scene.trail - instance / scene.environments;
  let row = row_of(environment, age, scene.environments, clock.replay_cursor, scene.capacity) * RECORD;
  let start = vec2f(ring[row], ring[row + 1u]);
  var end = vec2f(ring[row + NEXT], ring[row + NEXT + 1u]);
  if (age == 1u) { end = mix(start, end, scene.travelled); }
  let along = end - start;
  let size = length(along);
  let corner = corner_of(vertex);
  let kept = is_kept(age, scene.environments, clock.replay_size) && size > 0.0;
  let direction = select(vec2f(1.0, 0.0), along / max(size, 1e-6), kept);
  let half_width = scene.thickness + scene.pixel;
  let position = select(start, end, corner.x > 0.0) + corner.y * half_width * vec2f(-direction.y, direction.x);
  let share = 1.0 - f32(age - 1u) / f32(scene.trail);
  let random = environment < scene.random_environments;
  let alpha = STRENGTH * share * share * select(1.0, FAINT, random);
  let colour = select(scene.colours[nearest_goal(end)].rgb, scene.ink.rgb, random || scene.goal_count == 0u);
  return Corner(select(vec4f(0.0), clip_of(position), kept), corner.y * half_width, vec4f(colour, alpha));
}

@fragment
fn shade(corner: Corner) -> @location(0) vec4f {
  let alpha = corner.colour.a * coverage(0.5 * scene.thickness - abs(corner.across));
  return vec4f(corner.colour.rgb * alpha, alpha);
}
