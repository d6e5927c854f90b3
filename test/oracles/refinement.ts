// Draws from exp(Q / alpha) by Langevin steps and by resampling, in float64.

/**
 * One unadjusted Langevin step in u of the density of u = atanh a under exp(q(a)):
 * u + eps [(1 - tanh(u)^2) dq/da - 2 tanh(u)] + sqrt(2 eps) xi. `u`, `slope` (dq/da, nats) and `xi` are (A).
 */
export function langevinStep(
  u: readonly number[],
  slope: readonly number[],
  xi: readonly number[],
  eps: number,
): number[] {
  return u.map((value, d) => {
    const a = Math.tanh(value);
    const score = (1 - a ** 2) * slope[d]! - 2 * a;
    return value + eps * score + Math.sqrt(2 * eps) * xi[d]!;
  });
}

/** The first c whose share of sum exp(q) with all before it exceeds `share` in [0, 1). `nats` (q) is (C). */
export function resampledIndex(nats: readonly number[], share: number): number {
  const top = Math.max(...nats);
  const weights = nats.map((value) => Math.exp(value - top));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let below = 0;
  const index = weights.findIndex((weight) => (below += weight) > share * total);
  return index < 0 ? nats.length - 1 : index;
}

/** F(t) of the density proportional to exp(q(a)) on [-1, 1], by the midpoint rule between `points` knots, then linear. */
export function distributionOf(q: (action: number) => number, points = 2000): (t: number) => number {
  const width = 2 / points;
  const heights = Array.from({ length: points }, (_, i) => q(-1 + (i + 0.5) * width));
  const top = Math.max(...heights);
  const cumulative = [0];
  for (const height of heights) cumulative.push(cumulative.at(-1)! + Math.exp(height - top));
  const total = cumulative.at(-1)!;
  return (t) => {
    const position = Math.min(Math.max((t + 1) / width, 0), points);
    const knot = Math.min(Math.floor(position), points - 1);
    const share = position - knot;
    return ((1 - share) * cumulative[knot]! + share * cumulative[knot + 1]!) / total;
  };
}
