import type { Gpu } from '../gpu/gpu.ts';
import { program } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import { FusedPass } from '../nn/fused-pass.ts';
import { LanesPass, obstacleToLanes } from '../nn/lanes-pass.ts';
import { LayeredPass } from '../nn/layered-pass.ts';
import type { MlpPass, ParameterGradient } from '../nn/mlp-pass.ts';
import { Mlp } from '../nn/mlp.ts';
import { compareKernel, LINEAR, numbers, type KernelCheck } from './kernel-check.ts';
import { chunks, columns } from './vector-file.ts';
import { padRows } from './vector-update.ts';

const [INPUTS, OUTPUTS, ROWS] = [5, 3, 150];

/** y = W3 relu(W2 relu(W1 x)) and both of its gradients, by every family of kernels that this device may use. */
export async function checkDense(gpu: Gpu): Promise<KernelCheck[]> {
  // No tile divides 12 and 9; lanes divide 16 and 8.
  const odd = problemOf(gpu, [12, 9]);
  const even = problemOf(gpu, [16, 8]);
  return [
    ...(await checkPass(gpu, 'dense', odd, new LayeredPass(gpu, 'doctor.dense', odd.mlp, ROWS))),
    ...(obstacleToLanes(gpu, even.mlp) === null
      ? await checkPass(gpu, 'lanes', even, new LanesPass(gpu, 'doctor.lanes', even.mlp, ROWS))
      : []),
    ...(await checkFused(gpu, odd)),
  ];
}

type Problem = ReturnType<typeof problemOf>;

/** A network, rows and output gradients for it, and what comes of them. */
function problemOf(gpu: Gpu, hidden: readonly number[]) {
  const spec = { inputSize: INPUTS, hidden, outputSize: OUTPUTS, activation: 'relu' as const };
  const mlp = new Mlp(gpu, 'doctor', spec, 1);
  const { parameters } = mlp;
  const arrays = parameters
    .unpack(new Float32Array(parameters.size))
    .map(({ name, data }, i) => [name, numbers(i, data.length)] as const);
  gpu.write(parameters.tensor, parameters.pack(new Map(arrays)));
  const x = chunks([...numbers(100, ROWS * INPUTS)], INPUTS);
  const dy = chunks([...numbers(101, ROWS * OUTPUTS)], OUTPUTS);
  const layers = parameters.layers.map((layer, i) => ({
    ...layer,
    weight: arrays[2 * i]![1],
    offset: arrays[2 * i + 1]![1],
  }));
  return { mlp, x, dy, reference: denseReference(layers, x, dy) };
}

async function checkPass(gpu: Gpu, name: string, problem: Problem, pass: MlpPass): Promise<KernelCheck[]> {
  const outputGrad = pass.gradTensor('outputGrad', OUTPUTS);
  const inputGrad = pass.gradTensor('inputGrad', INPUTS);
  const parameterGrad = pass.parameterGradient();
  gpu.write(pass.input, padRows(INPUTS, problem.x));
  gpu.write(outputGrad, padRows(OUTPUTS, problem.dy));
  await gpu.run(pass.forward(), pass.backward({ outputGrad, inputGrad, parameterGrad }));
  const read = async (tensor: Tensor, width: number) =>
    columns(await gpu.read(tensor), padded(width), width).flat();
  const found = { y: await read(pass.output, OUTPUTS), dx: await read(inputGrad, INPUTS), parameterGrad };
  return compareAll(gpu, name, problem, found);
}

async function checkFused(gpu: Gpu, problem: Problem): Promise<KernelCheck[]> {
  const tensors = {
    x: gpu.tensorOf('doctor.x', Float32Array.from(problem.x.flat())),
    dy: gpu.tensorOf('doctor.dy', Float32Array.from(problem.dy.flat())),
    y: gpu.tensor('doctor.y', [ROWS, OUTPUTS]),
    dx: gpu.tensor('doctor.dx', [ROWS, INPUTS]),
  };
  const fused = new FusedPass(gpu, 'doctor.fused', problem.mlp, ROWS, 'gradients');
  const params = { inputs: INPUTS, outputs: OUTPUTS };
  const role = { module: { file: 'nn/fused/rows.wgsl' }, tensors, params };
  const parameterGrad = fused.parameterGradient();
  const steps = [fused.gradient(role, { inputGradient: true }), parameterGrad.step];
  await gpu.run(program('doctor.fused', steps));
  const found = { y: await gpu.read(tensors.y), dx: await gpu.read(tensors.dx), parameterGrad };
  return compareAll(gpu, 'fused', problem, found);
}

async function compareAll(
  gpu: Gpu,
  name: string,
  { mlp: { parameters }, reference }: Problem,
  found: { y: ArrayLike<number>; dx: ArrayLike<number>; parameterGrad: ParameterGradient },
): Promise<KernelCheck[]> {
  const sum = new Float32Array(parameters.size);
  const partial = await gpu.read(found.parameterGrad.tensor);
  partial.forEach((value, i) => (sum[i % parameters.size]! += value));
  const gradient = parameters.unpack(sum).flatMap(({ data }) => [...data]);
  return [
    compareKernel(`${name} forward`, found.y, reference.y.flat(), LINEAR),
    compareKernel(`${name} backward to input`, found.dx, reference.dx.flat(), LINEAR),
    compareKernel(`${name} backward to parameters`, gradient, reference.dParameters, LINEAR),
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
