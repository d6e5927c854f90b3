// norms[sweep] = (max |new Q - old Q|, max |new Q|): the sup norms that end an iteration. One workgroup.
// Bit patterns of non-negative floats are ordered as the floats are and NaN's come last, so the maximum is taken over
// them: a NaN anywhere reaches the host. change and q (S, A); norms (sweeps, 2), bits of f32.

const LANES = 64u; // more would only wait longer at the barriers: on SwiftShader 256 make a small sweep four times as slow
const MAGNITUDE = 0x7fffffffu; // all bits but the sign

struct Params {
  pairs: u32,
  sweep: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> change: array<f32>;
@group(0) @binding(2) var<storage, read> q: array<f32>;
@group(0) @binding(3) var<storage, read_write> norms: array<u32>;

var<workgroup> largest: array<vec2u, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  var mine = vec2u(0u);
  for (var pair = lane; pair < params.pairs; pair += LANES) {
    mine = max(mine, bitcast<vec2u>(vec2f(change[pair], q[pair])) & vec2u(MAGNITUDE));
  }
  largest[lane] = mine;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { largest[lane] = max(largest[lane], largest[lane + half]); }
    workgroupBarrier();
  }
  if (lane < 2u) { norms[2u * params.sweep + lane] = largest[0][lane]; }
}
