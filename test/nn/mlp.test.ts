import { describe, expect, test } from 'vitest';
import { requestTestAdapter } from '#test-gpu';
import { Gpu } from '../../src/gpu/gpu.ts';
import { mlpSizes, type MlpSpec } from '../../src/nn/mlp-spec.ts';
import { obstacleToLanes } from '../../src/nn/lanes-pass.ts';
import { Mlp } from '../../src/nn/mlp.ts';
import { random, uniform } from '../../src/gpu/random.ts';
import { mlpBackward, mlpForward } from '../oracles/mlp.ts';
import { expectClose, LINEAR_ALGEBRA } from '../support/compare.ts';
import { padRows, unpadRows, useGpu, withoutSubgroups } from '../support/gpu.ts';

const gpuOf = useGpu('layered');
const lanesGpuOf = useGpu('lanes');

const draw = (stream: number, i: number) => 2 * uniform(random(7, stream, 0, i)[0]) - 1;
const matrix = (stream: number, rows: number, columns: number) =>
  Array.from({ length: rows }, (_, r) =>
    Float32Array.from({ length: columns }, (_, c) => draw(stream, r * columns + c)),
  );

/** Float32 parameters as the oracle wants them: W1, b1, W2, ... without padding, for one member. */
function oracleParameters(mlp: Mlp, flat: Float32Array, member: number): number[] {
  const { size } = mlp.parameters;
  const one = mlp.parameters.unpack(flat).map(({ data }) => data);
  expect(flat.length).toBe(mlp.parameters.members * size);
  return one.flatMap((data) => {
    const length = data.length / mlp.parameters.members;
    return [...data.subarray(member * length, (member + 1) * length)];
  });
}

// 1, primes and sizes that no tile divides; up to four hidden layers, width 512, observation 256.
const CASES: { spec: MlpSpec; rows: number; members: number }[] = [
  { spec: { inputSize: 1, hidden: [1], outputSize: 1, activation: 'relu' }, rows: 1, members: 1 },
  { spec: { inputSize: 4, hidden: [64, 64], outputSize: 1, activation: 'relu' }, rows: 64, members: 1 },
  { spec: { inputSize: 7, hidden: [24, 40], outputSize: 3, activation: 'relu' }, rows: 131, members: 2 },
  { spec: { inputSize: 3, hidden: [32, 128], outputSize: 4, activation: 'relu' }, rows: 33, members: 1 },
  { spec: { inputSize: 4, hidden: [72, 8], outputSize: 2, activation: 'relu' }, rows: 40, members: 1 },
  { spec: { inputSize: 6, hidden: [64, 64], outputSize: 2, activation: 'relu' }, rows: 257, members: 2 },
  { spec: { inputSize: 7, hidden: [13, 29, 5], outputSize: 3, activation: 'tanh' }, rows: 31, members: 3 },
  {
    spec: { inputSize: 5, hidden: [17, 9, 11, 6], outputSize: 11, activation: 'relu' },
    rows: 97,
    members: 1,
  },
  { spec: { inputSize: 256, hidden: [512], outputSize: 9, activation: 'tanh' }, rows: 19, members: 1 },
];

/** A parameter gradient (R, size) from its partial sums (R, splits, size). */
function sumOfSplits(partial: Float32Array, splits: number, members: number): Float32Array {
  const size = partial.length / (members * splits);
  return Float32Array.from({ length: members * size }, (_, at) => {
    const [m, i] = [Math.floor(at / size), at % size];
    return Array.from({ length: splits }, (_, s) => partial[(m * splits + s) * size + i]!).reduce(
      (a, b) => a + b,
    );
  });
}

