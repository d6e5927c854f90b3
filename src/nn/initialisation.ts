import { random, uniform } from '../gpu/random.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';

const STREAM = constantsOf(shaderSource('common/random.wgsl'))['STREAM_INITIALISE']!;

/**
 * Weights (inputSize, outputSize) uniform in +-sqrt(6 / (inputSize + outputSize)) (Glorot and Bengio 2010).
 * `layer` tells the draws of one layer from those of another with the same seed.
 */
export function xavierUniform(
  inputSize: number,
  outputSize: number,
  seed: number,
  layer: number,
): Float32Array {
  const bound = Math.sqrt(6 / (inputSize + outputSize));
  return Float32Array.from({ length: inputSize * outputSize }, (_, i) => {
    const [bits] = random(seed, STREAM, layer, i);
    return bound * (2 * uniform(bits) - 1);
  });
}
