// The oracles against finite differences, closed forms, integrals and the committed vectors.

import { describe, expect, test } from 'vitest';
import { numericGradient } from './oracles/differences.ts';
import type { OracleMlp } from './oracles/mlp.ts';
import { adamStart, adamStep, mlpBackward, mlpForward, parameterCount, polyak } from './oracles/mlp.ts';
import { levelReward, resetState, stepState } from './oracles/multigoal.ts';
import { Draws, normalPair, pcg4d, uniform } from './oracles/random.ts';
import {
  criticLoss,
  determinant,
  latticeActions,
  latticeRoot,
  logSumExp,
  logTanhSlope,
  mixtureLogDensity,
  policyLogDensity,
  softValue,
  tdTarget,
  uniformLogDensity,
} from './oracles/soft-value.ts';
import {
  mixtureOf,
  squashedMixtureLogDensity,
  stratifiedLoss,
  stratifiedNoise,
} from './oracles/squashed-mixture.ts';
import {
  energyDistance,
  kolmogorovSmirnov,
  normalDistribution,
  slicedWasserstein,
  uniformDistribution,
} from './oracles/statistics.ts';
import type { SteinKind } from './oracles/svgd.ts';
import { medianBandwidth, rbf, steinDirection, steinScore } from './oracles/svgd.ts';
import {
  entropy,
  mostEntropicPolicy,
  occupancy,
  optimalQ,
  pathSum,
  policyValues,
  qOf,
  randomDistribution,
  randomMdp,
  softValues,
  solveLinear,
  type Mdp,
} from './oracles/tabular.ts';
import type { SqlVectors } from './vectors/build.ts';
import { buildVectors, optimumVectors, smallVectors, wideVectors } from './vectors/build.ts';
import envFile from './vectors/env.json';
import optimumFile from './vectors/oracle.json';
import latticeFile from './vectors/r2.json';
import smallFile from './vectors/sql_small.json';
import wideFile from './vectors/sql_wide.json';

/** max |value - reference| / max |reference| over all numbers of two equally nested structures. */
function relativeError(value: readonly number[], reference: readonly number[]): number {
  expect(value.length).toBe(reference.length);
  let error = 0;
  let scale = 0;
  reference.forEach((expected, n) => {
    error = Math.max(error, Math.abs(value[n]! - expected));
    scale = Math.max(scale, Math.abs(expected));
  });
  return error / (scale || 1);
}

/** With steps of 1e-5 central differences of smooth functions of size 1 are good to about 1e-10; no less is asked. */
const DIFFERENCE_TOLERANCE = 1e-8;

function randomMlp(draws: Draws, sizes: number[], hidden: OracleMlp['hidden']): OracleMlp {
  return { sizes, hidden, parameters: draws.normals(parameterCount(sizes), 0.6) };
}

/** Midpoints of a grid of n by n cells over the square [-1, 1]^2. */
function gridActions(n: number): number[][] {
  const axis = Array.from({ length: n }, (_, k) => (2 * k + 1) / n - 1);
  return axis.flatMap((x) => axis.map((y) => [x, y]));
}

describe('network', () => {
  test('one layer is x W + b with W as (inputs, outputs)', () => {
    const mlp: OracleMlp = { sizes: [2, 3], hidden: 'relu', parameters: [1, 2, 3, 4, 5, 6, 10, 20, 30] };
    expect(mlpForward(mlp, [[1, -1]])).toEqual([[7, 17, 27]]);
  });

  test('hidden layers bend, the last does not', () => {
    const relu: OracleMlp = { sizes: [1, 2, 1], hidden: 'relu', parameters: [1, -1, 0, 0, 1, -3, -1] };
    expect(mlpForward(relu, [[2], [-2]])).toEqual([[1], [-7]]);
    const tanh: OracleMlp = { ...relu, hidden: 'tanh' };
    expect(mlpForward(tanh, [[2]])[0]![0]).toBeCloseTo(4 * Math.tanh(2) - 1, 14);
  });

  test.each(['relu', 'tanh'] as const)('gradients of a %s network are its finite differences', (hidden) => {
    const draws = new Draws(1);
    const mlp = randomMlp(draws, [3, 5, 4, 2], hidden);
    const x = draws.normalRows(4, 3);
    const outputGrad = draws.normalRows(4, 2);
    const objective = (parameters: ArrayLike<number>, rows: number[][]) =>
      mlpForward({ ...mlp, parameters }, rows)
        .flatMap((row, n) => row.map((value, o) => value * outputGrad[n]![o]!))
        .reduce((sum, value) => sum + value, 0);
    const { inputGrad, parameterGrad } = mlpBackward(mlp, x, outputGrad);
    const byParameters = numericGradient((theta) => objective(theta, x), mlp.parameters);
    expect(relativeError(parameterGrad, byParameters)).toBeLessThan(DIFFERENCE_TOLERANCE);
    const byInputs = numericGradient(
      (flat) =>
        objective(
          mlp.parameters,
          [0, 3, 6, 9].map((k) => flat.slice(k, k + 3)),
        ),
      x.flat(),
    );
    expect(relativeError(inputGrad.flat(), byInputs)).toBeLessThan(DIFFERENCE_TOLERANCE);
  });

  test('the wrong number of parameters is refused', () => {
    expect(() => mlpForward({ sizes: [2, 1], hidden: 'relu', parameters: [1, 2] }, [[0, 0]])).toThrow(
      'need 3 parameters',
    );
  });
});

