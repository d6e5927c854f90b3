// r, s', terminated of every stored transition (s, a), once more, in the world as it is now: for tasks whose observation
// is their whole state. `truncated` stays where the task's own rule does not end the episode.
// One invocation for every `invocations`-th record. seeds (R); ring (R, capacity, 2S + A + 3) as in replay/sink.wgsl.
// #import common/clock.wgsl
// #import common/random.wgsl
// #slot env

const RECORD_SIZE = 2u * OBSERVATION_SIZE + ACTION_SIZE + 3u;
const RANDOM_BLOCKS = 64u;

struct StepResult {
  reward: f32,
  terminated: bool,
}

struct Params {
  capacity: u32,
  invocations: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<uniform> clock: Clock;
@group(0) @binding(3) var<storage, read> seeds: array<u32>;
@group(0) @binding(4) var<storage, read_write> ring: array<f32>;

// What vector_env/interface.wgsl offers an environment, over one record in place of arrays of environments.
var<private> instance: u32;
var<private> member: u32;
var<private> at: u32;
var<private> state: array<f32, STATE_SIZE>;
var<private> observation: array<f32, OBSERVATION_SIZE>;

fn state_load(field: u32) -> f32 { return state[field]; }
fn state_store(field: u32, value: f32) { state[field] = value; }
fn observe(index: u32, value: f32) { observation[index] = value; }
fn observed(index: u32) -> f32 { return observation[index]; }
fn action(index: u32) -> f32 { return ring[at + OBSERVATION_SIZE + index]; }
fn env_random(block: u32) -> vec4u {
  return random(seeds[member], STREAM_RELABEL, clock.iteration, instance * RANDOM_BLOCKS + block);
}

fn relabel() {
  at = (member * params.capacity + instance) * RECORD_SIZE;
  for (var i = 0u; i < STATE_SIZE; i++) { state[i] = ring[at + i]; }
  let result = env_step();
  env_observe();
  let next = at + OBSERVATION_SIZE + ACTION_SIZE;
  ring[next] = result.reward;
  for (var i = 0u; i < OBSERVATION_SIZE; i++) { ring[next + 1u + i] = observation[i]; }
  let ended = next + 1u + OBSERVATION_SIZE;
  ring[ended] = select(0.0, 1.0, result.terminated);
  ring[ended + 1u] = select(ring[ended + 1u], 0.0, result.terminated);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  member = id.y;
  for (instance = id.x; instance < clock.replay_size; instance += params.invocations) { relabel(); }
}
