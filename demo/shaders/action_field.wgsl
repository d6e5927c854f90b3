// log pi(a|s) = Q(s, a) / alpha - log integral exp(Q(s, .) / alpha), nats, by the trapezoid rule; eq. 6 of the paper.
// One workgroup. q (SIDE SIDE, 4); exact (SIDE SIDE) log pi*; field (2, SIDE SIDE): learned, exact; scale (SCALE_SIZE).
@group(0) @binding(0) var<uniform> energy: Energy;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> temperature: array<f32>;
@group(0) @binding(3) var<storage, read> exact: array<f32>;
@group(0) @binding(4) var<storage, read_write> field: array<f32>;
@group(0) @binding(5) var<storage, read_write> scale: array<f32>;

const LANES = 64u;
var<workgroup> tops: array<f32, LANES>;
var<workgroup> exact_tops: array<f32, LANES>;
var<workgroup> sums: array<f32, LANES>;

fn weight(index: u32) -> f32 {
  return select(1.0, 0.5, index == 0u || index == SIDE - 1u);
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  let nats = 1.0 / (energy.reward_scale * temperature[0]);
  let count = SIDE * SIDE;
  var top = -3e38;
  var exact_top = -3e38;
  for (var i = lane; i < count; i += LANES) {
    top = max(top, q[4u * i] * nats);
    exact_top = max(exact_top, exact[i]);
  }
  tops[lane] = top;
  exact_tops[lane] = exact_top;
  workgroupBarrier();
  for (var i = 0u; i < LANES; i++) {
    top = max(top, tops[i]);
    exact_top = max(exact_top, exact_tops[i]);
  }
  var sum = 0.0;
  for (var i = lane; i < count; i += LANES) {
    sum += weight(i % SIDE) * weight(i / SIDE) * exp(q[4u * i] * nats - top);
  }
  sums[lane] = sum;
  workgroupBarrier();
  sum = 0.0;
  for (var i = 0u; i < LANES; i++) { sum += sums[i]; }
  let cell = 2.0 / f32(SIDE - 1u);
  let log_partition = top + log(sum * cell * cell);
  for (var i = lane; i < count; i += LANES) {
    field[i] = q[4u * i] * nats - log_partition;
    field[count + i] = exact[i];
  }
  if (lane > 0u) { return; }
  let high = max(top - log_partition, select(-3e38, exact_top, energy.has_exact == 1u));
  scale[LOW] = high - RANGE;
  scale[HIGH] = high;
  scale[STEP] = CONTOUR;
}
