// Actions that are uniform in the box [-1, 1]^A, for the importance sample of the soft value (eq. 10):
//   UNIFORM_SHARED  one set for the whole batch (the released code)
//   UNIFORM         a set for each state
//   LATTICE         frac(k g^-1 + shift_1), frac(k g^-2 + shift_2), ... with g^(A+1) = g + 1 and one random shift per
//                   state (R_A sequence): the same marginal, a third of the error at Kv 16
// #import common/random.wgsl

const UNIFORM_SHARED = 0u;
const UNIFORM = 1u;
const LATTICE = 2u;

// Which random numbers row `row`, action k of set `owner`, is made from.
fn drawn_by(proposal: u32, row: u32, owner: u32, k: u32) -> u32 {
  if (proposal == UNIFORM_SHARED) { return k; }
  return select(row, owner, proposal == LATTICE);
}

// One component of an action; `place` is the lattice's, 0 without one.
fn box_action(bits: u32, place: f32) -> f32 {
  return 2.0 * fract(place + uniform_from(bits)) - 1.0;
}
