// How the solver's grids lie in memory: four columns side by side, so that a vec4f is four columns of one row.
const COLUMNS_TOGETHER = 4u;
// Points of a line that share one exponential scale: few enough that nothing that counts is lost in their range.
const BLOCK = 8u; // #tunable
const LOWEST = -1e30; // stands for the logarithm of nothing
const LEAST_EXPONENT = -100.0; // exp of it is nothing in float32

fn quadruple_index(x: u32, y: u32, rows: u32) -> u32 {
  return ((x / COLUMNS_TOGETHER) * rows + y) * COLUMNS_TOGETHER + x % COLUMNS_TOGETHER;
}
