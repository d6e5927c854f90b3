// Every environment as a round point in the colour of the goal that is nearest to it; those that act at random are fainter.
// One instance per environment. observation (E, 2): where it is. While a step is shown in slow motion the point travels
// from s to s' of its newest transition.
@group(0) @binding(0) var<uniform> scene: Scene;
@group(0) @binding(1) var<uniform> clock: Clock;
@group(0) @binding(2) var<storage, read> ring: array<f32>;
@group(0) @binding(3) var<storage, read> observation: array<f32>;

const RADIUS = 1.9; // in hair lines
const RIM = 0.75;
const FAINT = 0.28;

struct Corner {
  @builtin(position) clip: vec4f,
  @location(0) offset: vec2f,
  @location(1) colour: vec4f,
}

fn place(environment: u32) -> vec2f {
  let here = vec2f(observation[2u * environment], observation[2u * environment + 1u]);
  if (scene.travelled >= 1.0 || !is_kept(1u, scene.environments, clock.replay_size)) { return here; }
  let row = row_of(environment, 1u, scene.environments, clock.replay_cursor, scene.capacity) * RECORD;
  let start = vec2f(ring[row], ring[row + 1u]);
  return mix(start, vec2f(ring[row + NEXT], ring[row + NEXT + 1u]), scene.travelled);
}

@vertex
fn stretch(@builtin(vertex_index) vertex: u32, @builtin(instance_index) environment: u32) -> Corner {
  let position = place(environment);
  let reach = (RADIUS + RIM) * scene.thickness + scene.pixel;
  let offset = reach * corner_of(vertex);
  let random = environment < scene.random_environments;
  let colour = select(scene.colours[nearest_goal(position)].rgb, scene.ink.rgb, random || scene.goal_count == 0u);
  return Corner(clip_of(position + offset), offset, vec4f(colour, select(1.0, FAINT, random)));
}

@fragment
fn shade(corner: Corner) -> @location(0) vec4f {
  let away = length(corner.offset);
  let dot = coverage(RADIUS * scene.thickness - away);
  let alpha = corner.colour.a * coverage((RADIUS + RIM) * scene.thickness - away);
  return vec4f(mix(scene.paper.rgb, corner.colour.rgb, dot) * alpha, alpha);
}
