// What every picture of the plane shares: the scene, where a position lies on the canvas, and which goal is near.
const MOST_GOALS = 8u;
const FAR = 1e30;

struct Scene {
  to_clip: array<vec4f, 4>,  // columns of the matrix from the plane to clip space
  to_plane: array<vec4f, 4>, // and of the one back
  goals: array<vec4f, MOST_GOALS>,   // x and y; the rest is unused
  colours: array<vec4f, MOST_GOALS>, // of the goals
  paper: vec4f,
  ink: vec4f,
  looked_at_x: f32,
  looked_at_y: f32,
  pixel: f32,       // side of a canvas pixel in units of the plane
  thickness: f32,   // of a hair line, in units of the plane
  bound: f32,
  goal_radius: f32,
  goal_spread: f32, // 0: the reward falls with the squared distance; else that of a bell around each goal
  goal_count: u32,
  environments: u32,
  random_environments: u32,
  capacity: u32,    // records of the replay ring
  trail: u32,       // transitions behind each environment
  travelled: f32,   // share of the newest transition that has been shown, from 0 to 1
}

fn nearest_goal(position: vec2f) -> u32 {
  var nearest = 0u;
  var least = FAR;
  for (var g = 0u; g < min(scene.goal_count, MOST_GOALS); g++) {
    let away = distance(position, scene.goals[g].xy);
    if (away < least) {
      least = away;
      nearest = g;
    }
  }
  return nearest;
}

fn clip_of(position: vec2f) -> vec4f {
  let m = scene.to_clip;
  return mat4x4f(m[0], m[1], m[2], m[3]) * vec4f(position, 0.0, 1.0);
}

// How much of a pixel lies inside an edge that is `inside` units of the plane away; negative is outside.
fn coverage(inside: f32) -> f32 {
  return saturate(inside / scene.pixel + 0.5);
}

// The corners of two triangles that make a square from -1 to 1.
fn corner_of(vertex: u32) -> vec2f {
  return vec2f(select(-1.0, 1.0, vertex == 1u || vertex == 4u || vertex == 5u),
    select(-1.0, 1.0, vertex == 2u || vertex == 3u || vertex == 5u));
}
