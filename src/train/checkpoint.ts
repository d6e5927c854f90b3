import type { ClockReading } from '../gpu/clock.ts';
import type { NamedArray } from '../nn/parameters.ts';
import { resolveConfig, type Config } from './config.ts';
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from './safetensors.ts';

/** Version of the files' layout; a reader refuses others. */
export const FORMAT_VERSION = 1;

/** Everything that survives an iteration, on the host: what a checkpoint is made of. */
export interface Snapshot {
  readonly config: Config;
  readonly clock: ClockReading;
  /** Networks, target, moments: one array per weight in its logical shape. */
  readonly learner: readonly NamedArray[];
  /** State, observations, running episodes and parameters of the environments. */
  readonly environment: readonly NamedArray[];
  /** The filled part of the replay ring. */
  readonly replay: readonly NamedArray[];
}

/** The parts that are written as files of their own. */
export const PARTS = ['learner', 'environment', 'replay'] as const;

/** A checkpoint's files by name, and the hash of what they hold. */
export interface CheckpointFiles {
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly hash: string;
}

/** A checkpoint that cannot be used; the message says which file and why. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
}

interface Manifest {
  readonly formatVersion: number;
  readonly hash: string;
  readonly sha256: Record<string, string>;
  readonly configSha256: string;
  readonly clock: ClockReading;
  readonly config: Record<string, unknown>;
}

/** The files of a snapshot. They hold no date and no path: equal snapshots give equal bytes. */
export async function encodeCheckpoint(snapshot: Snapshot): Promise<CheckpointFiles> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const sha256: Record<string, string> = {};
  for (const part of PARTS) {
    const bytes = encodeSafetensors([...snapshot[part]].sort((a, b) => (a.name < b.name ? -1 : 1)));
    files.set(`${part}.safetensors`, bytes);
    sha256[`${part}.safetensors`] = await digest(bytes);
  }
  const { clock, config } = snapshot;
  const hash = await digestOf([sha256, clock]);
  const manifest: Manifest = {
    formatVersion: FORMAT_VERSION,
    hash,
    sha256,
    configSha256: await digestOf(config),
    clock,
    config,
  };
  files.set('checkpoint.json', new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`));
  return { files, hash };
}

/**
 * Reads a checkpoint back; `read` gives a file's bytes by name. Only the `parts` asked for are read and checked.
 * @throws CheckpointError naming the file that is missing, damaged, or of another format version.
 */
export async function decodeCheckpoint(
  read: (file: string) => Promise<Uint8Array>,
  parts: readonly (typeof PARTS)[number][] = PARTS,
): Promise<Snapshot & { hash: string }> {
  const manifest = parseManifest(await read('checkpoint.json'));
  const intact =
    manifest.hash === (await digestOf([manifest.sha256, manifest.clock])) &&
    manifest.configSha256 === (await digestOf(manifest.config));
  if (!intact)
    throw new CheckpointError('checkpoint.json is damaged: its contents are not those that were written');
  const arrays: Record<string, NamedArray[]> = {};
  for (const part of parts) {
    const file = `${part}.safetensors`;
    const bytes = await read(file);
    if ((await digest(bytes)) !== manifest.sha256[file]) {
      throw new CheckpointError(`${file} is damaged: its contents are not those that were written`);
    }
    try {
      arrays[part] = decodeSafetensors(bytes);
    } catch (error) {
      if (error instanceof SafetensorsError)
        throw new CheckpointError(`${file} is damaged: ${error.message}`);
      throw error;
    }
  }
  const { learner = [], environment = [], replay = [] } = arrays;
  const { clock, hash } = manifest;
  return { config: resolveConfig(manifest.config), clock, learner, environment, replay, hash };
}

function parseManifest(bytes: Uint8Array): Manifest {
  let manifest: Partial<Manifest> | null;
  try {
    manifest = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Manifest> | null;
  } catch {
    throw new CheckpointError('checkpoint.json is damaged: it is not JSON');
  }
  const { formatVersion, hash, sha256, configSha256, clock, config } = manifest ?? {};
  if (formatVersion !== FORMAT_VERSION) {
    throw new CheckpointError(
      `checkpoint.json has format version ${String(formatVersion)}, not ${FORMAT_VERSION}`,
    );
  }
  if (typeof hash !== 'string' || typeof configSha256 !== 'string' || !sha256 || !clock || !config) {
    throw new CheckpointError('checkpoint.json is damaged: an entry is missing');
  }
  return { formatVersion, hash, sha256, configSha256, clock, config };
}

/** The digest of a value as JSON, whose keys keep the order in which they were written. */
function digestOf(value: unknown): Promise<string> {
  return digest(new TextEncoder().encode(JSON.stringify(value)));
}

async function digest(bytes: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new Uint8Array(bytes));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
