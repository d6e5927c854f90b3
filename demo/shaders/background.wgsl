// The plane behind the environments: level curves of the reward of standing still, tinted by the nearest goal, the goals
// and the walls. One fragment per pixel of a triangle that covers the canvas.
@group(0) @binding(0) var<uniform> scene: Scene;

const TINT = 0.34;
const TINT_FADE = 0.30;
const BLEND = 3.0;
const LINE = 0.13;
const DISC = 0.42;
const WALL = 0.55;
const BELL_LEVELS = 8.0;

struct Pixel {
  @builtin(position) clip: vec4f,
  @location(0) plane: vec2f,
}

@vertex
fn cover(@builtin(vertex_index) vertex: u32) -> Pixel {
  let clip = vec4f(select(-1.0, 3.0, vertex == 1u), select(-1.0, 3.0, vertex == 2u), 0.0, 1.0);
  let m = scene.to_plane;
  return Pixel(clip, (mat4x4f(m[0], m[1], m[2], m[3]) * clip).xy);
}

// Level curves at whole numbers: -r is the squared distance, so these lie a unit of distance apart; of bells, at eighths.
fn level(position: vec2f, nearest: f32) -> f32 {
  if (scene.goal_spread == 0.0) { return nearest; }
  var bells = 0.0;
  for (var g = 0u; g < min(scene.goal_count, MOST_GOALS); g++) {
    let away = position - scene.goals[g].xy;
    bells += exp(-0.5 * dot(away, away) / (scene.goal_spread * scene.goal_spread));
  }
  return BELL_LEVELS * (1.0 - bells);
}

fn half_plane(p: vec2f, degrees: f32, size: f32) -> f32 {
  return dot(p, vec2f(cos(radians(degrees)), sin(radians(degrees)))) - size;
}

// Signed distance to a goal's sign, negative inside: the shape tells goals apart without colour.
fn sign_of(goal: u32, p: vec2f) -> f32 {
  let size = 0.34 * scene.goal_radius;
  let q = abs(p);
  switch goal {
    case 0u: { return length(p) - size; }
    case 1u: { return max(q.x, q.y) - 0.86 * size; }
    case 2u: {
      let low = 0.62 * size;
      return max(half_plane(p, -90.0, low), max(half_plane(p, 30.0, low), half_plane(p, 150.0, low)));
    }
    case 3u: { return (q.x + q.y - 1.3 * size) * sqrt(0.5); }
    case 4u: { return min(max(q.x - 1.1 * size, q.y - 0.36 * size), max(q.x - 0.36 * size, q.y - 1.1 * size)); }
    case 5u: {
      let low = 0.62 * size;
      return max(half_plane(p, 90.0, low), max(half_plane(p, 210.0, low), half_plane(p, 330.0, low)));
    }
    case 6u: { return max(half_plane(q, 0.0, 0.95 * size), half_plane(q, 60.0, 0.95 * size)); }
    default: { return abs(length(p) - 0.78 * size) - 0.24 * size; }
  }
}

@fragment
fn shade(pixel: Pixel) -> @location(0) vec4f {
  let position = pixel.plane;
  var nearest = FAR;
  for (var g = 0u; g < min(scene.goal_count, MOST_GOALS); g++) {
    nearest = min(nearest, distance(position, scene.goals[g].xy));
  }
  var tint = vec3f(0.0);
  var weights = 0.0;
  for (var g = 0u; g < min(scene.goal_count, MOST_GOALS); g++) {
    let weight = exp(BLEND * (nearest - distance(position, scene.goals[g].xy)));
    tint += weight * scene.colours[g].rgb;
    weights += weight;
  }
  let height = level(position, nearest);
  let slope = max(fwidth(height), 1e-6);
  // Without a goal there is nothing to tint towards.
  let strength = select(0.0, TINT * exp(-TINT_FADE * max(floor(height), 0.0)), scene.goal_count > 0u);
  var colour = mix(scene.paper.rgb, tint / max(weights, 1e-6), strength);
  let line = saturate(1.0 - abs(fract(height + 0.5) - 0.5) / slope * scene.pixel / scene.thickness);
  let visible = select(0.0, LINE * line, scene.goal_count > 0u && height > 0.5);
  colour = mix(colour, scene.ink.rgb, visible);
  for (var g = 0u; g < min(scene.goal_count, MOST_GOALS); g++) {
    let offset = position - scene.goals[g].xy;
    let inside = scene.goal_radius - length(offset);
    if (inside < -2.0 * scene.thickness) { continue; }
    let goal = scene.colours[g].rgb;
    colour = mix(colour, goal, DISC * coverage(inside));
    colour = mix(colour, goal, coverage(scene.thickness - abs(inside)));
    let depth = -sign_of(g, offset);
    colour = mix(colour, scene.paper.rgb, coverage(depth + 1.6 * scene.thickness));
    colour = mix(colour, goal, coverage(depth));
  }
  let wall = scene.bound - max(abs(position.x), abs(position.y));
  return vec4f(mix(colour, scene.ink.rgb, WALL * coverage(scene.thickness - wall)), 1.0);
}
