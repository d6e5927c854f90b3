import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/gpu/errors.ts';
import { CONFIG_ENTRIES, flagOf, resolveConfig } from '../../src/train/config.ts';
import { DEFAULTS, PRESETS } from '../../src/train/presets.ts';

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
      /--proposal must be one of lattice, uniform, uniform-shared, mixture, not gaussian\./,
    ],
    [{ discount: 1 }, /--discount must be below 1/],
    [{ repulsion: 'maybe' }, /--repulsion must be a boolean, not maybe\./],
    [{ tempature: 3 }, /no setting 'tempature'; the settings are /],
    [{ environments: 2000, replayCapacity: 1000 }, /raise --replay-capacity or lower --environments/],
    [
      { proposal: 'mixture', valueParticles: 7 },
      /--value-particles must be even with --proposal mixture, not 7/,
    ],
    [{ algorithm: 'ddpg', targetEntropy: 0.5 }, /--target-entropy works with --algorithm soft-q or sac/],
    [{ critics: 0 }, /--critics must be at least 1/],
    [{ ensemble: 'max' }, /--ensemble must be one of mean, min, not max\./],
    [{ finalLearningRateShare: 0 }, /--final-learning-rate-share must be greater than 0/],
    [{ finalLearningRateShare: 1.5 }, /--final-learning-rate-share must be at most 1/],
  ])('%o is refused with a sentence', (given, sentence) => {
    expect(() => resolveConfig(given)).toThrow(UsageError);
    expect(() => resolveConfig(given)).toThrow(sentence);
  });

  test('flags are the settings in kebab case', () => {
    expect(flagOf('criticFirstUpdates')).toBe('critic-first-updates');
  });
});
