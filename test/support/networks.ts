import type { Gpu } from '../../src/gpu/gpu.ts';
import { constantsOf, shaderSource } from '../../src/gpu/shader.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { mlpSizes } from '../../src/nn/mlp-spec.ts';
import type { Mlp } from '../../src/nn/mlp.ts';
import type { Parameters } from '../../src/nn/parameters.ts';
import type { SoftQFunction } from '../../src/rl/soft-q-function.ts';
import { OracleCritic } from '../oracles/critic.ts';
import { parameterCount, type OracleMlp } from '../oracles/mlp.ts';
import { Draws, normalPair, randomBits } from '../oracles/random.ts';

/** STREAM_... of `shaders/common/random.wgsl`. */
export const STREAMS = constantsOf(shaderSource('common/random.wgsl'));

/** Normals against float64: WGSL promises cos and sin to 2^-11 only, and SwiftShader uses that up; times the radius. */
export const NORMALS = 1e-3;

/** One member of padded flat parameters in the order of the oracle's: W1, b1, W2, ... */
export function oracleParameters(parameters: Parameters, flat: Float32Array, member = 0): number[] {
  return parameters.unpack(flat).flatMap(({ data }) => {
    const length = data.length / parameters.members;
    return [...data.subarray(member * length, (member + 1) * length)];
  });
}

/** The network of one member as the oracle wants it, with the weights that are on the GPU or in `tensor`. */
export async function oracleMlp(gpu: Gpu, mlp: Mlp, member = 0, tensor?: Tensor): Promise<OracleMlp> {
  const flat = await gpu.read(tensor ?? mlp.parameters.tensor);
  return {
    sizes: mlpSizes(mlp.spec),
    hidden: mlp.spec.activation,
    parameters: oracleParameters(mlp.parameters, flat, member),
  };
}

/** The critics of one member, as they are in `mlp`: the online network's or the target's. */
export async function oracleCritic(
  gpu: Gpu,
  { spec: { critics = 1, ensemble = 'mean' } }: SoftQFunction,
  mlp: Mlp,
  member: number,
): Promise<OracleCritic> {
  const ids = Array.from({ length: critics }, (_, c) => member * critics + c);
  return new OracleCritic(await Promise.all(ids.map((id) => oracleMlp(gpu, mlp, id))), ensemble);
}

/** Random weights and biases for every member, padding left zero; no bias is zero, which would hide a wrong offset. */
export function randomiseParameters(
  gpu: Gpu,
  { spec, parameters }: Mlp,
  seed: number,
  deviation = 0.5,
): void {
  const draws = new Draws(seed);
  const length = parameterCount(mlpSizes(spec)) * parameters.members;
  const numbers = Float32Array.from(draws.normals(length, deviation));
  let at = 0;
  const arrays = parameters
    .unpack(new Float32Array(parameters.members * parameters.size))
    .map(({ name, data }) => {
      at += data.length;
      return [name, numbers.subarray(at - data.length, at)] as const;
    });
  gpu.write(parameters.tensor, parameters.pack(new Map(arrays)));
}

/** The noise xi (rows, size) that `shaders/rl/sampling_input.wgsl` draws, in float64. */
export function noiseRows(
  rows: number,
  size: number,
  counter: number,
  stream: number,
  seed: number,
): number[][] {
  const pairs = Math.ceil(size / 2);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: pairs }, (__, pair) => {
      const bits = randomBits(row * pairs + pair, counter, stream, seed);
      return normalPair(bits[0], bits[1]);
    })
      .flat()
      .slice(0, size),
  );
}
