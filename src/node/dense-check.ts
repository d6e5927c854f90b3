import type { Gpu } from '../gpu/gpu.ts';
import { program } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import { FusedPass } from '../nn/fused-pass.ts';
import { LanesPass, obstacleToLanes } from '../nn/lanes-pass.ts';
import { LayeredPass } from '../nn/layered-pass.ts';
import type { ParameterGradient } from '../nn/mlp-pass.ts';
import { Mlp } from '../nn/mlp.ts';
import { compareKernel, LINEAR, numbers, type KernelCheck } from './kernel-check.ts';
import { chunks, columns } from './vector-file.ts';
import { padRows } from './vector-update.ts';

/** y = W3 relu(W2 relu(W1 x)) and both of its gradients, by every family of kernels that this device may use. */
export async function checkDense(gpu: Gpu): Promise<KernelCheck[]> {
  const [inputSize, outputSize, rows] = [5, 3, 150];
  const spec = { inputSize, hidden: [16, 8], outputSize, activation: 'relu' as const };
  const mlp = new Mlp(gpu, 'doctor', spec, 1);
  const { parameters } = mlp;
  const arrays = parameters
    .unpack(new Float32Array(parameters.size))
    .map(({ name, data }, i) => [name, numbers(i, data.length)] as const);
  gpu.write(parameters.tensor, parameters.pack(new Map(arrays)));
  const x = chunks([...numbers(100, rows * inputSize)], inputSize);
  const dy = chunks([...numbers(101, rows * outputSize)], outputSize);
  const layers = parameters.layers.map((layer, i) => ({
    ...layer,
    weight: arrays[2 * i]![1],
    offset: arrays[2 * i + 1]![1],
  }));
  const reference = denseReference(layers, x, dy);
  const summed = async ({ tensor }: ParameterGradient) => {
    const sum = new Float32Array(parameters.size);
    (await gpu.read(tensor)).forEach((value, i) => (sum[i % parameters.size]! += value));
    return parameters.unpack(sum).flatMap(({ data }) => [...data]);
  };
  const checksOf = async (
    name: string,
    y: ArrayLike<number>,
    dx: ArrayLike<number>,
    of: ParameterGradient,
  ) => [
    compareKernel(`${name} forward`, y, reference.y.flat(), LINEAR),
    compareKernel(`${name} backward to input`, dx, reference.dx.flat(), LINEAR),
    compareKernel(`${name} backward to parameters`, await summed(of), reference.dParameters, LINEAR),
  ];

  const checkPass = async (name: string, Pass: typeof LayeredPass | typeof LanesPass) => {
    const pass = new Pass(gpu, `doctor.${name}`, mlp, rows);
    const outputGrad = pass.gradTensor('outputGrad', outputSize);
    const inputGrad = pass.gradTensor('inputGrad', inputSize);
    const parameterGrad = pass.parameterGradient();
    gpu.write(pass.input, padRows(inputSize, x));
    gpu.write(outputGrad, padRows(outputSize, dy));
    await gpu.run(pass.forward(), pass.backward({ outputGrad, inputGrad, parameterGrad }));
    const read = async (tensor: Tensor, width: number) =>
      columns(await gpu.read(tensor), padded(width), width).flat();
    return checksOf(
      name,
      await read(pass.output, outputSize),
      await read(inputGrad, inputSize),
      parameterGrad,
    );
  };

  const checkFused = async () => {
    const tensors = {
      x: gpu.tensorOf('doctor.x', Float32Array.from(x.flat())),
      dy: gpu.tensorOf('doctor.dy', Float32Array.from(dy.flat())),
      y: gpu.tensor('doctor.y', [rows, outputSize]),
      dx: gpu.tensor('doctor.dx', [rows, inputSize]),
    };
    const fused = new FusedPass(gpu, 'doctor.fused', mlp, rows, 'gradients');
    const params = { inputs: inputSize, outputs: outputSize };
    const role = { module: { file: 'nn/fused/rows.wgsl' }, tensors, params };
    const gradient = fused.parameterGradient();
    await gpu.run(program('doctor.fused', [fused.gradient(role, { inputGradient: true }), gradient.step]));
    return checksOf('fused', await gpu.read(tensors.y), await gpu.read(tensors.dx), gradient);
  };
  return [
    ...(await checkPass('dense', LayeredPass)),
    ...(obstacleToLanes(gpu, spec) === null ? await checkPass('lanes', LanesPass) : []),
    ...(await checkFused()),
  ];
}

interface ReferenceLayer {
  readonly inputSize: number;
  readonly outputSize: number;
  readonly weight: Float32Array;
  readonly offset: Float32Array;
}

/** Forward and backward by the definitions, in float64. */
function denseReference(layers: readonly ReferenceLayer[], x: number[][], dy: number[][]) {
  const inputs: number[][][] = [];
  let y = x;
  layers.forEach(({ outputSize, weight, offset }, l) => {
    inputs.push(y);
    y = y.map((row) =>
      Array.from({ length: outputSize }, (_, o) => {
        const sum = row.reduce((total, value, i) => total + value * weight[i * outputSize + o]!, offset[o]!);
        return l < layers.length - 1 ? Math.max(0, sum) : sum;
      }),
    );
  });
  let dx = dy;
  const gradients: number[] = [];
  for (let l = layers.length - 1; l >= 0; l--) {
    const { inputSize, outputSize, weight } = layers[l]!;
    const [input, grad] = [inputs[l]!, dx];
    const dWeight = Array.from({ length: inputSize * outputSize }, (_, at) => {
      const [i, o] = [Math.floor(at / outputSize), at % outputSize];
      return input.reduce((sum, row, r) => sum + row[i]! * grad[r]![o]!, 0);
    });
    const dOffset = Array.from({ length: outputSize }, (_, o) => grad.reduce((sum, row) => sum + row[o]!, 0));
    gradients.unshift(...dWeight, ...dOffset);
    dx = grad.map((row, r) =>
      Array.from({ length: inputSize }, (_, i) => {
        const sum = row.reduce((total, value, o) => total + value * weight[i * outputSize + o]!, 0);
        return l === 0 || input[r]![i]! > 0 ? sum : 0;
      }),
    );
  }
  return { y, dx, dParameters: gradients };
}
