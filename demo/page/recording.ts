import { MULTIGOAL_BOUND, type Config, type Evaluation, type MetricRow } from '../../src/index.ts';
import type { Point } from '../protocol.ts';

/** Half the side of the square that actions lie in. */
const ACTIONS = 1;
/** Q / alpha below its maximum by more than this many nats is drawn, and kept, as nothing: a density of e^-6. */
export const NATS = 6;
const MOST = 255;
/** Bytes of the length that stands before the head. */
const LENGTH_BYTES = 4;

/** What a run looked like after some updates. */
export interface Frame {
  readonly updates: number;
  readonly environmentSteps: number;
  readonly rows: readonly MetricRow[];
  readonly evaluation: Evaluation;
  /** Positions of episodes, each from its first state to its last. */
  readonly episodes: readonly (readonly Point[])[];
  /** Per state: Q / alpha less its maximum, nats, (side, side), rows from the action y = -1 up. */
  readonly energies: readonly (readonly number[])[];
  /** Per state: actions of the policy. */
  readonly actions: readonly (readonly Point[])[];
}

/** A run to look at where none can be trained. */
export interface Recording {
  readonly adapter: string;
  readonly config: Config;
  readonly goals: readonly Point[];
  /** Where energies and actions were taken. */
  readonly states: readonly Point[];
  /** Actions along one side of an energy. */
  readonly side: number;
  /** Per state: the exact optimum's Q* / alpha, as `energies`. */
  readonly optimum: readonly (readonly number[])[];
  readonly frames: readonly Frame[];
}

/** The JSON in front of the bytes: everything but the long arrays, of which it has the lengths. */
interface Head extends Omit<Recording, 'frames' | 'optimum'> {
  readonly frames: readonly (Omit<Frame, 'episodes' | 'energies' | 'actions'> & {
    readonly lengths: readonly number[];
  })[];
  readonly actions: number;
}

/**
 * A recording as a gzip file: positions, actions and energies in one byte a number, which is finer than a screen shows,
 * behind a head of JSON.
 */
export async function encodeRecording(recording: Recording): Promise<Uint8Array<ArrayBuffer>> {
  const { frames, optimum, ...rest } = recording;
  const head: Head = {
    ...rest,
    actions: frames[0]!.actions[0]!.length,
    frames: frames.map(({ updates, environmentSteps, rows, evaluation, episodes }) => ({
      updates,
      environmentSteps,
      rows,
      evaluation,
      lengths: episodes.map(({ length }) => length),
    })),
  };
  const bytes: number[] = optimum.flat().map(toByteOfEnergy);
  for (const { episodes, energies, actions } of frames) {
    bytes.push(...episodes.flat(2).map((x) => toByte(x, MULTIGOAL_BOUND)));
    bytes.push(...energies.flat().map(toByteOfEnergy));
    bytes.push(...actions.flat(2).map((x) => toByte(x, ACTIONS)));
  }
  const json = new TextEncoder().encode(JSON.stringify(head));
  const length = new DataView(new ArrayBuffer(LENGTH_BYTES));
  length.setUint32(0, json.length);
  const stream = new Blob([length, json, Uint8Array.from(bytes)])
    .stream()
    .pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Reads a recording back. */
export async function decodeRecording(file: Blob): Promise<Recording> {
  const stream = file.stream().pipeThrough(new DecompressionStream('gzip'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const jsonLength = new DataView(bytes.buffer).getUint32(0);
  const json = bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + jsonLength);
  const { frames, actions, ...head } = JSON.parse(new TextDecoder().decode(json)) as Head;
  let at = LENGTH_BYTES + jsonLength;
  const take = (count: number) => bytes.subarray(at, (at += count));
  const points = (count: number, half: number): Point[] => {
    const pairs = take(2 * count);
    return Array.from({ length: count }, (_, i) => [
      fromByte(pairs[2 * i]!, half),
      fromByte(pairs[2 * i + 1]!, half),
    ]);
  };
  const grids = () => head.states.map(() => Array.from(take(head.side ** 2), fromByteOfEnergy));
  return {
    ...head,
    optimum: grids(),
    frames: frames.map(({ lengths, ...frame }) => ({
      ...frame,
      episodes: lengths.map((length) => points(length, MULTIGOAL_BOUND)),
      energies: grids(),
      actions: head.states.map(() => points(actions, ACTIONS)),
    })),
  };
}

/** A number from -half to half as 0 to 255. */
function toByte(x: number, half: number): number {
  return Math.round((Math.min(1, Math.max(-1, x / half)) * 0.5 + 0.5) * MOST);
}

function fromByte(byte: number, half: number): number {
  return ((byte / MOST) * 2 - 1) * half;
}

/** Nats below the maximum, from -NATS to 0, as 0 to 255. */
function toByteOfEnergy(nats: number): number {
  return Math.round(MOST * Math.max(0, 1 + nats / NATS));
}

function fromByteOfEnergy(byte: number): number {
  return (byte / MOST - 1) * NATS;
}
