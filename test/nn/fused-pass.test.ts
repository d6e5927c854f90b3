import { describe, expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { program } from '../../src/gpu/program.ts';
import { BLOCK, fusedFits, FusedPass, type Role } from '../../src/nn/fused-pass.ts';
import type { MlpSpec } from '../../src/nn/mlp-spec.ts';
import { Mlp } from '../../src/nn/mlp.ts';
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

  test('forward alone, then back from a row on: blocks before its own do not count', async () => {
    const gpu = gpuOf();
    const one = CASES[1]!;
    const { rows, members } = one;
    const { mlp, x, dy, pass, tensors, role } = computed(gpu, one);
    const firstRow = BLOCK + 3;
    // The first block has gradients that must not be looked at; rows that share the second with `firstRow` have none.
    dy.forEach((row, i) => {
      if (i % rows >= BLOCK && i % rows < firstRow) row.fill(0);
    });
    gpu.write(tensors.dy, Float32Array.from(dy.flat()));
    const gradient = pass.parameterGradient(firstRow);
    await gpu.run(program('two', [pass.forward(role), pass.backward(role, { firstRow }), gradient.step]));
    const y = await gpu.read(tensors.y);
    const partial = await gpu.read(gradient.tensor);
    const { size } = mlp.parameters;
    for (let m = 0; m < members; m++) {
      const oracle = await oracleMlp(gpu, mlp, m);
      const own = x.slice(m * rows, (m + 1) * rows);
      expectClose(
        y.subarray((m * y.length) / members, ((m + 1) * y.length) / members),
        mlpForward(oracle, own).flat(),
        LINEAR_ALGEBRA,
      );
      const sum = new Float32Array(members * size);
      partial
        .subarray((m * partial.length) / members, ((m + 1) * partial.length) / members)
        .forEach((value, i) => (sum[m * size + (i % size)]! += value));
      const back = dy.slice(m * rows + firstRow, (m + 1) * rows);
      const want = mlpBackward(oracle, own.slice(firstRow), back).parameterGrad;
      expectClose(oracleParameters(mlp.parameters, sum, m), want, LINEAR_ALGEBRA);
    }
  });

  test('says what fits one buffer', () => {
    const gpu = gpuOf();
    const mlp = new Mlp(gpu, 'net', CASES[0]!.spec, 1);
    const limit = Math.min(gpu.device.limits.maxBufferSize, gpu.device.limits.maxStorageBufferBindingSize);
    const features = 4 + 64 + 64 + 4;
    const most = Math.floor(limit / (4 * features * BLOCK)) * BLOCK;
    expect(fusedFits(gpu, mlp, most, 'activations')).toBe(true);
    expect(fusedFits(gpu, mlp, most + 1, 'activations')).toBe(false);
    expect(fusedFits(gpu, mlp, most, 'gradients')).toBe(false);
  });
});

test('a network with more layers than the kernels take is refused', () => {
  const gpu = gpuOf();
  const spec = { inputSize: 2, hidden: [3, 3, 3, 3, 3], outputSize: 1, activation: 'relu' } as const;
  expect(() => new FusedPass(gpu, 'deep', new Mlp(gpu, 'deep', spec, 1), 4, 'activations')).toThrow(
    'deep: more than 5 layers.',
  );
});
