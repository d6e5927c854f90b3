// What an environment module may call. `instance` is the environment's number within its member.
// state (R, STATE_SIZE, E), observation (R, E, OBSERVATION_SIZE), action (R, E, ACTION_SIZE).

struct StepResult {
  reward: f32,
  terminated: bool,
}

// Random blocks of four words that one environment may draw in one step.
const RANDOM_BLOCKS = 64u;

var<private> instance: u32;
var<private> member: u32;
var<private> random_stream: u32;

fn state_load(field: u32) -> f32 {
  return state[(member * STATE_SIZE + field) * params.environments + instance];
}

fn state_store(field: u32, value: f32) {
  state[(member * STATE_SIZE + field) * params.environments + instance] = value;
}

fn observe(index: u32, value: f32) {
  observation[(member * params.environments + instance) * OBSERVATION_SIZE + index] = value;
}

fn observed(index: u32) -> f32 {
  return observation[(member * params.environments + instance) * OBSERVATION_SIZE + index];
}

// Block `block` of this step's random words; see common/random.wgsl for what to make of them.
fn env_random(block: u32) -> vec4u {
  return random(seeds[member], random_stream, clock.iteration, instance * RANDOM_BLOCKS + block);
}