/** Forward and backward of one network against float64, biases and every member included. */
async function expectAgreement(gpu: Gpu, one: (typeof CASES)[number]): Promise<void> {
  const { spec, rows, members } = one;
  const mlp = new Mlp(gpu, 'net', spec, members);
  mlp.parameters.initialise(
    Array.from({ length: members }, (_, i) => 11 + i),
    0,
  );
  const x = Array.from({ length: members }, (_, m) => matrix(1 + m, rows, spec.inputSize));
  const dy = Array.from({ length: members }, (_, m) => matrix(50 + m, rows, spec.outputSize));
  const pass = mlp.pass('pass', rows);
  const outputGrad = pass.gradTensor('outputGrad', spec.outputSize);
  const inputGrad = pass.gradTensor('inputGrad', spec.inputSize);
  const parameterGrad = pass.parameterGradient();
  gpu.write(pass.input, padRows(x.flat()));
  gpu.write(outputGrad, padRows(dy.flat()));
  // Biases are zero after initialisation, which would hide a wrong bias offset.
  const flat = (await gpu.read(mlp.parameters.tensor)).slice();
  for (let member = 0; member < members; member++) {
    for (const { bias, outputSize } of mlp.parameters.layers) {
      for (let i = 0; i < outputSize; i++) flat[member * mlp.parameters.size + bias + i] = 0.3 * draw(99, i);
    }
  }
  gpu.write(mlp.parameters.tensor, flat);
  await gpu.run(pass.forward(), pass.backward({ outputGrad, inputGrad, parameterGrad }));

  const y = unpadRows(await gpu.read(pass.output), spec.outputSize);
  const dx = unpadRows(await gpu.read(inputGrad), spec.inputSize);
  const partial = await gpu.read(parameterGrad.tensor);
  const summed = sumOfSplits(partial, parameterGrad.splits, members);
  for (let m = 0; m < members; m++) {
    const oracle = {
      sizes: mlpSizes(spec),
      hidden: spec.activation,
      parameters: oracleParameters(mlp, flat, m),
    };
    const reference = mlpBackward(oracle, x[m]!, dy[m]!);
    expectClose(y.slice(m * rows, (m + 1) * rows).flat(), mlpForward(oracle, x[m]!).flat(), LINEAR_ALGEBRA);
    expectClose(dx.slice(m * rows, (m + 1) * rows).flat(), reference.inputGrad.flat(), LINEAR_ALGEBRA);
    expectClose(oracleParameters(mlp, summed, m), reference.parameterGrad, LINEAR_ALGEBRA);
  }
}

