// The project's own test vectors, computed by the oracles. README.md beside this file explains every key.

import type { OracleMlp } from '../oracles/mlp.ts';
import {
  adamStart,
  adamStep,
  mlpBackward,
  mlpForward,
  mlpPreactivations,
  parameterCount,
  polyak,
} from '../oracles/mlp.ts';
import { stepState } from '../oracles/multigoal.ts';
import { OracleOptimum } from '../oracles/optimum.ts';
import { Draws } from '../oracles/random.ts';
import {
  POLICY_DENSITY_GUARDS,
  criticLoss,
  determinant,
  latticeActions,
  latticeRoot,
  policyLogDensity,
  softValue,
  tdTarget,
  uniformLogDensity,
} from '../oracles/soft-value.ts';
import type { BandwidthRule, SteinKind } from '../oracles/svgd.ts';
import { lowerMedianIndex, sortedSquaredDistances, steinDirection } from '../oracles/svgd.ts';

/** A vector, (n). */
export type Row = number[];
/** A matrix, row by row. */
export type Rows = number[][];
/** One matrix per state. */
export type Particles = number[][][];

/** Bandwidth (B), direction in u (B, Ku, A) and gradient of the actor's loss (P_pi) of one Stein direction. */
export interface SteinVectors {
  h: Row;
  phi_u: Particles;
  actor_grad: Row;
}

/** A direction's name and a bandwidth rule's name, as the files write them. */
export type SteinKey = `${'ref' | 'tanhk' | 'raw'}/${'ref' | 'k1'}`;

/** What `sql_*.json` holds: one soft Q-learning update. S, A, B, Kv, Kf, Ku follow from the shapes. */
export interface SqlVectors {
  hidden: number;
  sizes_q: Row;
  sizes_pi: Row;
  gamma: number;
  alpha: number;
  reward_scale: number;
  theta_q: Row;
  theta_q_target: Row;
  theta_pi: Row;
  s: Rows;
  a: Rows;
  r_raw: Row;
  s2: Rows;
  done: Row;
  q_forward: Row;
  value_uniform: { actions: Particles; q: Rows; V: Row };
  value_policy: { xi: Particles; actions: Particles; absdet: Rows; logq: Rows; V: Row };
  critic: { y: Row; loss: number; grad: Row };
  svgd: { xi: Particles; Kf: number; Ku: number; u: Particles; a: Particles; dQda_fixed: Particles } & Record<
    SteinKey,
    SteinVectors
  >;
  margins: { min_abs_preactivation: number; median_gap: number };
  svgd_shared: { dQda: Particles } & SteinVectors;
  adam: {
    lr: number;
    b1: number;
    b2: number;
    eps: number;
    grad: Row;
    theta_after_1: Row;
    theta_after_2: Row;
  };
  polyak: { tau: number; target_after: Row };
}

/** What `env.json` holds under each `sigma=...` key: next states (N, 2), rewards, flags and goal indices (N). */
export interface StepVectors {
  s2: Rows;
  r: Row;
  done: Row;
  nearest: Row;
}

/** What `env.json` holds: inputs (N, 2) and the outcome of each noise level. */
export interface EnvVectors {
  s: Rows;
  a: Rows;
  eps: Rows;
  note: string;
  'sigma=0.0': StepVectors;
  'sigma=0.25': StepVectors;
}

/** What `r2.json` holds: the lattice's root, shifts (n, A) and shifted points (n, count, A). */
export interface LatticeVectors {
  g: number;
  shift: Rows;
  actions: Particles;
}

/** One entry of `oracle.json`: V, H and Q (n) at states and actions (n, 2), in raw reward units and nats. */
export interface OptimumVectors {
  alpha: number;
  gamma: number;
  sigma: number;
  states: Rows;
  V: Row;
  H: Row;
  actions: Rows;
  Q: Row;
  unit: string;
}

/** Sizes and settings of one `sql_*.json`. */
interface SqlSettings {
  seed: number;
  batch: number;
  observation: number;
  action: number;
  hidden: number;
  valueParticles: number;
  fixed: number;
  updated: number;
  gamma: number;
  alpha: number;
  rewardScale: number;
  /** Whether (s, a, r, s', done) come from the multi-goal environment. */
  multiGoal: boolean;
}

const KINDS: Record<string, SteinKind> = { ref: 'released', tanhk: 'tanh-kernel', raw: 'raw' };
const RULES: Record<string, BandwidthRule> = { ref: 'code', k1: 'plus-one' };

const round = (rows: Rows): Rows => rows.map((row) => row.map(Math.fround));
const join = (state: Row, rows: Rows): Rows => rows.map((row) => [...state, ...row]);
const firstColumn = (rows: Rows): Row => rows.map((row) => row[0]!);
const tanhAll = (particles: Particles): Particles =>
  particles.map((rows) => rows.map((row) => row.map(Math.tanh)));

