import { expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { program } from '../../src/gpu/program.ts';
import { padded } from '../../src/gpu/tensor.ts';
import { particleEntropy, Temperature, type TemperatureOptions } from '../../src/rl/temperature.ts';
import { Draws } from '../oracles/random.ts';
import { mixtureLogDensity } from '../oracles/soft-value.ts';
import { expectClose, TRANSCENDENTAL } from '../support/compare.ts';
import { useGpu, writeRows } from '../support/gpu.ts';

const gpuOf = useGpu();
const BANDWIDTH = 0.25;

// Deviations: particles on top of each other, a usual spread, and actions in the corners, where tanh is 1 in float32.
test.each([
  { members: 1, states: 1, fixed: 1, updated: 1, actionSize: 1, deviation: 1 },
  { members: 2, states: 5, fixed: 8, updated: 3, actionSize: 2, deviation: 0.01 },
  { members: 3, states: 17, fixed: 4, updated: 9, actionSize: 2, deviation: 1 },
  { members: 1, states: 3, fixed: 6, updated: 6, actionSize: 5, deviation: 8 },
])(
  'the entropy of particles agrees with float64: $members x $states states, $fixed + $updated of $actionSize numbers',
  async ({ members, states, fixed, updated, actionSize, deviation }) => {
    const gpu = gpuOf();
    const particles = fixed + updated;
    const u = new Draws(3).normalRows(members * particles * states, actionSize, deviation);
    const rows = u.map((row) => row.map(Math.fround));
    const preTanh = gpu.tensor('u', [members, particles, states, padded(actionSize)]);
    const entropy = gpu.tensor('H', [members, states]);
    writeRows(gpu, preTanh, rows);
    const dispatch = particleEntropy(gpu, { preTanh, states, fixed, updated, actionSize }, entropy);
    await gpu.run(program('entropy', [dispatch]));
    const reference = Array.from({ length: members * states }, (_, i) => {
      const [m, s] = [Math.floor(i / states), i % states];
      const set = Array.from({ length: particles }, (__, p) => rows[(m * particles + p) * states + s]!);
      const logDensities = set
        .slice(fixed)
        .map((one) => mixtureLogDensity(one, set.slice(0, fixed), BANDWIDTH, 0));
      return -logDensities.reduce((sum, value) => sum + value, 0) / updated;
    });
    expectClose(await gpu.read(entropy), reference, TRANSCENDENTAL);
  },
);

const OPTIONS: TemperatureOptions = {
  temperature: 10,
  finalTemperature: 10,
  temperatureUpdates: 100,
  targetEntropy: 0.7,
  temperatureLearningRate: 0.02,
};

test('alpha rises where the entropy is below its target and falls where it is above', async () => {
  const gpu = gpuOf();
  const temperature = new Temperature(gpu, 3, new Clock(gpu), OPTIONS);
  const entropy = gpu.tensorOf('H', Float32Array.of(0.4, 0.6, -3, -1, 5, 4));
  const tune = program('tune', temperature.tune(entropy));
  await gpu.run(tune, tune);
  const means = [0.5, -2, 4.5];
  const alphas = means.map((mean) => 10 * Math.exp(-2 * 0.02 * (mean - 0.7)));
  expectClose(await gpu.read(temperature.tensor), alphas, TRANSCENDENTAL);
});

test('alpha is constant, on a schedule or tuned, and costs a dispatch where it moves', () => {
  const gpu = gpuOf();
  const clock = new Clock(gpu);
  const entropy = gpu.tensor('H', [1, 2]);
  const dispatches = (options: Partial<TemperatureOptions>) => {
    const one = new Temperature(gpu, 1, clock, { ...OPTIONS, ...options });
    return [one.schedule.length, one.tune(entropy).length];
  };
  expect(dispatches({})).toEqual([0, 1]);
  expect(dispatches({ targetEntropy: null })).toEqual([0, 0]);
  expect(dispatches({ targetEntropy: null, finalTemperature: 5 })).toEqual([1, 0]);
});
