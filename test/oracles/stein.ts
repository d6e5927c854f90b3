// Kernel Stein discrepancy on a grid, in float64: densities of one variable, and the flow that takes q towards p.

/** A density of one variable: log p and d log p / dx. */
export interface Density {
  readonly logDensity: (x: number) => number;
  readonly score: (x: number) => number;
}

/** A normalised mixture of N(mean, deviation^2) with the given weights. */
export function mixture(...parts: readonly { weight: number; mean: number; deviation: number }[]): Density {
  const terms = (x: number) =>
    parts.map(
      ({ weight, mean, deviation }) =>
        (weight * Math.exp(-(((x - mean) / deviation) ** 2) / 2)) / (deviation * Math.sqrt(2 * Math.PI)),
    );
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return {
    logDensity: (x) => Math.log(sum(terms(x))),
    score: (x) =>
      sum(terms(x).map((term, i) => (term * (parts[i]!.mean - x)) / parts[i]!.deviation ** 2)) /
      sum(terms(x)),
  };
}

/** One of the kernels k(x, y) of one variable, with its derivatives by x, by y and by both. */
export interface Kernel {
  readonly value: (x: number, y: number) => number;
  readonly byX: (x: number, y: number) => number;
  readonly byXY: (x: number, y: number) => number;
}

/** exp(-(x - y)^2 / h). */
export function rbfKernel(h: number): Kernel {
  const value = (x: number, y: number) => Math.exp(-((x - y) ** 2) / h);
  return {
    value,
    byX: (x, y) => ((-2 * (x - y)) / h) * value(x, y),
    byXY: (x, y) => (2 / h - (4 * (x - y) ** 2) / h ** 2) * value(x, y),
  };
}

/** (1 + (x - y)^2 / h)^(-1/2). */
export function imqKernel(h: number): Kernel {
  const base = (x: number, y: number) => 1 + (x - y) ** 2 / h;
  return {
    value: (x, y) => 1 / Math.sqrt(base(x, y)),
    byX: (x, y) => -(x - y) / h / base(x, y) ** 1.5,
    byXY: (x, y) => 1 / h / base(x, y) ** 1.5 - (3 * (x - y) ** 2) / h ** 2 / base(x, y) ** 2.5,
  };
}

/**
 * KL(q_e || p), q_e the law of T(x) = x + e phi(x), x ~ q, where phi(y) = E_q[score(x) k(x, y) + dk(x, y)/dx]:
 * E_q[log q(x) - log |1 + e phi'(x)| - log p(T(x))], as sums over the midpoints `grid` of cells of width `width`.
 */
export function divergenceAlong(
  q: Density,
  p: Density,
  { value, byX, byXY }: Kernel,
  grid: readonly number[],
  width: number,
): (e: number) => number {
  const weights = grid.map((x) => Math.exp(q.logDensity(x)) * width);
  const mean = (f: (x: number) => number) => grid.reduce((sum, x, i) => sum + weights[i]! * f(x), 0);
  // dk/dy = -dk/dx for a kernel of the difference.
  const flow = grid.map((y) => ({
    y,
    phi: mean((x) => p.score(x) * value(x, y) + byX(x, y)),
    slope: mean((x) => -p.score(x) * byX(x, y) + byXY(x, y)),
  }));
  return (e) =>
    flow.reduce((sum, { y, phi, slope }, i) => {
      const term = q.logDensity(y) - Math.log(Math.abs(1 + e * slope)) - p.logDensity(y + e * phi);
      return sum + weights[i]! * term;
    }, 0);
}
