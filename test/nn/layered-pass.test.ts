import { describe, expect, test } from 'vitest';
import { requestTestAdapter } from '#test-gpu';
import { Gpu, type DenseTile } from '../../src/gpu/gpu.ts';
import { denseTiles } from '../../src/nn/layered-pass.ts';
import type { MlpSpec } from '../../src/nn/mlp-spec.ts';
import { Mlp } from '../../src/nn/mlp.ts';
import { Draws } from '../oracles/random.ts';
import { useGpu, withoutSubgroups, writeRows } from '../support/gpu.ts';
import { randomiseParameters } from '../support/networks.ts';

const gpuOf = useGpu('layered');

// Sizes that no tile divides, one wide enough for the widest tile, and a layer of few columns, whose tile is narrower.
const SPEC: MlpSpec = { inputSize: 6, hidden: [130, 41], outputSize: 3, activation: 'relu' };
const ROWS = 131;
const MEMBERS = 2;

/** The bits of output and input gradient of one network, always with the same numbers, and how many workgroups made them. */
async function results(gpu: Gpu, tile: DenseTile | undefined) {
  gpu.denseTile = tile;
  const mlp = new Mlp(gpu, 'net', SPEC, MEMBERS);
  randomiseParameters(gpu, mlp, 5);
  const pass = mlp.pass('pass', ROWS);
  const outputGrad = pass.gradTensor('outputGrad', SPEC.outputSize);
  const inputGrad = pass.gradTensor('inputGrad', SPEC.inputSize);
  const draws = new Draws(6);
  const rows = (size: number) => Array.from({ length: MEMBERS * ROWS }, () => draws.normals(size, 1));
  writeRows(gpu, pass.input, rows(SPEC.inputSize));
  writeRows(gpu, outputGrad, rows(SPEC.outputSize));
  const programs = [pass.forward(), pass.backward({ outputGrad, inputGrad })];
  gpu.denseTile = undefined;
  await gpu.run(...programs);
  const bits: Uint32Array[] = [];
  for (const tensor of [pass.output, inputGrad]) {
    bits.push(new Uint32Array((await gpu.read(tensor)).buffer));
  }
  return { bits, workgroups: programs.flatMap(({ dispatches }) => dispatches.map((one) => one.workgroups)) };
}

async function expectSameBits(gpu: Gpu): Promise<void> {
  const [first, ...others] = denseTiles(gpu.subgroupLanes);
  const expected = await results(gpu, undefined);
  for (const bits of expected.bits) expect(bits.some((number) => number !== 0)).toBe(true);
  expect(await results(gpu, first)).toEqual(expected);
  for (const tile of others) {
    const { bits, workgroups } = await results(gpu, tile);
    expect(bits).toEqual(expected.bits);
    expect(workgroups).not.toEqual(expected.workgroups);
  }
}

describe('the tiles of the dense kernels', () => {
  test('give the same bits, forward and back', () => expectSameBits(gpuOf()));

  test('do so where lanes share nothing', async () => {
    const { gpu: instance, adapter } = await requestTestAdapter();
    const gpu = await Gpu.create(instance, withoutSubgroups(adapter), 'layered');
    expect(gpu.subgroupLanes).toBe(1);
    await expectSameBits(gpu);
    gpu.dispose();
  });

  test.each([1, 4, 8, 16])('are different ones, the one that was measured first: %i lanes', (lanes) => {
    const names = denseTiles(lanes).map(({ rows, columns4 }) => `${rows}x${4 * columns4}`);
    expect(new Set(names).size).toBe(3);
    expect(names[0]).toBe(lanes >= 8 ? '4x32' : lanes > 1 ? '8x32' : '4x16');
  });
});
