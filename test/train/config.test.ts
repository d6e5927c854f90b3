import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/gpu/errors.ts';
import { CONFIG_ENTRIES, flagOf, resolveConfig } from '../../src/train/config.ts';
import { ALGORITHM_DEFAULTS, DEFAULTS, PRESETS } from '../../src/train/presets.ts';

describe('resolveConfig', () => {
  test('every preset is complete and valid', () => {
    for (const preset of Object.keys(PRESETS)) {
      const config = resolveConfig({ preset });
      expect(Object.keys(config).sort()).toEqual(Object.keys(CONFIG_ENTRIES).sort());
      expect(config.preset).toBe(preset);
    }
    expect(resolveConfig({})).toEqual(DEFAULTS);
  });

  test('what is given wins over the preset, and a resolved config resolves to itself', () => {
    const config = resolveConfig({ preset: 'sharp', updates: 10, hidden: [32] });
    expect(config).toMatchObject({ updates: 10, hidden: [32], rewardScale: 0.2, finalTemperature: 5 });
    expect(resolveConfig(config)).toEqual(config);
  });

  test('every algorithm starts from values of its own, over which a preset wins', () => {
    for (const algorithm of Object.keys(ALGORITHM_DEFAULTS)) {
      for (const preset of Object.keys(PRESETS)) {
        const config = resolveConfig({ algorithm, preset });
        expect(resolveConfig(config)).toEqual(config);
      }
    }
    expect(resolveConfig({ algorithm: 'sac' })).toEqual({
      ...DEFAULTS,
      ...ALGORITHM_DEFAULTS.sac,
      algorithm: 'sac',
    });
    expect(resolveConfig({ algorithm: 'sac', preset: 'sharp' })).toMatchObject({
      ...PRESETS.sharp.values,
      criticFirstUpdates: 0,
    });
  });

  test("the paper's DDPG has the numbers of appendix D.1", () => {
    expect(resolveConfig({ preset: 'paper', algorithm: 'ddpg' })).toMatchObject({
      criticLearningRate: 1e-3,
      policyLearningRate: 1e-4,
      hidden: [200, 200],
      activation: 'relu',
      batchSize: 64,
      replayCapacity: 1e6,
      warmupTransitions: 10_000,
      environments: 1,
      updatesPerStep: 1,
      updates: 100 * 10_000,
      targetTau: 1,
      targetInterval: 1000,
      noiseTheta: 0.15,
      noiseSigma: 0.3,
      // What the appendix does not have.
      rewardScale: 1,
      criticFirstUpdates: 0,
      randomShare: 0,
    });
  });

  test.each([
    [{ preset: 'huge' }, /no preset 'huge'; there is default, tiny, sharp, paper, release/],
    [{ preset: 'constructor' }, /no preset 'constructor'/],
    [{ environment: 'chess' }, /no environment 'chess'; there is multigoal/],
    [{ temperature: 0 }, /--temperature must be greater than 0, not 0\./],
    [{ temperature: -3 }, /--temperature must be greater than 0, not -3\./],
    [{ temperature: Infinity }, /--temperature must be finite/],
    [{ temperature: 'hot' }, /--temperature must be a number, not hot\./],
    [{ finalTemperature: -1 }, /--final-temperature must be greater than 0/],
    [{ environments: -5 }, /--environments must be at least 1, not -5\./],
    [{ batchSize: 1.5 }, /--batch-size must be a whole number, not 1\.5\./],
    [{ hidden: [] }, /--hidden needs 1 to 4 layers/],
    [{ hidden: [64, 0] }, /--hidden must be at least 1/],
    [{ hidden: 64 }, /--hidden must be a list of numbers such as 64,64/],
    [
      { proposal: 'gaussian' },
      /--proposal must be one of lattice, uniform, uniform-shared, mixture, policy-jacobian, not gaussian\./,
    ],
    [{ discount: 1 }, /--discount must be below 1/],
    [{ repulsion: 'maybe' }, /--repulsion must be a boolean, not maybe\./],
    [{ tempature: 3 }, /no setting 'tempature'; the settings are /],
    [{ environments: 2000, replayCapacity: 1000 }, /raise --replay-capacity or lower --environments/],
    [
      { proposal: 'mixture', valueParticles: 7 },
      /--value-particles must be even with --proposal mixture, not 7/,
    ],
    [{ updatesPerStep: 1001 }, /--updates-per-step must be at most 1000, not 1001/],
    [{ temperature: Infinity }, /^--temperature must be finite, not Infinity\.$/],
    [{ critics: 0 }, /--critics must be at least 1/],
    [{ ensemble: 'max' }, /--ensemble must be one of mean, min, not max\./],
    [{ finalLearningRateShare: 0 }, /--final-learning-rate-share must be greater than 0/],
    [{ finalLearningRateShare: 1.5 }, /--final-learning-rate-share must be at most 1/],
    [{ algorithm: 'ppo' }, /--algorithm must be one of soft-q, sac, ddpg, not ppo\./],
    [
      { algorithm: 'sac', mixtureComponents: 3, policyParticles: 16 },
      /--policy-particles must be a multiple of --mixture-components \(3\), not 16/,
    ],
    [
      { mixtureComponents: 2 },
      /--mixture-components does nothing with --algorithm soft-q: .* a setting of sac\./,
    ],
    [
      { algorithm: 'ddpg', targetEntropy: -2 },
      /--target-entropy does nothing with --algorithm ddpg: .* a setting of soft-q and sac\./,
    ],
    [
      { algorithm: 'ddpg', valueParticles: 4 },
      /--value-particles does nothing with --algorithm ddpg: .* a setting of soft-q and sac\./,
    ],
    [{ algorithm: 'sac', stein: 'raw' }, /--stein does nothing with --algorithm sac/],
    [
      { preset: 'sharp', targetEntropy: 0 },
      /--target-entropy tunes the temperature, .*: add --final-temperature null\./,
    ],
    [
      { proposal: 'policy-jacobian' },
      /^--latent-size must be 2, the size of the action, with --proposal policy-jacobian, not 4\.$/,
    ],
  ])('%o is refused with a sentence', (given, sentence) => {
    expect(() => resolveConfig(given)).toThrow(UsageError);
    expect(() => resolveConfig(given)).toThrow(sentence);
  });

  test('flags are the settings in kebab case', () => {
    expect(flagOf('criticFirstUpdates')).toBe('critic-first-updates');
  });
});
