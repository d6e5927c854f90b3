// The terms of the Stein direction for one component of a particle: u before the squash, a = tanh u.
// DIRECTION says in which space the kernel acts:
//   TANH_KERNEL  x = a, score = grad_u [Q/alpha + log(1 - a^2)] = (1 - a^2) dQ/da / alpha - 2a; grad kappa by the chain rule
//   RAW          x = u, the same score
//   RELEASED     x = a, score = dQ/da / alpha - 2a / (1 - a^2 + eps), phi_i then times 1 - a_i^2: the published code, whose
//                stationary density is exp(Q/alpha) prod(1 - a^2) instead of exp(Q/alpha) (softlearning issue 143)
//   UNCORRECTED  x = a, score = dQ/da / alpha, phi_i then times 1 - a_i^2: particles pile up at the walls of the box
//   UNBOUNDED    x = u with no squash at all, score = dQ/dx / alpha: particles anywhere in R^A

override DIRECTION: u32;
const TANH_KERNEL = 0u;
const RAW = 1u;
const RELEASED = 2u;
const UNCORRECTED = 3u;
const UNBOUNDED = 4u;
const RELEASED_EPSILON = 1e-6;

// x, where distances are taken
fn position(u: f32, a: f32) -> f32 {
  return select(a, u, DIRECTION == RAW || DIRECTION == UNBOUNDED);
}

// 1 - tanh(u)^2, without the cancellation that 1 - a^2 suffers where tanh saturates: RELEASED divides by it
fn squash_slope(u: f32) -> f32 {
  let e = exp(-2.0 * abs(u));
  return 4.0 * e / ((1.0 + e) * (1.0 + e));
}

fn score(u: f32, a: f32, q_slope: f32) -> f32 {
  if (DIRECTION == UNCORRECTED || DIRECTION == UNBOUNDED) { return q_slope; }
  if (DIRECTION == RELEASED) { return q_slope - 2.0 * a / (squash_slope(u) + RELEASED_EPSILON); }
  return (1.0 - a * a) * q_slope - 2.0 * a;
}

// grad_{x_j} kappa in the space of the direction, for x_j - y_i = difference
fn kernel_slope(kappa: f32, difference: f32, h: f32, a: f32) -> f32 {
  let slope_of_x = -2.0 / h * difference * kappa;
  return select(slope_of_x, slope_of_x * (1.0 - a * a), DIRECTION == TANH_KERNEL);
}

// What the direction of a particle at u is multiplied by at the end
fn step_slope(u: f32) -> f32 {
  if (DIRECTION == RELEASED || DIRECTION == UNCORRECTED) { return squash_slope(u); }
  return 1.0;
}