function randomMlp(draws: Draws, sizes: Row): OracleMlp {
  const parameters: Row = [];
  for (let layer = 1; layer < sizes.length; layer++) {
    const [inputs, outputs] = [sizes[layer - 1]!, sizes[layer]!];
    const limit = Math.sqrt(6 / (inputs + outputs));
    parameters.push(...draws.uniformRows(inputs, outputs, -limit, limit).flat());
    parameters.push(...draws.uniformRows(1, outputs, -0.3, 0.3).flat());
  }
  if (parameters.length !== parameterCount(sizes)) throw new Error('wrong number of parameters');
  return { sizes, hidden: 'relu', parameters: parameters.map(Math.fround) };
}

/** Distance from the lower median of the squared distances to its two neighbours. */
function medianGap(fixed: Rows, updated: Rows): number {
  const sorted = sortedSquaredDistances(fixed, updated);
  const middle = lowerMedianIndex(sorted.length);
  return Math.min(sorted[middle + 1]! - sorted[middle]!, sorted[middle]! - sorted[middle - 1]!);
}

/** One soft Q-learning update, every intermediate kept. */
function sqlVectors(settings: SqlSettings): SqlVectors {
  const { batch, observation, action, hidden, valueParticles, fixed, updated, gamma, alpha, rewardScale } =
    settings;
  const draws = new Draws(settings.seed);
  const sizesQ = [observation + action, hidden, hidden, 1];
  const sizesPi = [observation + action, hidden, hidden, action];
  const critic = randomMlp(draws, sizesQ);
  const target = randomMlp(draws, sizesQ);
  const actor = randomMlp(draws, sizesPi);

  const s = round(draws.uniformRows(batch, observation, -4.5, 4.5));
  const a = round(draws.uniformRows(batch, action, -1, 1));
  const steps = settings.multiGoal
    ? s.map((state, b) => stepState(state, a[b]!))
    : s.map((state, b) => ({
        nextState: state.map((value) => value + draws.normal(0, 0.5)),
        reward: draws.normal(0, 2),
        terminated: b === batch - 1,
      }));
  const s2 = round(steps.map((step) => step.nextState));
  const reward = steps.map((step) => Math.fround(step.reward));
  const done = steps.map((step) => Number(step.terminated));
  const perState = (make: () => Rows): Particles => s.map(() => round(make()));
  const valueActions = perState(() => draws.uniformRows(valueParticles, action, -1, 1));
  const valueNoise = perState(() => draws.normalRows(valueParticles, action));
  const noise = perState(() => draws.normalRows(fixed + updated, action));

  // Critic.
  const stateActions = s.map((state, b) => [...state, ...a[b]!]);
  const qForward = firstColumn(mlpForward(critic, stateActions));
  const valueQ = valueActions.map((rows, b) => firstColumn(mlpForward(target, join(s2[b]!, rows))));
  const values = valueQ.map((q) => softValue(q, uniformLogDensity(action), alpha));
  const y = values.map((nextValue, b) =>
    tdTarget({ reward: reward[b]!, terminated: done[b]!, nextValue, discount: gamma, rewardScale }),
  );
  const { loss, valueGrad } = criticLoss(qForward, y);
  const criticGrad = mlpBackward(
    critic,
    stateActions,
    valueGrad.map((value) => [value]),
  ).parameterGrad;

  // The policy as the proposal of the soft value.
  const policyU = valueNoise.map((rows, b) => mlpForward(actor, join(s2[b]!, rows)));
  const policyActions = tanhAll(policyU);
  const jacobians = valueNoise.map((rows, b) =>
    join(s2[b]!, rows).map((input) =>
      Array.from({ length: action }, (_, d) => {
        const unit = Array.from({ length: action }, (__, other) => Number(other === d));
        return mlpBackward(actor, [input], [unit]).inputGrad[0]!.slice(observation);
      }),
    ),
  );
  const logq = valueNoise.map((rows, b) =>
    rows.map((xi, k) => policyLogDensity(xi, policyU[b]![k]!, jacobians[b]![k]!, POLICY_DENSITY_GUARDS)),
  );
  const policyQ = policyActions.map((rows, b) => firstColumn(mlpForward(target, join(s2[b]!, rows))));

  // Actor: particles, dQ/da, Stein directions and their gradients.
  const actorRows = noise.flatMap((rows, b) => join(s[b]!, rows));
  const u = noise.map((rows, b) => mlpForward(actor, join(s[b]!, rows)));
  const actions = tanhAll(u);
  const actionGradient = actions.map((rows, b) =>
    mlpBackward(
      critic,
      join(s[b]!, rows),
      rows.map(() => [1]),
    ).inputGrad.map((row) => row.slice(observation)),
  );
  const stein = (kind: SteinKind, rule: BandwidthRule, shared: boolean): SteinVectors => {
    const results = u.map((rows, b) =>
      steinDirection({
        kind,
        preTanhFixed: shared ? rows : rows.slice(0, fixed),
        preTanhUpdated: shared ? rows : rows.slice(fixed),
        actionGradient: shared ? actionGradient[b]! : actionGradient[b]!.slice(0, fixed),
        temperature: alpha,
        bandwidth: rule,
      }),
    );
    const moved = shared ? fixed + updated : updated;
    const still = Array.from({ length: fixed + updated - moved }, () => new Array<number>(action).fill(0));
    const uGrad = results.flatMap(({ direction }) => [
      ...still,
      ...direction.map((row) => row.map((value) => -value / (batch * moved))),
    ]);
    return {
      h: results.map((result) => result.h),
      phi_u: results.map((result) => result.direction),
      actor_grad: mlpBackward(actor, actorRows, uGrad).parameterGrad,
    };
  };
  const directions = Object.fromEntries(
    Object.entries(KINDS).flatMap(([kindName, kind]) =>
      Object.entries(RULES).map(([ruleName, rule]) => [`${kindName}/${ruleName}`, stein(kind, rule, false)]),
    ),
  ) as Record<SteinKey, SteinVectors>;

  const evaluations: [OracleMlp, Rows][] = [
    [critic, stateActions],
    [critic, actions.flatMap((rows, b) => join(s[b]!, rows))],
    [target, valueActions.flatMap((rows, b) => join(s2[b]!, rows))],
    [target, policyActions.flatMap((rows, b) => join(s2[b]!, rows))],
    [actor, valueNoise.flatMap((rows, b) => join(s2[b]!, rows))],
    [actor, actorRows],
  ];
  const hiddenPreactivations = evaluations.flatMap(([mlp, rows]) =>
    mlpPreactivations(mlp, rows).flatMap((layers) => layers.slice(0, -1).flat()),
  );
  const gaps = [actions, u].flatMap((space) =>
    space.map((rows) => medianGap(rows.slice(0, fixed), rows.slice(fixed))),
  );

  const adamOptions = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  const adamGrad = criticGrad.map(Math.fround);
  const halfGrad = adamGrad.map((value) => value / 2);
  const first = adamStep(adamStart(critic.parameters), adamGrad, adamOptions);
  const second = adamStep(first, halfGrad, adamOptions);
  const tau = 0.02;

  return {
    hidden,
    sizes_q: sizesQ,
    sizes_pi: sizesPi,
    gamma,
    alpha,
    reward_scale: rewardScale,
    theta_q: Array.from(critic.parameters),
    theta_q_target: Array.from(target.parameters),
    theta_pi: Array.from(actor.parameters),
    s,
    a,
    r_raw: reward,
    s2,
    done,
    q_forward: qForward,
    value_uniform: { actions: valueActions, q: valueQ, V: values },
    value_policy: {
      xi: valueNoise,
      actions: policyActions,
      absdet: jacobians.map((rows) => rows.map((jacobian) => Math.abs(determinant(jacobian)))),
      logq,
      V: policyQ.map((q, b) => softValue(q, logq[b]!, alpha)),
    },
    critic: { y, loss, grad: criticGrad },
    svgd: {
      xi: noise,
      Kf: fixed,
      Ku: updated,
      u,
      a: actions,
      dQda_fixed: actionGradient.map((rows) => rows.slice(0, fixed)),
      ...directions,
    },
    margins: {
      min_abs_preactivation: hiddenPreactivations.reduce(
        (least, z) => Math.min(least, Math.abs(z)),
        Infinity,
      ),
      median_gap: Math.min(...gaps),
    },
    svgd_shared: { dQda: actionGradient, ...stein('tanh-kernel', 'code', true) },
    adam: {
      lr: adamOptions.learningRate,
      b1: adamOptions.beta1,
      b2: adamOptions.beta2,
      eps: adamOptions.epsilon,
      grad: adamGrad,
      theta_after_1: first.theta,
      theta_after_2: second.theta,
    },
    polyak: { tau, target_after: polyak(target.parameters, critic.parameters, tau) },
  };
}

