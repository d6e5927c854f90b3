// A point in the plane that moves with velocity a in [-1, 1]^2 within a square: s' = clip(s + clip(a) + noise).
// What the environment modules of the multi-goal task share; their EnvParams have bound, noise and start_spread.
fn clipped(position: vec2f) -> vec2f {
  return clamp(position, vec2f(-env_params.bound), vec2f(env_params.bound));
}

fn place(position: vec2f) {
  state_store(0u, position.x);
  state_store(1u, position.y);
}

fn env_reset() {
  place(clipped(env_params.start_spread * normal_pair(env_random(0u).xy)));
}

fn chosen_velocity() -> vec2f {
  return clamp(vec2f(action(0u), action(1u)), vec2f(-1.0), vec2f(1.0));
}

// Moves the point and returns where it is now.
fn travel(velocity: vec2f) -> vec2f {
  var position = vec2f(state_load(0u), state_load(1u)) + velocity;
  if (env_params.noise > 0.0) { position += env_params.noise * normal_pair(env_random(0u).xy); }
  position = clipped(position);
  place(position);
  return position;
}

fn env_observe() {
  observe(0u, state_load(0u));
  observe(1u, state_load(1u));
}
