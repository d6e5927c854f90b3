/**
 * Counter-based randomness, the host's copy of `shaders/common/random.wgsl`: the same arguments give the same bits
 * on every adapter and here. There is no generator state, so any draw can be repeated on its own.
 */

const MULTIPLIER = 1664525;
const INCREMENT = 1013904223;

/**
 * Four independent 32-bit words: pcg4d of Jarzynski and Olano, "Hash Functions for GPU Rendering" (JCGT 2020).
 * All arguments are unsigned 32-bit integers.
 */
export function random(
  seed: number,
  stream: number,
  iteration: number,
  index: number,
): [number, number, number, number] {
  let x = (Math.imul(index, MULTIPLIER) + INCREMENT) | 0;
  let y = (Math.imul(iteration, MULTIPLIER) + INCREMENT) | 0;
  let z = (Math.imul(stream, MULTIPLIER) + INCREMENT) | 0;
  let w = (Math.imul(seed, MULTIPLIER) + INCREMENT) | 0;
  const mix = () => {
    x = (x + Math.imul(y, w)) | 0;
    y = (y + Math.imul(z, x)) | 0;
    z = (z + Math.imul(x, y)) | 0;
    w = (w + Math.imul(y, z)) | 0;
  };
  mix();
  x ^= x >>> 16;
  y ^= y >>> 16;
  z ^= z >>> 16;
  w ^= w >>> 16;
  mix();
  return [x >>> 0, y >>> 0, z >>> 0, w >>> 0];
}

/** A number in [0, 1) from one word, a multiple of 2^-24 and so exact in float32. */
export function uniform(bits: number): number {
  return (bits >>> 8) * 2 ** -24;
}

/** Two independent standard normals from two words (Box-Muller), in float64. */
export function normalPair(first: number, second: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(((first >>> 8) + 1) * 2 ** -24));
  const angle = 2 * Math.PI * uniform(second);
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/** floor(bits * count / 2^32): an integer in [0, count) from one word, exact for every count below 2^32. */
export function below(bits: number, count: number): number {
  return Number((BigInt(bits >>> 0) * BigInt(count >>> 0)) >> 32n);
}
