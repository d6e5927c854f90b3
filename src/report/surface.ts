/** Samples of a function on a square: `size * size` values, row-major, y outer and ascending, ends included. */
export interface Surface {
  size: number;
  values: number[];
}

/**
 * Bilinear interpolation of `surface`, laid over [low, high]^2; points outside take the value at the border.
 * Bilinear rather than smoother, so that a figure never shows an extremum that was not sampled.
 */
export function interpolator(surface: Surface, low: number, high: number): (x: number, y: number) => number {
  const { size, values } = surface;
  if (!Number.isInteger(size) || size < 2 || values.length !== size * size) {
    throw new RangeError(
      `a surface of size ${size} needs ${size} * ${size} values (size >= 2), got ${values.length}`,
    );
  }
  const scale = (size - 1) / (high - low);
  const last = size - 1;
  return (x, y) => {
    const column = Math.min(last, Math.max(0, (x - low) * scale));
    const row = Math.min(last, Math.max(0, (y - low) * scale));
    const i = Math.min(last - 1, Math.floor(column));
    const j = Math.min(last - 1, Math.floor(row));
    const u = column - i;
    const v = row - j;
    const at = (di: number, dj: number) => values[(j + dj) * size + i + di] ?? NaN;
    return (1 - v) * ((1 - u) * at(0, 0) + u * at(1, 0)) + v * ((1 - u) * at(0, 1) + u * at(1, 1));
  };
}

/** Least and greatest finite value, or undefined where there is none (a diverged run). */
export function finiteExtent(values: readonly number[]): { least: number; greatest: number } | undefined {
  let least = Infinity;
  let greatest = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  return least <= greatest ? { least, greatest } : undefined;
}

/** The round step (1, 2, 2.5 or 5 times a power of ten) that divides `range` > 0 into closest to `count` bands. */
export function roundStep(range: number, count: number): number {
  const ideal = range / count;
  const power = 10 ** Math.floor(Math.log10(ideal));
  const distance = (step: number) => Math.abs(Math.log(step / ideal));
  return [1, 2, 2.5, 5, 10]
    .map((mantissa) => mantissa * power)
    .reduce((best, step) => (distance(step) < distance(best) ? step : best));
}