/** Two states, two actions, transitions of the multi-goal environment, one of them an arrival. */
export function smallVectors(seed = SMALL_SEED): SqlVectors {
  return sqlVectors({
    seed,
    batch: 5,
    observation: 2,
    action: 2,
    hidden: 6,
    valueParticles: 7,
    fixed: 6,
    updated: 9,
    gamma: 0.95,
    alpha: 0.5,
    rewardScale: 0.125,
    multiGoal: true,
  });
}

/** Five observations and three actions, so that nothing may count on two of either. */
export function wideVectors(seed = WIDE_SEED): SqlVectors {
  return sqlVectors({
    seed,
    batch: 3,
    observation: 5,
    action: 3,
    hidden: 7,
    valueParticles: 10,
    fixed: 5,
    updated: 3,
    gamma: 0.98,
    alpha: 2,
    rewardScale: 1,
    multiGoal: false,
  });
}

/** The first seeds that pass the limits which `test/oracles.test.ts` sets on the margins. */
const SMALL_SEED = 264;
const WIDE_SEED = 19;

/** Steps of the multi-goal environment: scattered ones, then cases at edges, corners, ties and the exact threshold. */
export function envVectors(): EnvVectors {
  const draws = new Draws(3);
  const scattered = 12;
  // state, action, noise
  // prettier-ignore
  const cases: [Row, Row, Row][] = [
    [[0, 0], [0, 0], [0, 0]], // all goals equally near
    [[3, 3], [0, 0], [0, 0]], // two goals equally near
    [[4, 0], [0, 0], [0, 0]], // squared distance exactly 1: no arrival
    [[0, -4], [0, -(2 ** -10)], [0, 0]], // just inside the threshold
    [[-4, 0.5], [-0.75, 0], [1, 1]], // arrival
    [[6.75, -6.875], [1, -1], [0.5, 0.5]], // clipped at a corner
    [[-6.5, 6.5], [-3, 2.5], [-1, 2]], // action and position clipped
    [[5, 5.5], [-0.25, 1.5], [0.25, -2]], // action clipped in one direction only
  ];
  const s = [...draws.uniformRows(scattered, 2, -7, 7), ...cases.map(([state]) => state)];
  const a = [...draws.uniformRows(scattered, 2, -1.4, 1.4), ...cases.map(([, action]) => action)];
  const eps = [...draws.normalRows(scattered, 2), ...cases.map(([, , noise]) => noise)];
  const inputs = { s: round(s), a: round(a), eps: round(eps) };
  const outcome = (sigma: number): StepVectors => {
    const steps = inputs.s.map((state, n) => stepState(state, inputs.a[n]!, inputs.eps[n], sigma));
    return {
      s2: steps.map((step) => step.nextState),
      r: steps.map((step) => step.reward),
      done: steps.map((step) => Number(step.terminated)),
      nearest: steps.map((step) => step.nearest),
    };
  };
  return {
    ...inputs,
    note: 'actions beyond the box are clipped before they move the state and before they cost anything',
    'sigma=0.0': outcome(0),
    'sigma=0.25': outcome(0.25),
  };
}

