import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { UsageError } from '../../src/gpu/errors.ts';
import { jacobianDensity } from '../../src/rl/jacobian-density.ts';
import { SamplingNetwork, type SamplingNetworkSpec } from '../../src/rl/sampling-network.ts';
import { mlpForward } from '../oracles/mlp.ts';
import { Draws } from '../oracles/random.ts';
import { determinant, POLICY_DENSITY_GUARDS, policyLogDensity } from '../oracles/soft-value.ts';
import { expectClose, TRANSCENDENTAL } from '../support/compare.ts';
import { unpadRows, useGpu, writeRows } from '../support/gpu.ts';
import { oracleMlp, randomiseParameters } from '../support/networks.ts';

const gpuOf = useGpu();

/** A sampling network, a draw of it, and programs that go forward and weigh; outputs are state-major. */
function densityOf(spec: SamplingNetworkSpec, states: number, particles: number) {
  const gpu = gpuOf();
  const { members, observationSize, actionSize } = spec;
  const seeds = gpu.tensorOf(
    'seeds',
    Uint32Array.from({ length: members }, (_, m) => m + 1),
  );
  const network = new SamplingNetwork(gpu, spec, new Clock(gpu), seeds);
  const observation = gpu.tensor('s', [members, states, observationSize]);
  const draw = network.draw('draw', { observation, states, particles, use: 'proposal-policy' });
  const count = states * particles;
  const options = {
    draw,
    states,
    particles,
    rows: gpu.tensor('rows', [members, count, Math.ceil((observationSize + actionSize) / 4) * 4]),
    logDensity: gpu.tensor('logDensity', [members, count]),
    determinant: gpu.tensor('determinant', [members, count]),
  };
  return { gpu, network, ...options, density: jacobianDensity(gpu, spec, options) };
}

/** du/dxi of one row [s, xi] by central differences. */
function differences(forward: (row: number[]) => number[], row: number[], observationSize: number) {
  const step = 1e-5;
  const columns = row.slice(observationSize).map((_, e) => {
    const at = (sign: number) =>
      forward(row.map((value, i) => (i === observationSize + e ? value + sign * step : value)));
    const [above, below] = [at(1), at(-1)];
    return above.map((value, d) => (value - below[d]!) / (2 * step));
  });
  return columns[0]!.map((_, d) => columns.map((column) => column[d]!));
}

