// The 2-D multi-goal task as the paper's text has it (section 5.1, D.1): a point moves with velocity a in [-1, 1]^2,
//   s' = clip(s + clip(a) + noise),  r = sum_g goal_reward exp(-|s' - g|^2 / (2 goal_spread^2)),  and never terminates.
// #import common/point_mass.wgsl
const OBSERVATION_SIZE = 2u;
const ACTION_SIZE = 2u;
const STATE_SIZE = 2u;
const MAX_EPISODE_STEPS = 20u; // #tunable
const MOST_GOALS = 8u;

struct EnvParams {
  goals: array<vec4f, 8>, // x and y; the rest is unused
  goal_count: u32,
  bound: f32,
  goal_reward: f32,
  goal_spread: f32,
  noise: f32,
  start_spread: f32,
}

@group(0) @binding(1) var<uniform> env_params: EnvParams;

fn env_step() -> StepResult {
  let position = travel(chosen_velocity());
  let scale = -0.5 / (env_params.goal_spread * env_params.goal_spread);
  var reward = 0.0;
  for (var g = 0u; g < min(env_params.goal_count, MOST_GOALS); g++) {
    let offset = position - env_params.goals[g].xy;
    reward += env_params.goal_reward * exp(scale * dot(offset, offset));
  }
  return StepResult(reward, false);
}