/** The R2 lattice under three shifts, the first of them zero. */
export function latticeVectors(): LatticeVectors {
  const draws = new Draws(4);
  const shift = [[0, 0], ...round(draws.uniformRows(2, 2))];
  return { g: latticeRoot(2), shift, actions: shift.map((row) => latticeActions(row, 11, 2)) };
}

/** Where the optimum is looked at: points of the grid below, so that nothing is interpolated but across a cell's side. */
// prettier-ignore
const OPTIMUM_POINTS: [Row, Row][] = [
  [[0, 0], [0.5, -0.25]],
  [[-1, -3], [0.125, -0.75]],
  [[0.25, 0.5], [-0.875, 0.375]],
  [[4.25, -0.75], [0.5, 0.25]], // a goal within a step, and on it
  [[-3.75, 0.25], [-0.375, 0]], // short of one
  [[3, -3], [0.25, 0.25]],
  [[-6.5, 5], [0, -1]],
  [[6.5, -6.5], [0.75, -0.5]], // against two walls
  [[0.125, -6.25], [0, 1]], // beyond a goal
];

/**
 * The exact optimum at points, by float64 value iteration on a grid of `perUnit` steps a unit. At the committed 64 it takes
 * minutes; the error falls with the square of the step, from 0.005 raw reward units at 32.
 */
export function optimumVectors(perUnit = 64, actionPoints = 400): OptimumVectors[] {
  return [6].map((alpha) => {
    const optimum = new OracleOptimum(alpha, { perUnit, actionPoints });
    const states = OPTIMUM_POINTS.map(([state]) => state);
    return {
      alpha,
      gamma: optimum.discount,
      sigma: 0,
      states,
      V: states.map((state) => optimum.valueAt(state)),
      H: states.map((state) => optimum.entropyAt(state)),
      actions: OPTIMUM_POINTS.map(([, action]) => action),
      Q: OPTIMUM_POINTS.map(([state, action]) => optimum.qAt(state, action)),
      unit: 'raw reward; divide by alpha for nats',
    };
  });
}

/** Every file of this folder, by name, but `oracle.json`, which takes minutes. */
export function buildVectors(): Record<string, SqlVectors | EnvVectors | LatticeVectors> {
  return {
    'sql_small.json': smallVectors(),
    'sql_wide.json': wideVectors(),
    'env.json': envVectors(),
    'r2.json': latticeVectors(),
  };
}
