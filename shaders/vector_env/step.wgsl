// s' ~ p(s'|s, a), r, terminated; then the transition is recorded and an ended episode is reset in the same step
// (SAME_STEP autoreset in Gymnasium's terms). The recorded s' is the real next observation, taken before the reset, and
// a time limit is recorded as truncated, never as terminated, so that it does not cut the bootstrap.
// One invocation per environment. seeds (R); state (R, STATE_SIZE, E); action (R, E, ACTION_SIZE);
// observation (R, E, OBSERVATION_SIZE); episode (R, EPISODE_FIELDS, E); ring see replay/sink.wgsl.
// #import vector_env/interface.wgsl
// #import common/clock.wgsl
// #import common/random.wgsl
// #slot env
// #slot sink

// Fields of `episode`: of the episode under way, then of the last one that ended.
const RETURN = 0u;
const LENGTH = 1u;
const LAST_RETURN = 2u;
const LAST_LENGTH = 3u;
const LAST_TERMINATED = 4u;
const FINISHED = 5u; // 1 once an episode has ended
const EPISODE_FIELDS = 6u;

struct Params {
  environments: u32,
  capacity: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<uniform> clock: Clock;
@group(0) @binding(3) var<storage, read> seeds: array<u32>;
@group(0) @binding(4) var<storage, read> actions: array<f32>;
@group(0) @binding(5) var<storage, read_write> state: array<f32>;
@group(0) @binding(6) var<storage, read_write> observation: array<f32>;
@group(0) @binding(7) var<storage, read_write> episode: array<f32>;

fn action(index: u32) -> f32 {
  return actions[(member * params.environments + instance) * ACTION_SIZE + index];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.environments) { return; }
  instance = id.x;
  member = id.y;
  for (var i = 0u; i < OBSERVATION_SIZE; i++) { record(i, observed(i)); }
  for (var i = 0u; i < ACTION_SIZE; i++) { record(OBSERVATION_SIZE + i, action(i)); }

  random_stream = STREAM_DYNAMICS;
  let result = env_step();
  env_observe();

  let e = (member * EPISODE_FIELDS) * params.environments + instance;
  let stride = params.environments;
  let length = episode[e + LENGTH * stride] + 1.0;
  let total = episode[e + RETURN * stride] + result.reward;
  let truncated = !result.terminated && length >= f32(MAX_EPISODE_STEPS);
  let next = OBSERVATION_SIZE + ACTION_SIZE;
  record(next, result.reward);
  for (var i = 0u; i < OBSERVATION_SIZE; i++) { record(next + 1u + i, observed(i)); }
  record(next + 1u + OBSERVATION_SIZE, select(0.0, 1.0, result.terminated));
  record(next + 2u + OBSERVATION_SIZE, select(0.0, 1.0, truncated));

  let ended = result.terminated || truncated;
  episode[e + LENGTH * stride] = select(length, 0.0, ended);
  episode[e + RETURN * stride] = select(total, 0.0, ended);
  if (ended) {
    episode[e + LAST_RETURN * stride] = total;
    episode[e + LAST_LENGTH * stride] = length;
    episode[e + LAST_TERMINATED * stride] = select(0.0, 1.0, result.terminated);
    episode[e + FINISHED * stride] = 1.0;
    random_stream = STREAM_RESET;
    env_reset();
    env_observe();
  }
}