describe('optimiser', () => {
  test('the first step of Adam has the size of the learning rate, epsilon outside the root', () => {
    const epsilon = 1e-3;
    const { theta } = adamStep(adamStart([1, 1, 1]), [4, -0.5, 0], { learningRate: 0.1, epsilon });
    expect(theta[0]).toBeCloseTo(1 - (0.1 * 4) / (4 + epsilon), 14);
    expect(theta[1]).toBeCloseTo(1 + (0.1 * 0.5) / (0.5 + epsilon), 14);
    expect(theta[2]).toBe(1);
  });

  test('the second step of Adam, worked out by hand', () => {
    const options = { learningRate: 1, beta1: 0.5, beta2: 0.75, epsilon: 0 };
    const state = adamStep(adamStep(adamStart([0]), [2], options), [1], options);
    // m: 1, then 1; v: 1, then 1. Corrections: 1 - 1/4 and 1 - 9/16.
    expect(state.m).toEqual([1]);
    expect(state.v).toEqual([1]);
    expect(state.theta[0]).toBeCloseTo(-1 - 1 / 0.75 / Math.sqrt(1 / 0.4375), 14);
    expect(state.t).toBe(2);
  });

  test('Polyak averaging mixes, and copies at tau = 1', () => {
    expect(polyak([0, 4], [1, 0], 0.25)).toEqual([0.25, 3]);
    expect(polyak([0, 4], [1, 0], 1)).toEqual([1, 0]);
  });
});

describe('kernel and bandwidth', () => {
  test('two fixed particles at 0 and one updated at 1: median 1, kappa 1/2, gradient log 2', () => {
    const h = medianBandwidth([[0], [0]], [[1]], 'code');
    const { value, xGrad } = rbf([0], [1], h);
    expect(h).toBeCloseTo(1 / Math.log(2), 14);
    expect(value).toBeCloseTo(0.5, 14);
    expect(xGrad[0]).toBeCloseTo(Math.log(2), 14);
  });

  test('the gradient of the kernel is its finite difference', () => {
    const [x, y] = new Draws(2).normalRows(2, 3);
    const numeric = numericGradient((at) => rbf(at, y!, 0.7).value, x!);
    expect(relativeError(rbf(x!, y!, 0.7).xGrad, numeric)).toBeLessThan(DIFFERENCE_TOLERANCE);
  });

  test('even counts take the lower median, each rule its own divisor', () => {
    const fixed = [[1], [2]]; // squared distances 1, 4, 16, 25 to 0 and 6
    const updated = [[0], [6]];
    expect(medianBandwidth(fixed, updated, 'code')).toBeCloseTo(4 / Math.log(2), 14);
    expect(medianBandwidth(fixed, updated, 'paper')).toBeCloseTo(4 / (2 * Math.log(3)), 14);
    expect(medianBandwidth(fixed, updated, 'plus-one')).toBeCloseTo(4 / Math.log(3), 14);
  });

  test('a single fixed particle and coinciding particles keep h positive', () => {
    expect(medianBandwidth([[0]], [[1], [2], [3]], 'code')).toBeCloseTo(4 / Math.log(2), 14);
    expect(medianBandwidth([[0], [0]], [[0]], 'code')).toBe(1e-3);
    expect(medianBandwidth([[0], [0]], [[0]], 'paper', 0.5)).toBe(0.5);
  });
});

