// The noise xi ~ N(0, I) of a row of the sampling network, behind the observation. What rl/sampling_input.wgsl draws: the
// noise depends on the seed, the stream, a counter and the row, so any row can be drawn again.
// #import common/random.wgsl

fn set_noise(row: u32, first: u32, size: u32, seed: u32, stream: u32, counter: u32) {
  let pairs = (size + 1u) / 2u;
  for (var pair = 0u; pair < pairs; pair++) {
    let xi = normal_pair(random(seed, stream, counter, row * pairs + pair).xy);
    set_input(row, first + 2u * pair, xi.x);
    if (2u * pair + 1u < size) { set_input(row, first + 2u * pair + 1u, xi.y); }
  }
}
