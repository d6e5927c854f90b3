import type { NamedArray } from '../nn/parameters.ts';

/** Bytes of a header that a reader accepts; the format's own bound. */
const LARGEST_HEADER = 100_000_000;
const BYTES_PER_NUMBER = 4;

/** A file that is not a safetensors file of float32 arrays; the message says what is wrong with it. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
}

/**
 * The bytes of a safetensors file (https://github.com/huggingface/safetensors) with float32 arrays in the given order:
 * header length (u64, little-endian), JSON header padded with spaces to a multiple of 8, data.
 */
export function encodeSafetensors(arrays: readonly NamedArray[]): Uint8Array<ArrayBuffer> {
  const header: Record<string, { dtype: 'F32'; shape: readonly number[]; data_offsets: [number, number] }> =
    {};
  let end = 0;
  for (const { name, shape, data } of arrays) {
    const begin = end;
    end += data.byteLength;
    header[name] = { dtype: 'F32', shape, data_offsets: [begin, end] };
  }
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const bytes = new Uint8Array(8 + text.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  let at = 8 + text.length;
  for (const { data } of arrays) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/**
 * The arrays of a safetensors file.
 * @throws SafetensorsError for anything that is not exactly such a file: cut short, overlapping or uncovered ranges,
 * names given twice, other number formats, shapes that do not match.
 */
export function decodeSafetensors(bytes: Uint8Array): NamedArray[] {
  if (bytes.length < 8) throw new SafetensorsError('it is shorter than its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  if (headerLength > LARGEST_HEADER || 8 + headerLength > bytes.length) {
    throw new SafetensorsError('its header is longer than the file');
  }
  const entries = parseHeader(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength)));
  const data = bytes.subarray(8 + headerLength);
  let covered = 0;
  const arrays = entries.map(({ name, shape, begin, end }) => {
    const numbers = shape.reduce((product, length) => product * BigInt(length), 1n);
    if (
      begin !== covered ||
      BigInt(end - begin) !== numbers * BigInt(BYTES_PER_NUMBER) ||
      end > data.length
    ) {
      throw new SafetensorsError(`the range of '${name}' does not fit its shape or the file`);
    }
    covered = end;
    return { name, shape, data: new Float32Array(data.slice(begin, end).buffer) };
  });
  if (covered !== data.length) throw new SafetensorsError('it has bytes that belong to no array');
  return arrays;
}

interface HeaderEntry {
  readonly name: string;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

function parseHeader(text: string): HeaderEntry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new SafetensorsError('its header is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new SafetensorsError('its header is not an object');
  }
  const entries = Object.entries(parsed as Record<string, unknown>)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => parseEntry(name, entry));
  // JSON.parse keeps the last of two equal keys; the text then has one key more than the object.
  const keys = [...text.matchAll(/"((?:[^"\\]|\\.)*)"\s*:\s*\{/g)].length;
  if (keys !== Object.keys(parsed).length) throw new SafetensorsError('its header names an array twice');
  return entries.sort((a, b) => a.begin - b.begin);
}

function parseEntry(name: string, entry: unknown): HeaderEntry {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (dtype !== 'F32') throw new SafetensorsError(`'${name}' is of type ${String(dtype)}, not F32`);
  if (!Array.isArray(shape) || !shape.every(isCount))
    throw new SafetensorsError(`the shape of '${name}' is not one`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw new SafetensorsError(`the range of '${name}' is not one`);
  }
  const [begin = 0, end = 0] = offsets;
  if (end < begin) throw new SafetensorsError(`the range of '${name}' ends before it begins`);
  return { name, shape, begin, end };
}
