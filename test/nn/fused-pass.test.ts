import { describe, expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { program } from '../../src/gpu/program.ts';
import { BLOCK, FusedPass, type Role } from '../../src/nn/fused-pass.ts';
import { Mlp, type MlpSpec } from '../../src/nn/mlp.ts';
import { mlpBackward, mlpForward } from '../oracles/mlp.ts';
import { Draws } from '../oracles/random.ts';
import { expectClose, LINEAR_ALGEBRA } from '../support/compare.ts';
import { useGpu } from '../support/gpu.ts';
import { oracleMlp, oracleParameters, randomiseParameters } from '../support/networks.ts';

const gpuOf = useGpu();

interface Case {
  readonly spec: MlpSpec;
  readonly rows: number;
  readonly members: number;
}

// One layer and five, sizes that no tile divides, a last block that is not full, an input of 256 and a width of 512.
const CASES: readonly Case[] = [
  { spec: { inputSize: 4, hidden: [64, 64], outputSize: 1, activation: 'relu' }, rows: 64, members: 1 },
  { spec: { inputSize: 6, hidden: [40, 17], outputSize: 2, activation: 'relu' }, rows: 71, members: 2 },
  {
    spec: { inputSize: 3, hidden: [13, 29, 5, 9], outputSize: 11, activation: 'tanh' },
    rows: 33,
    members: 3,
  },
  { spec: { inputSize: 256, hidden: [512], outputSize: 9, activation: 'tanh' }, rows: 5, members: 1 },
];

/** Rows, gradients and everything that becomes of them on `gpu`. */
function computed(gpu: Gpu, { spec, rows, members }: Case) {
  const mlp = new Mlp(gpu, 'net', spec, members);
  randomiseParameters(gpu, mlp, 1);
  const draws = new Draws(2);
  const x = draws.uniformRows(members * rows, spec.inputSize, -1, 1);
  const dy = draws.uniformRows(members * rows, spec.outputSize, -1, 1);
  const pass = new FusedPass(gpu, 'net', mlp, rows, 'gradients');
  const tensors = {
    x: gpu.tensorOf('x', Float32Array.from(x.flat())),
    dy: gpu.tensorOf('dy', Float32Array.from(dy.flat())),
    y: gpu.tensor('y', [members, rows, spec.outputSize]),
    dx: gpu.tensor('dx', [members, rows, spec.inputSize]),
  };
  const role: Role = {
    module: { file: 'nn/fused/rows.wgsl' },
    tensors,
    params: { inputs: spec.inputSize, outputs: spec.outputSize },
  };
  return { mlp, x, dy, pass, tensors, role };
}

describe('FusedPass', () => {
  test.each(CASES)('$rows rows through $spec.inputSize, $spec.hidden, $spec.outputSize', async (one) => {
    const gpu = gpuOf();
    const { mlp, x, dy, pass, tensors, role } = computed(gpu, one);
    const { rows, members } = one;
    const whole = pass.gradient(role, { inputGradient: true });
    const gradient = pass.parameterGradient();
    await gpu.run(program('whole', [whole, gradient.step]));
    const [y, dx] = [await gpu.read(tensors.y), await gpu.read(tensors.dx)];
    const partial = await gpu.read(gradient.tensor);
    for (let m = 0; m < members; m++) {
      const oracle = await oracleMlp(gpu, mlp, m);
      const [own, back] = [x.slice(m * rows, (m + 1) * rows), dy.slice(m * rows, (m + 1) * rows)];
      const want = mlpBackward(oracle, own, back);
      const of = (flat: Float32Array) =>
        flat.subarray((m * flat.length) / members, ((m + 1) * flat.length) / members);
      expectClose(of(y), mlpForward(oracle, own).flat(), LINEAR_ALGEBRA);
      expectClose(of(dx), want.inputGrad.flat(), LINEAR_ALGEBRA);
      const sum = new Float32Array(members * mlp.parameters.size);
      of(partial).forEach((value, i) => (sum[m * mlp.parameters.size + (i % mlp.parameters.size)]! += value));
      expectClose(oracleParameters(mlp.parameters, sum, m), want.parameterGrad, LINEAR_ALGEBRA);
    }
  });

  test('forward alone, then back from a row on: rows before it in its block count for nothing', async () => {
    const gpu = gpuOf();
    const one = CASES[1]!;
    const { mlp, x, dy, pass, tensors, role } = computed(gpu, { ...one, members: 1 });
    const firstRow = BLOCK + 3;
    dy.forEach((row, i) => {
      if (i < firstRow) row.fill(0);
    });
    gpu.write(tensors.dy, Float32Array.from(dy.flat()));
    const gradient = pass.parameterGradient(firstRow);
    await gpu.run(program('two', [pass.forward(role), pass.backward(role, { firstRow }), gradient.step]));
    const oracle = await oracleMlp(gpu, mlp);
    expectClose(await gpu.read(tensors.y), mlpForward(oracle, x).flat(), LINEAR_ALGEBRA);
    const partial = await gpu.read(gradient.tensor);
    const sum = new Float32Array(mlp.parameters.size);
    partial.forEach((value, i) => (sum[i % sum.length]! += value));
    const want = mlpBackward(oracle, x, dy).parameterGrad;
    expectClose(oracleParameters(mlp.parameters, sum), want, LINEAR_ALGEBRA);
  });
});

test('a network with more layers than the kernels take is refused', () => {
  const gpu = gpuOf();
  const spec = { inputSize: 2, hidden: [3, 3, 3, 3, 3], outputSize: 1, activation: 'relu' } as const;
  expect(() => new FusedPass(gpu, 'deep', new Mlp(gpu, 'deep', spec, 1), 4, 'activations')).toThrow(
    'deep: more than 5 layers.',
  );
});
