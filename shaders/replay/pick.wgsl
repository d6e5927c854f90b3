// Which record of the ring is row `row` of this update's minibatch: uniform with replacement (Algorithm 1, lines 13-14).
// #import common/clock.wgsl
// #import common/random.wgsl

fn picked_record(seed: u32, row: u32) -> u32 {
  return below(random(seed, STREAM_REPLAY, clock.updates, row).x, clock.replay_size);
}
