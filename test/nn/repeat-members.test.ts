import { expect, test } from 'vitest';
import { program } from '../../src/gpu/program.ts';
import { Mlp } from '../../src/nn/mlp.ts';
import { repeatMembers } from '../../src/nn/repeat-members.ts';
import { useGpu } from '../support/gpu.ts';

const gpuOf = useGpu();

test.each([
  [1, 1, 1],
  [1, 3, 5],
  [3, 2, 67],
])('%i members of %i each get the numbers of one: %i', async (members, count, length) => {
  const gpu = gpuOf();
  const data = Float32Array.from({ length: members * length }, (_, i) => i + 0.5);
  const source = gpu.tensorOf('source', data);
  const { copies, dispatch } = repeatMembers(gpu, 'copies', source, [members * count, length]);
  await gpu.run(program('repeat', [dispatch]));
  const parts = Array.from({ length: members }, (_, m) => [...data.subarray(m * length, (m + 1) * length)]);
  expect([...(await gpu.read(copies))]).toEqual(parts.flatMap((one) => Array(count).fill(one).flat()));
});

test('an input that is no whole part of the rows is refused', () => {
  const gpu = gpuOf();
  const mlp = new Mlp(gpu, 'net', { inputSize: 3, hidden: [4], outputSize: 1, activation: 'relu' }, 4);
  // 4 / 3 members, and one member too many.
  for (const members of [3, 5]) {
    expect(() => mlp.pass('pass', 2, gpu.tensor('rows', [members, 2, 4]))).toThrow(
      /pass\.copies: 'rows' has/,
    );
  }
});
