// The 2-D multi-goal task (section 5.1; constants of the released code): a point moves with velocity a in [-1, 1]^2,
//   s' = clip(s + clip(a) + noise),  r = -action_cost |a|^2 - distance_cost min_g |s' - g|^2 + goal_reward [arrived],
//   arrived = min_g |s' - g|^2 < goal_radius^2, which ends the episode.
// #import common/point_mass.wgsl
const OBSERVATION_SIZE = 2u;
const ACTION_SIZE = 2u;
const STATE_SIZE = 2u;
const MAX_EPISODE_STEPS = 30u; // #tunable
const MOST_GOALS = 8u;

struct EnvParams {
  goals: array<vec4f, 8>, // x and y; the rest is unused
  goal_count: u32,
  bound: f32,
  action_cost: f32,
  distance_cost: f32,
  goal_reward: f32,
  goal_radius: f32,
  noise: f32,
  start_spread: f32,
}

@group(0) @binding(1) var<uniform> env_params: EnvParams;

fn env_step() -> StepResult {
  let velocity = chosen_velocity();
  let position = travel(velocity);
  var nearest = 1e30;
  for (var g = 0u; g < min(env_params.goal_count, MOST_GOALS); g++) {
    let offset = position - env_params.goals[g].xy;
    nearest = min(nearest, dot(offset, offset));
  }
  let arrived = nearest < env_params.goal_radius * env_params.goal_radius;
  let cost = env_params.action_cost * dot(velocity, velocity) + env_params.distance_cost * nearest;
  return StepResult(select(0.0, env_params.goal_reward, arrived) - cost, arrived);
}
