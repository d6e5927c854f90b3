// Derivatives by differences.

/** Central differences of a scalar function, (f(x + e) - f(x - e)) / 2e in every coordinate. */
export function numericGradient(f: (x: number[]) => number, at: ArrayLike<number>, step = 1e-5): number[] {
  return Array.from(at, (_, n) => {
    const shifted = (amount: number) => f(Array.from(at, (value, m) => (m === n ? value + amount : value)));
    return (shifted(step) - shifted(-step)) / (2 * step);
  });
}
