import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../gpu/errors.ts';
import { elementCount } from '../gpu/tensor.ts';

/** One quantity of one file: what the GPU computes against what the file says. */
export interface VectorRow {
  readonly file: string;
  readonly quantity: string;
  /** max |gpu - file| / max |file|; for the exact optimum max |gpu - file|, in reward units or nats. */
  readonly error: number;
  /** The largest error that is `ok`; 0 for flags and indices. */
  readonly tolerance: number;
  readonly ok: boolean;
}

/** A file, or a key of a file, that nothing was compared with. */
export interface UncheckedVector {
  readonly file: string;
  readonly quantity: string;
  readonly reason: string;
}

/** Largest error of forward passes, values, gradients of the critic, and optimiser steps. */
export const TOLERANCE = 2e-5;

/** Words about the data or the file itself, which no computation gives. */
const DESCRIPTIONS = ['note', 'margins', 'hidden', 'unit'];

/** The keys that lead to a value, outermost first; places in a list count as keys. */
export type Key = readonly string[];

/** A parsed file that checks the shape of everything read from it, and remembers what was. */
export class VectorFile {
  readonly name: string;
  readonly #root: unknown;
  readonly #read = new Set<string>();

  constructor(folder: string, name: string) {
    this.name = name;
    try {
      this.#root = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    } catch (error) {
      throw new UsageError(`${name} cannot be read as JSON: ${(error as Error).message}.`);
    }
  }

  /** The numbers of a nested list of the given shape, flat. */
  numbers(key: Key, shape: readonly number[]): number[] {
    const value = this.#at(key);
    const flat = elementCount(shape) > 0 ? flatten(value, shape) : undefined;
    if (!flat) this.#refuse(key, `should hold numbers in the shape (${shape.join(', ')})`);
    this.#read.add(key.join('\n'));
    return flat;
  }

  /** A single finite number. */
  number(key: Key): number {
    return this.numbers(key, [])[0]!;
  }

  /** The lengths of a nested list of `rank` levels, by its first elements. */
  shape(key: Key, rank: number): number[] {
    let value = this.#at(key);
    return Array.from({ length: rank }, () => {
      if (!Array.isArray(value) || value.length === 0)
        this.#refuse(key, `should be lists nested ${rank} deep`);
      const list = value as unknown[];
      value = list[0];
      return list.length;
    });
  }

  /** The sizes of a network's layers, which must begin and end as given. */
  layers(key: Key, outputSize: number): number[] {
    const sizes = this.numbers(key, this.shape(key, 1));
    const whole = sizes.length >= 3 && sizes.every((size) => Number.isInteger(size) && size > 0);
    if (!whole || sizes.at(-1) !== outputSize)
      this.#refuse(key, `should be layer sizes that end in ${outputSize}`);
    return sizes;
  }

  /** The keys of an object. */
  keys(key: Key = []): string[] {
    const value = this.#at(key);
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.#refuse(key, 'should be an object');
    return Object.keys(value);
  }

  /** What nobody asked for: the uppermost keys below which nothing was read. */
  unread(key: Key = []): UncheckedVector[] {
    const value = this.#at(key);
    const names = Array.isArray(value) ? [...value.keys()].map(String) : this.keys(key);
    return names.flatMap((name): UncheckedVector[] => {
      const inner = [...key, name];
      const path = inner.join('\n');
      if (this.#read.has(path) || DESCRIPTIONS.includes(name)) return [];
      if ([...this.#read].some((read) => read.startsWith(`${path}\n`))) return this.unread(inner);
      return [{ file: this.name, quantity: inner.join('.'), reason: 'unknown key' }];
    });
  }

  #at(key: Key): unknown {
    return key.reduce<unknown>(
      (value, name) => (value as Record<string, unknown> | null | undefined)?.[name],
      this.#root,
    );
  }

  #refuse(key: Key, why: string): never {
    throw new UsageError(`${this.name}: ${key.length > 0 ? `'${key.join('.')}'` : 'the file'} ${why}.`);
  }
}

function flatten(value: unknown, shape: readonly number[]): number[] | undefined {
  const [length, ...rest] = shape;
  if (length === undefined) return typeof value === 'number' ? [value] : undefined;
  if (!Array.isArray(value) || value.length !== length) return undefined;
  const parts = value.map((part) => flatten(part, rest));
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
}

/** Collects the rows of one file. */
export class Comparison {
  readonly rows: VectorRow[] = [];
  readonly #file: VectorFile;

  constructor(file: VectorFile) {
    this.#file = file;
  }

  /** Compares numbers with those of the file under `key`. */
  numbers(key: Key, actual: ArrayLike<number>, shape: readonly number[], tolerance = TOLERANCE): void {
    const expected = this.#file.numbers(key, shape);
    const gaps = expected.map((value, i) => Math.abs(actual[i]! - value));
    const scale = largest(expected.map(Math.abs));
    this.row(key, largest(gaps) / (scale > 0 ? scale : 1), tolerance);
  }

  /** Adds a row for an error that was measured otherwise. */
  row(key: Key, error: number, tolerance: number): void {
    const quantity = key.join('.');
    // A NaN is not within any tolerance.
    this.rows.push({ file: this.#file.name, quantity, error, tolerance, ok: error <= tolerance });
  }
}

/** The largest of some sizes, or NaN if one is. */
export function largest(values: readonly number[]): number {
  return values.reduce((most, value) => (value > most || Number.isNaN(value) ? value : most), 0);
}

/** Columns [first, first + width) of rows of `stride` numbers. */
export function columns(flat: Float32Array, stride: number, width: number, first = 0): number[][] {
  const rows = Math.floor(flat.length / stride);
  return Array.from({ length: rows }, (_, i) => [
    ...flat.subarray(i * stride + first, i * stride + first + width),
  ]);
}

/** A flat list cut into rows of `width` numbers. */
export function chunks(flat: readonly number[], width: number): number[][] {
  return Array.from({ length: flat.length / width }, (_, i) => flat.slice(i * width, (i + 1) * width));
}
