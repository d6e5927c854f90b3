import * as v from 'valibot';
import { environmentNames, environmentOf } from '../envs/environment.ts';
import '../envs/multigoal.ts';
import '../envs/multigoal-paper.ts';
import { UsageError } from '../gpu/errors.ts';
import { ALGORITHM_DEFAULTS, DEFAULTS, PRESETS, type PresetName } from './presets.ts';
import { ALGORITHMS_OF, CONFIG_ENTRIES, ConfigSchema, type Config } from './settings.ts';

export { CONFIG_ENTRIES, type Config };

/** The command line's name of a setting: `warmupTransitions` is `warmup-transitions`. */
export function flagOf(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** A flag's text as the value its setting wants; what does not parse is left for the schema to refuse. */
export function parseSetting(key: string, text: string): unknown {
  const like = DEFAULTS[key as keyof Config];
  if (Array.isArray(like)) return text.split(',').map((part) => parseNumber(part));
  if (typeof like === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (text === 'null') return null;
  return typeof like === 'string' ? text : parseNumber(text);
}

function parseNumber(text: string): number | string {
  const value = Number(text);
  return text.trim() === '' || Number.isNaN(value) ? text : value;
}

/**
 * Fills `given` up with its preset, then with what suits its algorithm, and checks it.
 * @throws UsageError naming each setting that is unknown, out of range, or of another algorithm, and what to do.
 */
export function resolveConfig(given: Readonly<Record<string, unknown>>): Config {
  const name = (given['preset'] ?? 'default') as PresetName;
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (!preset) {
    throw new UsageError(
      `There is no preset '${String(name)}'; there is ${Object.keys(PRESETS).join(', ')}.`,
    );
  }
  const algorithm = String(given['algorithm'] ?? DEFAULTS.algorithm);
  const changes = Object.hasOwn(ALGORITHM_DEFAULTS, algorithm)
    ? ALGORITHM_DEFAULTS[algorithm as keyof typeof ALGORITHM_DEFAULTS]
    : {};
  const start: Config = { ...DEFAULTS, ...changes, ...preset.values, preset: name };
  const result = v.safeParse(ConfigSchema, { ...start, ...given }, { abortPipeEarly: true });
  if (!result.success) {
    // Every layer of the same wrong width is an issue of its own.
    throw new UsageError([...new Set(result.issues.map(sentence))].join(' '));
  }
  const config = result.output;
  if (!environmentNames().includes(config.environment)) {
    throw new UsageError(
      `There is no environment '${config.environment}'; there is ${environmentNames().join(', ')}.`,
    );
  }
  for (const key of Object.keys(ALGORITHMS_OF) as (keyof Config)[]) {
    // A complete configuration holds these too, at the values that nobody chose.
    if (ALGORITHMS_OF[key]!.includes(config.algorithm) || config[key] === start[key]) continue;
    throw new UsageError(
      `--${flagOf(key)} does nothing with --algorithm ${config.algorithm}: leave it out, it is a setting of ` +
        `${ALGORITHMS_OF[key]!.join(' and ')}.`,
    );
  }
  if (config.environments > config.replayCapacity) {
    throw new UsageError(
      `${config.environments} environments do not fit a replay buffer of ${config.replayCapacity} transitions: ` +
        `raise --replay-capacity or lower --environments.`,
    );
  }
  if (config.algorithm === 'soft-q' && config.proposal === 'mixture' && config.valueParticles % 2 !== 0) {
    throw new UsageError(
      `--value-particles must be even with --proposal mixture, not ${config.valueParticles}.`,
    );
  }
  const { actionSize } = environmentOf(config.environment).spec;
  if (
    config.algorithm === 'soft-q' &&
    config.proposal === 'policy-jacobian' &&
    config.latentSize !== actionSize
  ) {
    throw new UsageError(
      `--latent-size must be ${actionSize}, the size of the action, with --proposal policy-jacobian, not ` +
        `${config.latentSize}.`,
    );
  }
  if (config.algorithm === 'sac' && config.policyParticles % config.mixtureComponents !== 0) {
    throw new UsageError(
      `--policy-particles must be a multiple of --mixture-components (${config.mixtureComponents}), not ` +
        `${config.policyParticles}: the policy gradient draws as many actions from each Gaussian.`,
    );
  }
  if (config.targetEntropy !== null && config.finalTemperature !== null) {
    throw new UsageError(
      `--target-entropy tunes the temperature, which cannot follow a schedule then: add --final-temperature null.`,
    );
  }
  return config;
}

function sentence(issue: v.BaseIssue<unknown>): string {
  const key = String(issue.path?.[0]?.key ?? '');
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const known = Object.keys(CONFIG_ENTRIES).map(flagOf).join(', ');
    return `There is no setting '${flagOf(key)}'; the settings are ${known}.`;
  }
  const rule = /^(must|needs)/.test(issue.message) ? issue.message : `must be ${expectation(issue)}`;
  return `--${flagOf(key)} ${rule}, not ${issue.received.replace(/^"(.+)"$/, '$1')}.`;
}

function expectation(issue: v.BaseIssue<unknown>): string {
  return issue.expected === 'Array'
    ? 'a list of numbers such as 64,64'
    : `a ${issue.expected ?? 'valid value'}`;
}
