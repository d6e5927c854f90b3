// Role of the critic at the minibatch's own actions: V(s') by importance sampling (eq. 10), y = r + discount V(s') and
// dJ_Q/dQ = (Q - y) / B of J_Q = mean of 1/2 (Q - y)^2 (eq. 11). Row b.
// next_values (R, ...) holds the target network's Q of the Kv proposed actions of each transition, Kv numbers a transition
// from next_first on, which all have the density exp(log_density). statistics (R, STATISTICS, B). Everything is in units of
// the scaled reward. A loss that is not finite leaves the update's number in fault[fault_index].
// #import rl/fused/minibatch.wgsl
// #import common/finite.wgsl

// Rows of `statistics`.
const VALUE = 0u; // V(s')
const TARGET = 1u; // y
const PREDICTION = 2u; // Q(s, a)
const LOSS = 3u; // 1/2 (Q - y)^2
const STATISTICS = 4u;

struct Params {
  particles: u32,
  observation_size: u32,
  action_size: u32,
  capacity: u32,
  next_first: u32, // of the first block
  next_block: u32, // numbers from one block of rows to the next
  fault_index: u32,
  log_density: f32,
  discount: f32,
  reward_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(6) var<storage, read> next_values: array<f32>;
@group(0) @binding(7) var<storage, read> temperature: array<f32>;
@group(0) @binding(10) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(11) var<storage, read_write> fault: array<atomic<u32>>;

// The target network's Q(s'_b, a_k)
fn next_value(row: u32, k: u32) -> f32 {
  let next_rows = network.rows * params.particles;
  let next_row = row * params.particles + k;
  let block = member * ((next_rows + BLOCK - 1u) / BLOCK) + next_row / BLOCK;
  return next_values[params.next_first + block * params.next_block + next_row % BLOCK];
}

fn prepare(row: u32) {
  set_inputs(row, record_of(row), params.observation_size + params.action_size);
}

fn differentiate(row: u32) {
  let alpha = temperature[member] * params.reward_scale;
  var largest = next_value(row, 0u);
  for (var k = 1u; k < params.particles; k++) { largest = max(largest, next_value(row, k)); }
  var sum = 0.0;
  for (var k = 0u; k < params.particles; k++) { sum += exp((next_value(row, k) - largest) / alpha); }
  let value = largest + alpha * (log(sum / f32(params.particles)) - params.log_density);

  let next = record_of(row) + params.observation_size + params.action_size;
  let terminated = ring[next + 1u + params.observation_size];
  let y = params.reward_scale * ring[next] + params.discount * (1.0 - terminated) * value;
  let prediction = output(row, 0u);
  let error = prediction - y;
  let loss = 0.5 * error * error;
  set_output_gradient(row, 0u, error / f32(network.rows));
  let at = member * STATISTICS * network.rows + row;
  statistics[at + VALUE * network.rows] = value;
  statistics[at + TARGET * network.rows] = y;
  statistics[at + PREDICTION * network.rows] = prediction;
  statistics[at + LOSS * network.rows] = loss;
  if (!is_finite(loss)) { atomicMin(&fault[params.fault_index], clock.updates); }
}

fn finish(row: u32) {}