describe('Mlp', () => {
  test.each(CASES)('forward and backward agree with float64: $spec, $rows rows, $members members', (one) =>
    expectAgreement(gpuOf(), one),
  );

  // On adapters without eight lanes these go layer by layer too.
  test.each(CASES)('lanes agree with float64: $spec, $rows rows, $members members', (one) =>
    expectAgreement(lanesGpuOf(), one),
  );

  test('they do on a device without subgroups, where every lane loads all weights', async () => {
    const { gpu: instance, adapter } = await requestTestAdapter();
    const gpu = await Gpu.create(instance, withoutSubgroups(adapter));
    expect(gpu.subgroupLanes).toBe(1);
    for (const one of CASES.slice(1, 4)) await expectAgreement(gpu, one);
    gpu.dispose();
  });

  test.each([
    { hidden: [5], room: 10, firstRow: 14, rows: 10 },
    { hidden: [16, 8], room: 10, firstRow: 14, rows: 10 },
    // Room for fewer rows than are gone through, and for more.
    { hidden: [5], room: 70, firstRow: 0, rows: 101 },
    { hidden: [16, 8], room: 33, firstRow: 1, rows: 99 },
    { hidden: [16, 8], room: 101, firstRow: 60, rows: 20 },
  ])('a backward pass over some rows leaves the others out: %o', async ({ hidden, room, firstRow, rows }) => {
    const gpu = lanesGpuOf();
    const spec: MlpSpec = { inputSize: 3, hidden, outputSize: 2, activation: 'relu' };
    const members = 2;
    const mlp = new Mlp(gpu, 'net', spec, members);
    mlp.parameters.initialise([3, 4], 0);
    const pass = mlp.pass('pass', 101);
    const outputGrad = pass.gradTensor('outputGrad', 2);
    const parameterGrad = pass.parameterGradient(room);
    const x = [matrix(1, 101, 3), matrix(2, 101, 3)];
    const dy = [matrix(3, 101, 2), matrix(4, 101, 2)];
    gpu.write(pass.input, padRows(x.flat()));
    gpu.write(outputGrad, padRows(dy.flat()));
    // What was there before does not count.
    gpu.write(parameterGrad.tensor, new Float32Array(parameterGrad.tensor.size).fill(7));
    await gpu.run(pass.forward(), pass.backward({ outputGrad, parameterGrad, firstRow, rows }));
    const summed = sumOfSplits(await gpu.read(parameterGrad.tensor), parameterGrad.splits, members);
    const flat = await gpu.read(mlp.parameters.tensor);
    for (let m = 0; m < members; m++) {
      const oracle = {
        sizes: [3, ...hidden, 2],
        hidden: 'relu' as const,
        parameters: oracleParameters(mlp, flat, m),
      };
      const some = (all: Float32Array[]) => all.slice(firstRow, firstRow + rows);
      const reference = mlpBackward(oracle, some(x[m]!), some(dy[m]!)).parameterGrad;
      expectClose(oracleParameters(mlp, summed, m), reference, LINEAR_ALGEBRA);
    }
  });

  test.each(['layered', 'lanes'] as const)('NaN in a row stays in it, of %s kernels', async (family) => {
    const gpu = family === 'lanes' ? lanesGpuOf() : gpuOf();
    const mlp = new Mlp(gpu, 'net', { inputSize: 3, hidden: [16, 8], outputSize: 2, activation: 'relu' }, 1);
    mlp.parameters.initialise([3], 0);
    const pass = mlp.pass('pass', 40);
    const x = matrix(1, 40, 3);
    x[33]![1] = NaN;
    gpu.write(pass.input, padRows(x));
    await gpu.run(pass.forward());
    const y = unpadRows(await gpu.read(pass.output), 2);
    expect(y.flatMap((row, r) => (row.every(Number.isNaN) ? [r] : []))).toEqual([33]);
    expect(y.flatMap((row, r) => (row.some(Number.isNaN) ? [r] : []))).toEqual([33]);
  });

  test('parameter gradients leave padding at zero', async () => {
    const gpu = lanesGpuOf();
    const mlp = new Mlp(gpu, 'net', { inputSize: 6, hidden: [16, 8], outputSize: 2, activation: 'relu' }, 1);
    mlp.parameters.initialise([3], 0);
    const pass = mlp.pass('pass', 40);
    const outputGrad = pass.gradTensor('outputGrad', 2);
    const parameterGrad = pass.parameterGradient();
    gpu.write(pass.input, padRows(matrix(1, 40, 6)));
    gpu.write(outputGrad, padRows(matrix(2, 40, 2)));
    await gpu.run(pass.forward(), pass.backward({ outputGrad, parameterGrad }));
    const ones = new Map(
      mlp.parameters
        .unpack(new Float32Array(mlp.parameters.size))
        .map(({ name, data }) => [name, data.fill(1)]),
    );
    const logical = mlp.parameters.pack(ones);
    const partial = await gpu.read(parameterGrad.tensor);
    expect(partial.filter((value, i) => value !== 0 && logical[i % logical.length] === 0)).toEqual(
      new Float32Array(0),
    );
  });

  test('lanes take networks up to their bounds', () => {
    const gpu = lanesGpuOf();
    const spec: MlpSpec = { inputSize: 7, hidden: [128, 8], outputSize: 4, activation: 'relu' };
    const others: Partial<MlpSpec>[] = [
      { inputSize: 8 },
      { hidden: [136, 8] },
      { hidden: [8, 12] },
      { hidden: [8] },
      { hidden: [8, 8, 8] },
      { outputSize: 5 },
      { activation: 'tanh' },
    ];
    const eight = gpu.subgroupLanes === 8;
    const network = (change: Partial<MlpSpec>) => new Mlp(gpu, 'net', { ...spec, ...change }, 1);
    expect(obstacleToLanes(gpu, network({}))).toEqual(eight ? null : expect.stringContaining('8 lanes'));
    for (const other of others) expect(obstacleToLanes(gpu, network(other))).not.toBeNull();
    // Layered passes keep what a way back needs, and lanes do not.
    expect(network({}).pass('p', 4).keepsActivations).toBe(!eight);
    expect(network({ outputSize: 5 }).pass('p', 4).keepsActivations).toBe(true);
  });

  test('rows outside the pass are refused', () => {
    const pass = new Mlp(
      gpuOf(),
      'net',
      { inputSize: 1, hidden: [1], outputSize: 1, activation: 'relu' },
      1,
    ).pass('p', 4);
    const outputGrad = pass.gradTensor('outputGrad', 1);
    expect(() => pass.backward({ outputGrad, firstRow: 2, rows: 3 })).toThrow(/rows 2 to 5 of 4/);
  });
});