describe('jacobianDensity', () => {
  test.each([
    { actionSize: 1, observationSize: 3, members: 2, activation: 'relu', states: 2, particles: 3 },
    { actionSize: 2, observationSize: 2, members: 2, activation: 'tanh', states: 5, particles: 4 },
    { actionSize: 3, observationSize: 1, members: 1, activation: 'relu', states: 3, particles: 7 },
    { actionSize: 8, observationSize: 6, members: 2, activation: 'tanh', states: 2, particles: 5 },
  ] as const)(
    'is that of finite differences, $activation, A $actionSize',
    async ({ states, particles, ...sizes }) => {
      const { actionSize, observationSize, members } = sizes;
      const spec = { ...sizes, latentSize: actionSize, hidden: [24, 24] };
      const { gpu, network, draw, density, ...out } = densityOf(spec, states, particles);
      randomiseParameters(gpu, network.mlp, 5, 0.6);
      const width = observationSize + actionSize;
      const count = states * particles;
      const inputs = new Draws(2).normalRows(members * count, width).map((row) => row.map(Math.fround));
      writeRows(gpu, draw.pass.input, inputs);
      await gpu.run(draw.pass.forward(), density);
      const rows = unpadRows(await gpu.read(out.rows), width);
      const expected = { rows: [] as number[][], logDensity: [] as number[], determinant: [] as number[] };
      for (let m = 0; m < members; m++) {
        const mlp = await oracleMlp(gpu, network.mlp, m);
        const forward = (row: number[]) => mlpForward(mlp, [row])[0]!;
        for (let at = 0; at < count; at++) {
          const input = inputs[m * count + (at % particles) * states + Math.floor(at / particles)]!;
          const u = forward(input);
          const jacobian = differences(forward, input, observationSize);
          const xi = input.slice(observationSize);
          expected.rows.push([...input.slice(0, observationSize), ...u.map(Math.tanh)]);
          expected.determinant.push(Math.abs(determinant(jacobian)));
          expected.logDensity.push(policyLogDensity(xi, u, jacobian, POLICY_DENSITY_GUARDS));
        }
      }
      expectClose(rows.flat(), expected.rows.flat(), TRANSCENDENTAL);
      expectClose(await gpu.read(out.determinant), expected.determinant, TRANSCENDENTAL);
      expectClose(await gpu.read(out.logDensity), expected.logDensity, TRANSCENDENTAL);
    },
  );

  test('of an affine network, which is one to one, integrates to one over the box', async () => {
    const side = 193; // points along an axis of the noise, which is cut at 4.8 deviations
    const sizes = { members: 1, observationSize: 1, actionSize: 2, latentSize: 2 };
    const spec = { ...sizes, hidden: [], activation: 'relu' as const };
    const { gpu, network, draw, density, rows, logDensity } = densityOf(spec, 1, side * side);
    randomiseParameters(gpu, network.mlp, 1, 0.5);
    const noise = Array.from({ length: side * side }, (_, i) =>
      [Math.floor(i / side), i % side].map((step) => Math.fround((step - (side - 1) / 2) / 20)),
    );
    writeRows(
      gpu,
      draw.pass.input,
      noise.map((xi) => [0.5, ...xi]),
    );
    await gpu.run(draw.pass.forward(), density);
    const actions = unpadRows(await gpu.read(rows), 3).map(([, x, y]) => [x!, y!] as const);
    const q = (await gpu.read(logDensity)).map(Math.exp);
    let integral = 0;
    for (let i = 0; i + 1 < side; i++) {
      for (let j = 0; j + 1 < side; j++) {
        // The image of a cell of the noise is a quadrilateral of actions, counted by its area and its corners' mean density.
        const corners = [i * side + j, (i + 1) * side + j, (i + 1) * side + j + 1, i * side + j + 1];
        const twice = corners.reduce((sum, corner, k) => {
          const [[x, y], [nextX, nextY]] = [actions[corner]!, actions[corners[(k + 1) % 4]!]!];
          return sum + x * nextY - nextX * y;
        }, 0);
        integral += (Math.abs(twice) / 2) * (corners.reduce((sum, corner) => sum + q[corner]!, 0) / 4);
      }
    }
    // The error falls with the square of the step in the noise, 0.05.
    expect(Math.abs(integral - 1)).toBeLessThan(5e-3);
  });

  test('stays finite where every unit is dead and where tanh is saturated', async () => {
    const sizes = { members: 1, observationSize: 1, actionSize: 2, latentSize: 2 };
    const spec = { ...sizes, hidden: [4], activation: 'relu' as const };
    const { gpu, network, draw, density, logDensity, ...out } = densityOf(spec, 2, 3);
    const { parameters } = network.mlp;
    const arrays = parameters.unpack(new Float32Array(parameters.size));
    // Units that live where the state is positive, and outputs of up to 400 there.
    const fill = { 'policy.0.weight': 100, 'policy.1.weight': 1 } as Record<string, number>;
    const filled = arrays.map(
      ({ name, data }) => [name, data.map((_, i) => (fill[name] ?? 0) * (i % 3 === 0 ? 1 : 0.5))] as const,
    );
    gpu.write(parameters.tensor, parameters.pack(new Map(filled)));
    const xi = [0.1, -0.2];
    const inputs = Array.from({ length: 6 }, (_, row) => [row % 2 === 0 ? -1 : 1, ...xi]);
    writeRows(gpu, draw.pass.input, inputs);
    await gpu.run(draw.pass.forward(), density);
    const values = await gpu.read(logDensity);
    expect(values.every(Number.isFinite)).toBe(true);
    expect([...(await gpu.read(out.determinant))].slice(0, 3)).toEqual([0, 0, 0]);
    const dead = policyLogDensity(
      xi,
      [0, 0],
      [
        [0, 0],
        [0, 0],
      ],
      POLICY_DENSITY_GUARDS,
    );
    expectClose(values.slice(0, 3), [dead, dead, dead], TRANSCENDENTAL);
    expect(unpadRows(await gpu.read(out.rows), 3).slice(3)).toEqual([1, 1, 1].map((one) => [one, 1, 1]));
  });

  test('needs noise of the size of the action', () => {
    const spec = { members: 1, observationSize: 1, actionSize: 2, latentSize: 3, hidden: [4] };
    const make = () => densityOf({ ...spec, activation: 'relu' }, 1, 1);
    expect(make).toThrow(UsageError);
    expect(make).toThrow(
      /^The proposal 'policy-jacobian' needs as many numbers of noise as the action has, 2, not 3/,
    );
  });
});
