// Whether x is neither NaN nor infinite, from its exponent bits: a driver may fold x != x to false.
fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}
