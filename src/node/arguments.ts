import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { UsageError } from '../gpu/errors.ts';
import { CONFIG_ENTRIES, parseSetting, resolveConfig } from '../train/config.ts';
import { ALGORITHM_DEFAULTS, DEFAULTS } from '../train/presets.ts';
import { ALGORITHMS_OF, type Config } from '../train/settings.ts';

type SettingName = keyof typeof CONFIG_ENTRIES;

/** Most seeds of a range: far more than anybody waits for. */
const MOST_SEEDS = 10_000;

/** The settings that are flags of a command of their own names. */
export const SETTINGS = Object.keys(CONFIG_ENTRIES).filter(
  (key) => key !== 'environment' && key !== 'preset',
);

/** The flags from which a configuration is made, besides those of `SETTINGS`. */
export interface ConfigFlags {
  readonly preset?: string;
  readonly algorithm?: string;
  readonly config?: string;
}

/**
 * The configuration that the flags of a command stand for.
 * @throws UsageError for values that are none, and for a file that cannot be read or that a flag contradicts.
 */
export async function readConfig(environment: string, flags: ConfigFlags): Promise<Config> {
  const fromFile = flags.config === undefined ? {} : await readConfigFile(flags.config);
  const given: Record<string, unknown> = { ...fromFile, environment };
  for (const key of ['preset', 'algorithm'] as const) {
    // A file that is complete holds every value: none would become what another preset or algorithm has.
    if (flags[key] !== undefined && ![undefined, flags[key]].includes(fromFile[key] as string | undefined)) {
      throw new UsageError(
        `'${flags.config}' already starts from ${key} '${String(fromFile[key])}': leave out --${key} or the file.`,
      );
    }
  }
  if (flags.preset !== undefined) given['preset'] = flags.preset;
  for (const key of SETTINGS) {
    const text = (flags as Record<string, string | undefined>)[key];
    if (text !== undefined) given[key] = parseSetting(key, text);
  }
  return resolveConfig(given);
}

/** A setting's meaning, what it may be, whose it is, and the value that it has by default: a flag's help. */
export function describeSetting(key: string): string {
  const entry = CONFIG_ENTRIES[key as SettingName];
  const [first] = entry.pipe;
  const options = 'options' in first ? ` One of ${first.options.join(', ')}.` : '';
  const owners = ALGORITHMS_OF[key as SettingName];
  const only = owners ? ` Only ${owners.join(' and ')}.` : '';
  const changed = Object.entries(ALGORITHM_DEFAULTS).filter(([, values]) => Object.hasOwn(values, key));
  const others = changed.map(([algorithm, values]) => `, ${algorithm} ${textOf(values[key as SettingName])}`);
  const value = textOf(DEFAULTS[key as SettingName]);
  return `${v.getDescription(entry) ?? ''}${options}${only} (default preset: ${value}${others.join('')})`;
}

function textOf(value: Config[SettingName] | undefined): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}

/**
 * The whole number that `flag` was given.
 * @throws UsageError if the text is not one, or lies outside `least` to `most`.
 */
export function wholeNumber(flag: string, text: string, least: number, most = 0xffffffff): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new UsageError(`${flag} must be a whole number from ${least} to ${most}, not '${text}'.`);
  }
  return value;
}

/**
 * The finite number that `flag` was given.
 * @throws UsageError if the text is not one.
 */
export function finiteNumber(flag: string, text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isFinite(value)) throw new UsageError(`${flag} must be a number, not '${text}'.`);
  return value;
}

/**
 * Seeds as written on a command line: `100-109`, `3`, `1,5,7-9`.
 * @throws UsageError if it is neither.
 */
export function parseSeeds(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? [];
    if (first === undefined || Number(last) < Number(first)) {
      throw new UsageError(`--seeds must be numbers and ranges such as 100-109 or 1,5,7-9, not ${text}.`);
    }
    if (Number(last) > 0xffffffff || Number(last) - Number(first) >= MOST_SEEDS) {
      throw new UsageError(
        `--seeds must lie below 2^32, at most ${MOST_SEEDS} of them in a range, not ${text}.`,
      );
    }
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i);
  });
}

/**
 * The settings in a JSON file.
 * @throws UsageError if it cannot be read or is not an object.
 */
async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    throw new UsageError(`The configuration file '${path}' cannot be read: check the path.`);
  }
  const parsed = parseJson(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new UsageError(
      `The configuration file '${path}' is not a JSON object of settings: compare a run's config.json.`,
    );
  }
  return parsed as Record<string, unknown>;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
