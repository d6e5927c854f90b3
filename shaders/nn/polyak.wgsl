// target += tau (online - target) at every `interval`-th update of the critic: Polyak averaging with interval 1, the paper's
// hard copy with tau 1 (Algorithm 1, lines 27-28). Linked into nn/adam.wgsl; averaged (R, size).
@group(0) @binding(8) var<storage, read_write> averaged: array<f32>;

fn follow(at: u32, online: f32) {
  if ((clock.updates + 1u) % params.interval != 0u) { return; }
  averaged[at] = select(averaged[at] + params.tau * (online - averaged[at]), online, params.tau == 1.0);
}
