import { describe, expect, test } from 'vitest';
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from '../../src/train/safetensors.ts';
import { random } from '../../src/gpu/random.ts';

const arrays = [
  { name: 'q.0.weight', shape: [3, 2], data: Float32Array.of(1, -2, 3.5, 0, -0, 1e-30) },
  { name: 'q.0.bias', shape: [2], data: Float32Array.of(7, Infinity) },
  { name: 'empty', shape: [0, 4], data: new Float32Array(0) },
];

/** A file with `header` as its JSON and `numbers` floats of data. */
function fileWith(header: string, numbers: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + 4 * numbers);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

describe('safetensors', () => {
  test('what is written is read back, bit for bit', () => {
    const back = decodeSafetensors(encodeSafetensors(arrays));
    expect(back.map(({ name, shape }) => ({ name, shape }))).toEqual(
      arrays.map(({ name, shape }) => ({ name, shape })),
    );
    back.forEach(({ data }, i) => {
      expect(new Uint32Array(data.buffer)).toEqual(new Uint32Array(arrays[i]!.data.buffer));
    });
  });

  test('the bytes are those of the format', () => {
    const bytes = encodeSafetensors(arrays.slice(1, 2));
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const header: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    expect(header).toEqual({ 'q.0.bias': { dtype: 'F32', shape: [2], data_offsets: [0, 8] } });
    expect(new Float32Array(bytes.slice(8 + length).buffer)).toEqual(Float32Array.of(7, Infinity));
  });

  test.each([
    ['shorter than its header length', new Uint8Array(5)],
    ['a header longer than the file', fileWith('{}', 0).subarray(0, 9)],
    ['not JSON', fileWith('{', 0)],
    ['not an object', fileWith('[]', 0)],
    ['another number format', fileWith('{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}', 1)],
    ['a shape that is none', fileWith('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', 1)],
    ['a range of another length', fileWith('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 1)],
    ['a range beyond the file', fileWith('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 1)],
    ['a range that begins late', fileWith('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 2)],
    [
      'overlapping ranges',
      fileWith(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        1,
      ),
    ],
    [
      'a name twice',
      fileWith(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        1,
      ),
    ],
    ['bytes that belong to nothing', fileWith('{}', 1)],
    [
      'a shape whose product overflows',
      fileWith(`{"a":{"dtype":"F32","shape":[${2 ** 52},${2 ** 52}],"data_offsets":[0,4]}}`, 1),
    ],
  ])('%s is refused', (_, bytes) => {
    expect(() => decodeSafetensors(bytes)).toThrow(SafetensorsError);
  });

  test('a mutated header never crashes the reader or changes an array silently', () => {
    const good = encodeSafetensors(arrays);
    const headerEnd = 8 + Number(new DataView(good.buffer).getBigUint64(0, true));
    let refused = 0;
    for (let i = 0; i < 2000; i++) {
      const [where, what] = random(5, 0, 0, i);
      const bytes = good.slice();
      const at = where % headerEnd;
      bytes[at] = what & 0xff;
      try {
        const back = decodeSafetensors(bytes);
        // What still reads must hold the same numbers: only names, blanks or equal bytes can have changed.
        expect(back.map(({ data }) => data.length).sort()).toEqual([0, 2, 6]);
      } catch (error) {
        expect(error).toBeInstanceOf(SafetensorsError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });
});
