// log N(x; mu, sigma) for one component, z = (x - mu) / sigma.
const HALF_LOG_TWO_PI = 0.9189385332046727;

fn log_normal(z: f32, log_deviation: f32) -> f32 {
  return -0.5 * z * z - log_deviation - HALF_LOG_TWO_PI;
}