describe('Stein direction', () => {
  const draws = new Draws(3);
  const temperature = 0.7;
  const critic = randomMlp(draws, [3, 6, 1], 'tanh');
  const q = (a: number[]) => mlpForward(critic, [a])[0]![0]!;
  const actionGradient = (a: number[]) => mlpBackward(critic, [a], [[1]]).inputGrad[0]!;
  const tanhRow = (u: number[]) => u.map(Math.tanh);
  const preTanhFixed = draws.normalRows(4, 3);
  const preTanhUpdated = draws.normalRows(5, 3);
  const gradients = preTanhFixed.map((u) => actionGradient(tanhRow(u)));
  const direction = (kind: SteinKind, options: { bandwidth?: number; repulsion?: boolean } = {}) =>
    steinDirection({
      kind,
      preTanhFixed,
      preTanhUpdated,
      actionGradient: gradients,
      temperature,
      bandwidth: 'code',
      ...options,
    });

  test.each(['tanh-kernel', 'raw'] as const)(
    'the score of %s is the gradient of the log density of u',
    (kind) => {
      const logDensity = (u: number[]) =>
        q(tanhRow(u)) / temperature + u.reduce((sum, entry) => sum + Math.log(1 - Math.tanh(entry) ** 2), 0);
      for (const u of preTanhFixed) {
        const score = steinScore(kind, u, actionGradient(tanhRow(u)), temperature);
        expect(relativeError(score, numericGradient(logDensity, u))).toBeLessThan(DIFFERENCE_TOLERANCE);
      }
    },
  );

  test('the score of released is the gradient by the action', () => {
    const logDensity = (a: number[]) =>
      q(a) / temperature + a.reduce((sum, entry) => sum + Math.log(1 - entry * entry + 1e-6), 0);
    const u = [0.3, -0.8, 0.1];
    const score = steinScore('released', u, actionGradient(tanhRow(u)), temperature);
    expect(relativeError(score, numericGradient(logDensity, tanhRow(u)))).toBeLessThan(DIFFERENCE_TOLERANCE);
  });

  test.each(['tanh-kernel', 'raw', 'released'] as const)(
    '%s is the mean of kernel times score plus the gradient of the kernel by the fixed particle',
    (kind) => {
      const { direction: phi, h } = direction(kind);
      // The same sum, with the kernel differentiated numerically in the coordinates in which the direction is stated.
      const place = (u: number[]) => (kind === 'raw' ? u : tanhRow(u));
      preTanhUpdated.forEach((ui, i) => {
        const expected = ui.map((_, d) => {
          const terms = preTanhFixed.map((uj, j) => {
            const kappa = rbf(place(uj), place(ui), h).value;
            const push =
              kind === 'released'
                ? numericGradient((a) => rbf(a, tanhRow(ui), h).value, tanhRow(uj))[d]!
                : numericGradient((u) => rbf(place(u), place(ui), h).value, uj)[d]!;
            const sum = kappa * steinScore(kind, uj, gradients[j]!, temperature)[d]! + push;
            return kind === 'released' ? sum * (1 - Math.tanh(ui[d]!) ** 2) : sum;
          });
          return terms.reduce((sum, term) => sum + term, 0) / terms.length;
        });
        expect(relativeError(phi[i]!, expected)).toBeLessThan(DIFFERENCE_TOLERANCE);
      });
    },
  );

  test('distances are taken between actions, and between u for raw', () => {
    expect(direction('raw').h).toBe(medianBandwidth(preTanhFixed, preTanhUpdated, 'code'));
    const inActions = medianBandwidth(preTanhFixed.map(tanhRow), preTanhUpdated.map(tanhRow), 'code');
    expect(direction('tanh-kernel').h).toBe(inActions);
    expect(direction('released').h).toBe(inActions);
    expect(direction('raw', { bandwidth: 0.3 }).h).toBe(0.3);
  });

  test('without repulsion and with a wide kernel every particle follows the mean score', () => {
    const { direction: phi } = direction('raw', { bandwidth: 1e12, repulsion: false });
    const scores = preTanhFixed.map((u, j) => steinScore('raw', u, gradients[j]!, temperature));
    const mean = [0, 1, 2].map((d) => scores.reduce((sum, score) => sum + score[d]!, 0) / scores.length);
    for (const row of phi) expect(relativeError(row, mean)).toBeLessThan(1e-10);
  });

  test('repulsion pushes an updated particle away from a fixed one', () => {
    const two = (kind: SteinKind, repulsion: boolean) =>
      steinDirection({
        kind,
        preTanhFixed: [[0]],
        preTanhUpdated: [[0.2]],
        actionGradient: [[0]],
        temperature,
        bandwidth: 0.5,
        repulsion,
      }).direction[0]![0]!;
    for (const kind of ['tanh-kernel', 'raw', 'released'] as const) {
      expect(two(kind, true)).toBeGreaterThan(0);
      expect(two(kind, false)).toBeCloseTo(0, 15);
    }
  });

  test.each(['tanh-kernel', 'raw'] as const)('%s vanishes on average over the density it aims at', (kind) => {
    // u logistic-like in one dimension: the density of u is exp(Q(tanh u) / alpha) (1 - tanh^2 u) / Z, Q linear in a.
    const slope = 0.9;
    const points = Array.from({ length: 4001 }, (_, k) => (k - 2000) / 200);
    const weights = points.map(
      (u) => Math.exp((slope * Math.tanh(u)) / temperature) * (1 - Math.tanh(u) ** 2),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const average = points.reduce((sum, u, k) => {
      const { direction: phi } = steinDirection({
        kind,
        preTanhFixed: [[u]],
        preTanhUpdated: [[0.4]],
        actionGradient: [[slope]],
        temperature,
        bandwidth: 0.6,
      });
      return sum + (phi[0]![0]! * weights[k]!) / total;
    }, 0);
    // The tails cut off at |u| = 10 weigh about exp(-20).
    expect(Math.abs(average)).toBeLessThan(1e-7);
  });
});

describe('soft value', () => {
  test('a constant Q gives itself plus the entropy of the box', () => {
    const v = softValue([3, 3, 3, 3, 3], uniformLogDensity(4), 0.5);
    expect(v).toBeCloseTo(3 + 0.5 * 4 * Math.log(2), 14);
  });

  test('large values at a small temperature neither overflow nor vanish', () => {
    expect(softValue([-4000, -4000.5], 0, 1e-3)).toBeCloseTo(-4000 - 1e-3 * Math.log(2), 9);
    expect(logSumExp([-Infinity, -Infinity])).toBe(-Infinity);
  });

  test('a fine grid reproduces the integral of exp(Q / alpha)', () => {
    const alpha = 0.8;
    const [b, c] = [1.3, -0.4];
    const qs = gridActions(200).map(([x, y]) => b * x! + c * y!);
    const side = (k: number) => (2 * Math.sinh(k / alpha)) / (k / alpha);
    const exact = alpha * Math.log(side(b) * side(c));
    expect(softValue(qs, uniformLogDensity(2), alpha)).toBeCloseTo(exact, 4);
  });

  test('a proposal equal to the optimal policy has no variance', () => {
    const alpha = 0.8;
    const qs = [0.3, -2, 1.7];
    const v = 1.234;
    const logDensities = qs.map((q) => (q - v) / alpha);
    expect(softValue(qs, logDensities, alpha)).toBeCloseTo(v, 14);
  });

  test('targets bootstrap unless the episode terminated', () => {
    const transition = { reward: -20, nextValue: 3, discount: 0.9, rewardScale: 0.1 };
    expect(tdTarget({ ...transition, terminated: false })).toBeCloseTo(0.7, 14);
    expect(tdTarget({ ...transition, terminated: 1 })).toBeCloseTo(-2, 14);
  });

  test('the gradient of the loss, by Q and by the critic, is its finite difference', () => {
    const draws = new Draws(4);
    const critic = randomMlp(draws, [4, 5, 5, 1], 'relu');
    const rows = draws.normalRows(6, 4);
    const targets = draws.normals(6);
    const loss = (parameters: ArrayLike<number>) =>
      criticLoss(
        mlpForward({ ...critic, parameters }, rows).map((row) => row[0]!),
        targets,
      ).loss;
    const q = mlpForward(critic, rows).map((row) => row[0]!);
    const { valueGrad } = criticLoss(q, targets);
    expect(
      relativeError(
        valueGrad,
        numericGradient((values) => criticLoss(values, targets).loss, q),
      ),
    ).toBeLessThan(DIFFERENCE_TOLERANCE);
    const { parameterGrad } = mlpBackward(
      critic,
      rows,
      valueGrad.map((value) => [value]),
    );
    expect(relativeError(parameterGrad, numericGradient(loss, critic.parameters))).toBeLessThan(
      DIFFERENCE_TOLERANCE,
    );
  });
});

describe('proposals', () => {
  test('the lattice rests on the golden ratio, the plastic number and their successors', () => {
    expect(latticeRoot(1)).toBeCloseTo((1 + Math.sqrt(5)) / 2, 14);
    expect(1 / latticeRoot(2)).toBeCloseTo(0.7548776662466927, 15);
    expect(1 / latticeRoot(2) ** 2).toBeCloseTo(0.5698402909980532, 15);
    for (const size of [3, 8]) {
      const g = latticeRoot(size);
      expect(g).toBeGreaterThan(1);
      expect(g ** (size + 1)).toBeCloseTo(g + 1, 13);
    }
  });

  test('lattice points start at k = 1, stay in the box and fill it evenly', () => {
    const actions = latticeActions([0, 0, 0], 512, 3);
    const g = latticeRoot(3);
    expect(actions[0]![1]).toBeCloseTo(2 * g ** -2 - 1, 14);
    expect(actions.flat().every((value) => value >= -1 && value < 1)).toBe(true);
    // Half of what independent points come to on average, 0.87 / sqrt(512).
    for (const axis of [0, 1, 2]) {
      const column = actions.map((action) => action[axis]!);
      expect(kolmogorovSmirnov(column, (t) => uniformDistribution(t, -1, 1))).toBeLessThan(0.019);
    }
  });

  test('log(1 - tanh^2) agrees with its definition and survives saturation', () => {
    for (const u of [-3, -0.2, 0, 1.5])
      expect(logTanhSlope(u)).toBeCloseTo(Math.log(1 - Math.tanh(u) ** 2), 12);
    expect(logTanhSlope(400)).toBeCloseTo(2 * Math.log(2) - 800, 10);
  });

  test('the mixture integrates to one over the box', () => {
    const centres = [
      [0.2, -0.5],
      [-0.7, 0.4],
    ];
    const n = 160;
    const mass = gridActions(n).reduce(
      (sum, action) => sum + Math.exp(mixtureLogDensity(action.map(Math.atanh), centres, 0.3)) * (2 / n) ** 2,
      0,
    );
    expect(mass).toBeCloseTo(1, 6);
  });

  test('far from the centres and far out the mixture is half the uniform density', () => {
    expect(mixtureLogDensity([-6, 6], [[3, -3]], 0.1)).toBeCloseTo(Math.log(0.5) - 2 * Math.log(2), 14);
    // At a centre far out the kernel dominates: log[(1/2) N(0; 0, h^2) / (1 - a^2)].
    const atCentre = Math.log(0.5) - Math.log(0.1 * Math.sqrt(2 * Math.PI)) - logTanhSlope(40);
    expect(mixtureLogDensity([40], [[40]], 0.1)).toBeCloseTo(atCentre, 12);
  });

  test('determinants, with and without a row exchange', () => {
    const symmetric = [
      [2, 1, 0],
      [1, 3, 1],
      [0, 1, 4],
    ];
    expect(determinant([[3]])).toBe(3);
    expect(
      determinant([
        [0, 2],
        [5, 7],
      ]),
    ).toBe(-10);
    expect(determinant(symmetric)).toBeCloseTo(18, 13);
    expect(
      determinant([
        [1, 2],
        [2, 4],
      ]),
    ).toBe(0);
  });

  test('the density of a linear sampling network integrates to one over the box', () => {
    const jacobian = [
      [0.4, 0.15],
      [-0.1, 0.3],
    ];
    const [[a, b], [c, d]] = jacobian as [[number, number], [number, number]];
    const n = 120;
    const mass = gridActions(n).reduce((sum, action) => {
      const u = action.map(Math.atanh) as [number, number];
      const noise = [(d * u[0] - b * u[1]) / (a * d - b * c), (a * u[1] - c * u[0]) / (a * d - b * c)];
      return sum + Math.exp(policyLogDensity(noise, u, jacobian)) * (2 / n) ** 2;
    }, 0);
    expect(mass).toBeCloseTo(1, 8);
  });
});

describe('squashed mixture', () => {
  const draws = new Draws(61);

  test.each([1, 4])(
    'the density of %i Gaussians integrates to one over the box, logits unnormalised',
    (c) => {
      const logDeviations = draws.normals(2 * c, 0.3).map((x) => x - 1);
      const mixture = mixtureOf([...draws.normals(c), ...draws.normals(2 * c, 0.7), ...logDeviations], c, 2);
      const n = 400;
      const mass = gridActions(n).reduce(
        (sum, a) => sum + Math.exp(squashedMixtureLogDensity(mixture, a.map(Math.atanh))) * (2 / n) ** 2,
        0,
      );
      // The midpoint rule, on a density that falls steeply at the walls.
      expect(mass).toBeCloseTo(1, 5);
    },
  );

  test('a row is logits, means, logs of deviations, and the last are clamped to -5 and 2', () => {
    const { weights, means, deviations } = mixtureOf([0, Math.log(3), 1, 2, 3, 4, -9, 0, 2, 7], 2, 2);
    expect(weights[0]).toBeCloseTo(0.25, 14);
    expect(means).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(deviations).toEqual([
      [Math.exp(-5), 1],
      [Math.exp(2), Math.exp(2)],
    ]);
  });

  test('the stratified loss and entropy are the integrals that they estimate', () => {
    const mixture = mixtureOf([0, 1, -0.8, 0.5, -0.5, -1], 2, 1);
    const q = ([a]: number[]) => Math.sin(3 * a!);
    const alpha = 0.7;
    const integrals = Array.from({ length: 20_000 }, (_, k) => (2 * k + 1) / 20_000 - 1).reduce(
      (sum, a) => {
        const log = squashedMixtureLogDensity(mixture, [Math.atanh(a)]);
        const mass = Math.exp(log) * 1e-4;
        return { loss: sum.loss + mass * (alpha * log - q([a])), entropy: sum.entropy - mass * log };
      },
      { loss: 0, entropy: 0 },
    );
    const u = draws
      .normalRows(20_000, 1)
      .map(([eps], i) => [mixture.means[i % 2]![0]! + mixture.deviations[i % 2]![0]! * eps!]);
    const { loss, entropy } = stratifiedLoss(mixture, stratifiedNoise(mixture, u), alpha, q);
    // Four standard errors of a mean of 20,000 numbers whose deviation is about 1.
    expect(Math.abs(loss - integrals.loss)).toBeLessThan(4 / Math.sqrt(20_000));
    expect(Math.abs(entropy - integrals.entropy)).toBeLessThan(4 / Math.sqrt(20_000));
  });
});

describe('multi-goal environment', () => {
  test('episodes start near the origin, inside the box', () => {
    expect(resetState([1, -2])).toEqual([0.1, -0.2]);
    expect(resetState([100, -100])).toEqual([7, -7]);
  });

  test('actions are clipped before they move and before they cost', () => {
    const { nextState, reward, terminated, nearest } = stepState([0, 0], [3, -0.5]);
    expect(nextState).toEqual([1, -0.5]);
    expect(reward).toBeCloseTo(-30 * 1.25 - 16.25, 12);
    expect(terminated).toBe(false);
    expect(nearest).toBe(0);
  });

  test('arrival is judged on the clipped next state, strictly within squared distance 1', () => {
    expect(stepState([-4.5, 0], [-0.25, 0])).toEqual({
      nextState: [-4.75, 0],
      reward: -30 * 0.0625 - 0.0625 + 10,
      terminated: true,
      nearest: 1,
    });
    expect(stepState([0, 4], [0, 0]).terminated).toBe(false);
    expect(stepState([6.5, 0], [1, 0]).nextState).toEqual([7, 0]);
  });

  test('noise is scaled and added before the state is clipped', () => {
    expect(stepState([0, -6.5], [0, 0], [2, -4], 0.25).nextState).toEqual([0.5, -7]);
  });

  test('the level reward is the reward of standing there', () => {
    for (const position of [
      [0, 0],
      [4.5, 0.25],
      [-3, 6],
    ]) {
      expect(levelReward(position)).toBe(stepState(position, [0, 0]).reward);
    }
  });
});

describe('finite processes', () => {
  /** One state; action 0 stays, action 1 ends. */
  const stayOrEnd: Mdp = {
    transitions: [[[1], [1]]],
    rewards: [[0.5, 2]],
    terminates: [[0, 1]],
    available: [[true, true]],
    discount: 0.9,
  };

  test('elimination solves a system that needs a row exchange', () => {
    expect(
      solveLinear(
        [
          [0, 2],
          [4, 1],
        ],
        [6, 11],
      ),
    ).toEqual([2, 3]);
  });

  test('one state that may end: Q of staying is r + discount V, of ending r, V their soft maximum', () => {
    const [[stay, end]] = optimalQ(stayOrEnd, 2) as [[number, number]];
    const value = 2 * Math.log(Math.exp(stay / 2) + Math.exp(end / 2));
    expect(end).toBe(2);
    expect(stay).toBeCloseTo(0.5 + 0.9 * value, 12);
    expect(softValues(stayOrEnd, [[stay, end]], 2)[0]).toBeCloseTo(value, 12);
  });

  test('the most entropic policy of that state has the odds exp(0.9 W), W = log(1 + exp(0.9 W))', () => {
    let w = 0;
    for (let n = 0; n < 1000; n++) w = Math.log1p(Math.exp(0.9 * w));
    // Ternary search finds an argument to the root of what float64 shows of a maximum.
    expect(mostEntropicPolicy(stayOrEnd, 400)[0]![0]).toBeCloseTo(Math.exp(0.9 * w - w), 6);
  });

  test('values by elimination are the sums along paths, and the start’s value is what its occupancy earns', () => {
    const draws = new Draws(51);
    const mdp = randomMdp(draws, { states: 4, actions: 3, discount: 0.7, terminal: 0.3 });
    const policy = Array.from({ length: 4 }, () => randomDistribution(draws, 3));
    const values = policyValues(mdp, policy, 1.5);
    expect(relativeError(pathSum(mdp, policy, 1.5, 200).flat(), qOf(mdp, values).flat())).toBeLessThan(1e-12);
    const start = randomDistribution(draws, 4);
    const earned = occupancy(mdp, policy, start).reduce(
      (sum, mass, s) =>
        sum +
        mass * (policy[s]!.reduce((r, p, a) => r + p * mdp.rewards[s]![a]!, 0) + 1.5 * entropy(policy[s]!)),
      0,
    );
    expect(earned).toBeCloseTo(
      start.reduce((sum, p, s) => sum + p * values[s]!, 0),
      12,
    );
  });
});

describe('random numbers', () => {
  test('pcg4d gives the words of a separate implementation', () => {
    expect(pcg4d(0, 0, 0, 0)).toEqual([251852841, 760645481, 850445371, 3542436074]);
    expect(pcg4d(1, 2, 3, 4)).toEqual([908250390, 4044648920, 3775961919, 45698095]);
    expect(pcg4d(0xffffffff, 0x80000000, 12345, 0xdeadbeef)).toEqual([
      1353274673, 343531473, 521324226, 649344038,
    ]);
  });

  test('uniform numbers have 24 bits and stay below 1; the normal pair is finite at every word', () => {
    expect(uniform(0xff)).toBe(0);
    expect(uniform(0xffffffff)).toBe(1 - 2 ** -24);
    const [x, y] = normalPair(0, 0x40000000); // u1 = 2^-24, a quarter turn
    expect(x).toBeCloseTo(0, 12);
    expect(y).toBeCloseTo(Math.sqrt(48 * Math.log(2)), 12);
    expect(normalPair(0xffffffff, 0).map(Math.abs)).toEqual([0, 0]);
  });

  test('draws follow their laws', () => {
    const count = 8000;
    // 1.95 / sqrt(n) is the 0.1 % point of the Kolmogorov-Smirnov statistic.
    const limit = 1.95 / Math.sqrt(count);
    const draws = new Draws(5);
    const uniforms = Array.from({ length: count }, () => draws.uniform());
    expect(kolmogorovSmirnov(uniforms, uniformDistribution)).toBeLessThan(limit);
    const pairs = Array.from({ length: count }, (_, k) => {
      const bits = pcg4d(k, 7, 1, 9);
      return normalPair(bits[0], bits[1]);
    });
    for (const side of [0, 1] as const) {
      const column = pairs.map((pair) => pair[side]);
      expect(kolmogorovSmirnov(column, normalDistribution)).toBeLessThan(limit);
    }
    const product = pairs.reduce((sum, [x, y]) => sum + x * y, 0) / count;
    expect(Math.abs(product)).toBeLessThan(4 / Math.sqrt(count));
  });
});

describe('statistics', () => {
  test('the normal distribution function at known points', () => {
    expect(normalDistribution(0)).toBe(0.5);
    expect(normalDistribution(1.959963984540054)).toBeCloseTo(0.975, 14);
    expect(normalDistribution(-1)).toBeCloseTo(0.15865525393145707, 14);
    expect(normalDistribution(-9)).toBe(0);
  });

  test('the Kolmogorov-Smirnov statistic of a small sample', () => {
    expect(kolmogorovSmirnov([0.5], uniformDistribution)).toBe(0.5);
    expect(kolmogorovSmirnov([0.8, 0.9], uniformDistribution)).toBeCloseTo(0.8, 14);
  });

  test('distances between samples see a shift and little else', () => {
    const draws = new Draws(6);
    const x = draws.normalRows(300, 2);
    const y = draws.normalRows(300, 2);
    const far = y.map(([first, second]) => [first! + 3, second!]);
    expect(Math.abs(energyDistance(x, y))).toBeLessThan(0.03);
    expect(energyDistance(x, far)).toBeGreaterThan(1);
    // A shift by t moves every projection by t |cos|, whose mean over directions is 2 t / pi.
    const shifted = x.map(([first, second]) => [first! + 3, second!]);
    expect(slicedWasserstein(x, shifted)).toBeCloseTo(6 / Math.PI, 2);
    expect(() => slicedWasserstein(x, y.slice(1))).toThrow('equal size');
  });
});

describe('committed vectors', () => {
  /** Every number of a nested structure with the path that leads to it. */
  function leaves(value: unknown, path = ''): [string, unknown][] {
    if (typeof value !== 'object' || value === null) return [[path, value]];
    return Object.entries(value).flatMap(([key, entry]) => leaves(entry, `${path}.${key}`));
  }
  const files: Record<string, unknown> = {
    'sql_small.json': smallFile,
    'sql_wide.json': wideFile,
    'env.json': envFile,
    'r2.json': latticeFile,
  };
  const built = buildVectors();
  const updates: [string, SqlVectors][] = [
    ['sql_small.json', smallVectors()],
    ['sql_wide.json', wideVectors()],
  ];

  test.each(Object.keys(files))('%s is what the oracles give', (name) => {
    const committed = leaves(files[name]);
    const fresh = leaves(built[name]);
    expect(committed.map(([path]) => path)).toEqual(fresh.map(([path]) => path));
    const different = fresh.filter(([, value], n) => {
      const other = committed[n]![1];
      if (typeof value !== 'number' || typeof other !== 'number') return value !== other;
      // Engines may differ in the last digits of exp, log and tanh.
      return Math.abs(value - other) > 1e-11 * Math.max(1, Math.abs(value));
    });
    expect(different).toEqual([]);
  });

  test('oracle.json is what the oracle tends to on finer grids', () => {
    const coarse = optimumVectors(16, 100);
    expect(coarse.map((entry) => ({ ...entry, V: [], H: [], Q: [] }))).toEqual(
      optimumFile.map((entry) => ({ ...entry, V: [], H: [], Q: [] })),
    );
    const gaps = (name: 'V' | 'H' | 'Q') =>
      coarse.flatMap((entry, e) => entry[name].map((one, i) => Math.abs(one - optimumFile[e]![name][i]!)));
    // The error at 1/16 is sixteen times that of the committed 1/64.
    expect(Math.max(...gaps('V'), ...gaps('Q'))).toBeLessThan(0.05);
    expect(Math.max(...gaps('H'))).toBeLessThan(0.01);
    const inputs = optimumFile.flatMap(({ states, actions }) => [...states, ...actions]).flat();
    expect(inputs.filter((value) => Math.fround(value) !== value)).toEqual([]);
  });

  test.each(updates)('%s keeps clear of kinks, ties and singular Jacobians', (_, vectors) => {
    expect(vectors.margins.min_abs_preactivation).toBeGreaterThan(5e-4);
    expect(vectors.margins.median_gap).toBeGreaterThan(5e-4);
    expect(Math.min(...vectors.value_policy.absdet.flat())).toBeGreaterThan(1e-4);
    expect(vectors.done).toContain(0);
    expect(vectors.done).toContain(1);
  });

  test.each(updates)('%s has inputs that float32 holds', (_, vectors) => {
    const { theta_q, theta_q_target, theta_pi, s, a, r_raw, s2, value_uniform, value_policy, svgd, adam } =
      vectors;
    const inputs = [
      [theta_q, theta_q_target, theta_pi, r_raw, adam.grad],
      [s, a, s2].flat(),
      [value_uniform.actions, value_policy.xi, svgd.xi].flat(2),
    ].flat(2);
    expect(inputs.filter((value) => Math.fround(value) !== value)).toEqual([]);
  });

  test.each(updates)('%s: loss gradients are finite differences of the losses', (_, vectors) => {
    const { sizes_q, sizes_pi, s, a, svgd, critic } = vectors;
    const rows = s.map((state, b) => [...state, ...a[b]!]);
    const loss = (parameters: number[]) => {
      const q = mlpForward({ sizes: sizes_q, hidden: 'relu', parameters }, rows).map((row) => row[0]!);
      return criticLoss(q, critic.y).loss;
    };
    expect(relativeError(critic.grad, numericGradient(loss, vectors.theta_q))).toBeLessThan(
      DIFFERENCE_TOLERANCE,
    );

    // phi held fixed, the actor's loss is -(1 / (B Ku)) sum phi . u.
    const { phi_u, actor_grad } = svgd['tanhk/ref'];
    const surrogate = (parameters: number[]) =>
      phi_u
        .flatMap((phi, b) => {
          const inputs = svgd.xi[b]!.slice(svgd.Kf).map((xi) => [...s[b]!, ...xi]);
          const u = mlpForward({ sizes: sizes_pi, hidden: 'relu', parameters }, inputs);
          return phi.flatMap((row, i) => row.map((value, d) => -value * u[i]![d]!));
        })
        .reduce((sum, value) => sum + value, 0) /
      (s.length * svgd.Ku);
    expect(relativeError(actor_grad, numericGradient(surrogate, vectors.theta_pi))).toBeLessThan(
      DIFFERENCE_TOLERANCE,
    );
  });
});
