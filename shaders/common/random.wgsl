// random(seed, stream, iteration, index): four words that depend on nothing but the four arguments.
// pcg4d of Jarzynski and Olano, "Hash Functions for GPU Rendering" (JCGT 2020); src/gpu/random.ts gives the same bits.

// Who draws: one stream for each use, so that no two uses share numbers.
const STREAM_INITIALISE = 1u;
const STREAM_FIRST_RESET = 2u;
const STREAM_RESET = 3u;
const STREAM_DYNAMICS = 4u;
const STREAM_ACT = 5u;
const STREAM_RANDOM_ACTION = 6u;
const STREAM_REPLAY = 7u;
const STREAM_PROPOSAL = 8u;
const STREAM_PROPOSAL_POLICY = 9u;
const STREAM_PARTICLES = 10u;
const STREAM_EVALUATION = 11u;
const STREAM_PROPOSAL_NOISE = 12u;
const STREAM_EXPLORATION = 13u;
const STREAM_DIRECTIONS = 14u;
const STREAM_REFERENCE = 15u;
const STREAM_VISITS = 16u;
const STREAM_OPTIMUM = 17u;
const STREAM_REFINEMENT = 18u;
const STREAM_RESAMPLING = 19u;
const STREAM_RELABEL = 20u;

const TWO_PI = 6.283185307179586;
const UNIT_24 = 5.9604644775390625e-8; // 2^-24

fn random(seed: u32, stream: u32, iteration: u32, index: u32) -> vec4u {
  var v = vec4u(index, iteration, stream, seed) * 1664525u + 1013904223u;
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  v ^= v >> vec4u(16u);
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  return v;
}

// A number in [0, 1): a multiple of 2^-24, exact in float32.
fn uniform_from(bits: u32) -> f32 {
  return f32(bits >> 8u) * UNIT_24;
}

// Two independent standard normals from two words (Box-Muller). The radius's uniform lies in (0, 1]: the log is finite,
// and max() keeps a log that errs above zero from giving NaN. The angle lies in [-pi, pi), where WGSL bounds cos and sin.
fn normal_pair(bits: vec2u) -> vec2f {
  let radius = sqrt(max(0.0, -2.0 * log(f32((bits.x >> 8u) + 1u) * UNIT_24)));
  let turn = uniform_from(bits.y);
  let angle = TWO_PI * (turn - select(0.0, 1.0, turn >= 0.5));
  return radius * vec2f(cos(angle), sin(angle));
}

// floor(bits * count / 2^32), the high word of a 64-bit product built from 16-bit halves: an integer in [0, count).
fn below(bits: u32, count: u32) -> u32 {
  let bits_low = bits & 0xffffu;
  let bits_high = bits >> 16u;
  let count_low = count & 0xffffu;
  let count_high = count >> 16u;
  let middle = bits_high * count_low + ((bits_low * count_low) >> 16u);
  let carry = bits_low * count_high + (middle & 0xffffu);
  return bits_high * count_high + (middle >> 16u) + (carry >> 16u);
}
