// Counter-based random numbers, written with BigInt so that nothing depends on 32-bit tricks of the language.

const MASK = 0xffff_ffffn;
const MULTIPLIER = 1_664_525n;
const INCREMENT = 1_013_904_223n;

/** x += y w, y += z x, z += x y, w += y z, one after the other, modulo 2^32. */
function mix([x, y, z, w]: [bigint, bigint, bigint, bigint]): [bigint, bigint, bigint, bigint] {
  const x1 = (x + y * w) & MASK;
  const y1 = (y + z * x1) & MASK;
  const z1 = (z + x1 * y1) & MASK;
  const w1 = (w + y1 * z1) & MASK;
  return [x1, y1, z1, w1];
}

/**
 * pcg4d of Jarzynski and Olano, "Hash Functions for GPU Rendering" (2020): four 32-bit words to four 32-bit words.
 * v = 1664525 v + 1013904223, mix, v ^= v >> 16, mix.
 */
export function pcg4d(x: number, y: number, z: number, w: number): [number, number, number, number] {
  const start = (word: number) => (((BigInt(word >>> 0) * MULTIPLIER) & MASK) + INCREMENT) & MASK;
  const fold = (word: bigint) => word ^ (word >> 16n);
  const [x1, y1, z1, w1] = mix([start(x), start(y), start(z), start(w)]);
  const [x2, y2, z2, w2] = mix([fold(x1), fold(y1), fold(z1), fold(w1)]);
  return [Number(x2), Number(y2), Number(z2), Number(w2)];
}

/** Four random words for one counter: pcg4d(index, iteration, stream, seed), in this order. */
export function randomBits(
  index: number,
  iteration: number,
  stream: number,
  seed: number,
): [number, number, number, number] {
  return pcg4d(index, iteration, stream, seed);
}

/** The upper 24 bits of a word as a number in [0, 1): (bits >>> 8) 2^-24. Exact in float32. */
export function uniform(bits: number): number {
  return (bits >>> 8) * 2 ** -24;
}

/**
 * Box-Muller: u1 = ((bits0 >>> 8) + 1) 2^-24 in (0, 1], u2 = (bits1 >>> 8) 2^-24,
 * and the two standard normals sqrt(-2 ln u1) (cos 2 pi u2, sin 2 pi u2).
 */
export function normalPair(bits0: number, bits1: number): [number, number] {
  const u1 = ((bits0 >>> 8) + 1) * 2 ** -24;
  const u2 = uniform(bits1);
  const radius = Math.sqrt(-2 * Math.log(u1));
  return [radius * Math.cos(2 * Math.PI * u2), radius * Math.sin(2 * Math.PI * u2)];
}

/** Inputs for tests: a sequence of draws that depends on nothing but the seed and the stream. */
export class Draws {
  private index = 0;
  private readonly seed: number;
  private readonly stream: number;

  constructor(seed: number, stream = 0) {
    this.seed = seed;
    this.stream = stream;
  }

  /** The next number of the uniform law on [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * uniform(randomBits(this.index++, 0, this.stream, this.seed)[0]);
  }

  /** The next number of the normal law. */
  normal(mean = 0, deviation = 1): number {
    const bits = randomBits(this.index++, 0, this.stream, this.seed);
    return mean + deviation * normalPair(bits[0], bits[1])[0];
  }

  /** `count` normal numbers. */
  normals(count: number, deviation = 1): number[] {
    return Array.from({ length: count }, () => this.normal(0, deviation));
  }

  /** A (rows, columns) table of normal numbers. */
  normalRows(rows: number, columns: number, deviation = 1): number[][] {
    return Array.from({ length: rows }, () => this.normals(columns, deviation));
  }

  /** A (rows, columns) table of numbers uniform on [low, high). */
  uniformRows(rows: number, columns: number, low = 0, high = 1): number[][] {
    return Array.from({ length: rows }, () => Array.from({ length: columns }, () => this.uniform(low, high)));
  }
}
