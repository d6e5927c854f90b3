import { expect, test } from 'vitest';
import { program, type Dispatch } from '../../src/gpu/program.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { levelsOf } from '../../src/profile/levels.ts';

const buffers = new Map<string, GPUBuffer>();

/** A dispatch that reads and writes the buffers of these letters; nothing runs. */
function dispatch(reads: string, writes: string): Dispatch {
  const tensor = (label: string): Tensor => {
    if (!buffers.has(label)) buffers.set(label, { label } as GPUBuffer);
    return { label, buffer: buffers.get(label)!, type: 'f32', shape: [1], offset: 0, size: 1 };
  };
  const bound = [
    ...[...reads].map((label) => ({ tensor: tensor(label), written: false })),
    ...[...writes].map((label) => ({ tensor: tensor(label), written: true })),
  ];
  return { label: `${reads}->${writes}`, bound } as unknown as Dispatch;
}

test.each([
  ['nothing', [], 0],
  ['one', [['a', 'b']], 1],
  ['two that share what they read', [['a', 'b'], ['a', 'c']], 1], // prettier-ignore
  ['a reader after a writer', [['a', 'b'], ['b', 'c']], 2], // prettier-ignore
  ['a writer after a reader', [['a', 'b'], ['c', 'a']], 2], // prettier-ignore
  ['two writers', [['a', 'b'], ['c', 'b']], 2], // prettier-ignore
  ['an independent one in a chain', [['a', 'b'], ['x', 'y'], ['b', 'c'], ['y', 'z'], ['c', 'd']], 3], // prettier-ignore
] as const)('levels of %s', (_, steps, levels) => {
  expect(
    levelsOf(
      program(
        'p',
        steps.map(([reads, writes]) => dispatch(reads, writes)),
      ),
    ),
  ).toBe(levels);
});
