// The typical mistakes of an implementation of soft Q-learning, one replaced text each: here those of its kernels, in
// fused.mjs and lanes.mjs those of whole networks in a dispatch, in exact.mjs and policies.mjs those of what surrounds it. `npm run
// mutants` makes them one at a time and runs the tests that must notice. Types and meanings: mutants.d.mts.

import { EXACT } from './exact.mjs';
import { FUSED } from './fused.mjs';
import { LANES } from './lanes.mjs';
import { POLICIES } from './policies.mjs';

const SVGD = 'test/svgd/svgd.test.ts';
const SOFT_Q = 'test/rl/soft-q-function.test.ts';
const ADAM = 'test/nn/adam.test.ts';
const TARGET = 'test/nn/target-network.test.ts';
const LEARNER = 'test/algorithms/soft-q-learning.test.ts';
const CONTRACT = 'test/envs/contract.test.ts';

const SOFT_Q_LEARNING = [
  {
    name: 'no-repulsion',
    mistake: 'the Stein direction has no repulsive term',
    file: 'shaders/svgd/direction.wgsl',
    find: 'params.repulsion * kernel_slope(1.0, 1.0, h, a);',
    replace: '0.0;',
    checks: [SVGD],
    acceptance: ['mean return', 'mean episode length', 'policy entropy'],
  },
  {
    name: 'reversed-repulsion',
    mistake: 'particles attract each other: the kernel’s gradient is taken by the wrong argument',
    file: 'shaders/svgd/stein_terms.wgsl',
    find: 'let slope_of_x = -2.0 / h',
    replace: 'let slope_of_x = 2.0 / h',
    checks: [SVGD],
    acceptance: ['smallest goal share', 'mean return', 'policy entropy'],
  },
  {
    name: 'no-tanh-jacobian',
    mistake: 'the score lacks the log-derivative of tanh',
    file: 'shaders/svgd/stein_terms.wgsl',
    find: 'return (1.0 - a * a) * q_slope - 2.0 * a;',
    replace: 'return (1.0 - a * a) * q_slope;',
    checks: [SVGD],
    acceptance: ['policy entropy'],
  },
  {
    name: 'no-chain-rule',
    mistake: 'dQ/da stands in the score for dQ/du',
    file: 'shaders/svgd/stein_terms.wgsl',
    find: 'return (1.0 - a * a) * q_slope - 2.0 * a;',
    replace: 'return q_slope - 2.0 * a;',
    checks: [SVGD],
  },
  {
    name: 'published-squash',
    mistake: 'the default is the published direction, whose stationary density is exp(Q/alpha) prod(1 - a^2)',
    file: 'src/train/presets.ts',
    find: "stein: 'tanh-kernel'",
    replace: "stein: 'released'",
    checks: [SVGD],
    acceptance: ['mean episode length', 'policy entropy'],
  },
  {
    name: 'actor-scale-forgotten',
    mistake: 'the actor divides dQ/da by alpha in raw units, though Q is of scaled rewards',
    file: 'shaders/svgd/direction.wgsl',
    find: 'temperature[member] * params.reward_scale',
    replace: 'temperature[member]',
    checks: [SVGD],
  },
  {
    name: 'fixed-particles-moved',
    mistake: 'fixed and updated particles are one and the same set',
    file: 'shaders/svgd/stein_direction.wgsl',
    find: '(first + params.first_updated + i)',
    replace: '(first + i)',
    checks: [SVGD],
  },
  {
    name: 'upper-median',
    mistake: 'the rank of the median is off by one for an even count',
    file: 'shaders/svgd/median_of_many.wgsl',
    find: 'params.pairs - 1u - params.pairs / 2u',
    replace: 'params.pairs / 2u',
    checks: [SVGD],
  },
  {
    name: 'actor-descends',
    mistake: 'the sampling network moves against the Stein direction',
    file: 'src/algorithms/soft-q-learning.ts',
    find: 'scale: -1 / (states * updatedParticles)',
    replace: 'scale: 1 / (states * updatedParticles)',
    checks: [LEARNER],
  },
  {
    name: 'actor-with-target-network',
    mistake: 'the actor climbs the delayed Q of the target network',
    file: 'src/rl/soft-q-function.ts',
    find: "this.#valuesOf(this.mlp, 'q-actions', rows)",
    replace: "this.#valuesOf(this.target.mlp, 'q-actions', rows)",
    checks: [SOFT_Q, LEARNER],
  },
  {
    name: 'no-log-volume',
    mistake: 'the soft value lacks the volume of the action box, A log 2',
    file: 'shaders/rl/propose_uniform.wgsl',
    find: 'log_density[at] = -f32(params.action_size) * LOG_2;',
    replace: 'log_density[at] = 0.0;',
    checks: ['test/rl/proposal.test.ts'],
    acceptance: ['mean return', 'mean episode length', 'policy entropy'],
  },
  {
    name: 'jacobian-sign-in-proposal',
    mistake: 'the policy’s proposal density is multiplied, not divided, by the derivative of tanh',
    file: 'shaders/rl/propose_mixture.wgsl',
    find: 'log(sum / f32(params.centres)) - log_slope;',
    replace: 'log(sum / f32(params.centres)) + log_slope;',
    checks: ['test/rl/proposal.test.ts'],
  },
  {
    name: 'sum-for-mean',
    mistake: 'the soft value sums over the Kv actions where it should average',
    file: 'shaders/rl/td_target.wgsl',
    find: 'log(sum / f32(params.particles))',
    replace: 'log(sum)',
    checks: [SOFT_Q],
    acceptance: ['success', 'smallest goal share', 'mean return', 'mean episode length'],
  },
  {
    name: 'hard-max',
    mistake: 'the largest Q stands for the soft value',
    file: 'shaders/rl/td_target.wgsl',
    find: 'v = alpha * (largest + log(sum / f32(params.particles)));',
    replace: 'v = alpha * (largest + log_density[first]);',
    checks: [SOFT_Q],
  },
  {
    name: 'done-ignored',
    mistake: 'the target bootstraps through the end of an episode',
    file: 'shaders/rl/td_target.wgsl',
    find: 'params.discount * (1.0 - terminated[at]) * v',
    replace: 'params.discount * v',
    checks: [SOFT_Q],
    acceptance: ['smallest goal share', 'goal entropy'],
  },
  {
    name: 'critic-scale-forgotten',
    mistake: 'the soft value divides Q by alpha in raw units, though Q is of scaled rewards',
    file: 'shaders/rl/td_target.wgsl',
    find: 'temperature[id.y] * params.reward_scale',
    replace: 'temperature[id.y]',
    checks: [SOFT_Q],
  },
  {
    name: 'target-with-online-network',
    mistake: 'the TD target is computed with the parameters that are being learned',
    file: 'src/rl/soft-q-function.ts',
    find: "this.#valuesOf(this.target.mlp, 'q-target'",
    replace: "this.#valuesOf(this.mlp, 'q-target'",
    checks: [SOFT_Q],
  },
  {
    name: 'critic-gradient-sign',
    mistake: 'the critic’s gradient points away from the target',
    file: 'shaders/rl/td_loss.wgsl',
    find: 'dPrediction[4u * at] = error',
    replace: 'dPrediction[4u * at] = -error',
    checks: [SOFT_Q],
  },
  {
    name: 'polyak-reversed',
    mistake: 'the target network moves away from the online one',
    file: 'shaders/nn/polyak.wgsl',
    find: 'params.tau * (online - averaged[at])',
    replace: 'params.tau * (averaged[at] - online)',
    checks: [TARGET],
  },
  {
    name: 'hard-copy-off-by-one',
    mistake: 'the target network is copied one update late',
    file: 'shaders/nn/polyak.wgsl',
    find: '(clock.updates + 1u) % params.interval',
    replace: 'clock.updates % params.interval',
    checks: [TARGET],
  },
  {
    name: 'adam-bias-correction',
    mistake: 'Adam’s second moment is corrected by the first one’s decay',
    file: 'shaders/nn/adam.wgsl',
    find: 'v / one_minus_power(params.log_beta2, t)',
    replace: 'v / one_minus_power(params.log_beta1, t)',
    checks: [ADAM],
  },
  {
    name: 'adam-epsilon-inside',
    mistake: 'Adam’s epsilon stands inside the root',
    file: 'shaders/nn/adam.wgsl',
    find: '(sqrt(v_hat) + params.epsilon)',
    replace: 'sqrt(v_hat + params.epsilon)',
    checks: [ADAM],
  },
  {
    name: 'unsquashed-action',
    mistake: 'the environment gets the network’s output without tanh',
    file: 'shaders/rl/act.wgsl',
    find: 'squash(pre_tanh[environment * params.stride + d])',
    replace: 'pre_tanh[environment * params.stride + d]',
    checks: ['test/rl/sampling-network.test.ts'],
  },
  {
    name: 'time-limit-terminates',
    mistake: 'a time limit is stored as the task’s own end',
    file: 'shaders/vector_env/step.wgsl',
    find: 'record(next + 1u + OBSERVATION_SIZE, select(0.0, 1.0, result.terminated));',
    replace: 'record(next + 1u + OBSERVATION_SIZE, select(0.0, 1.0, result.terminated || truncated));',
    checks: [CONTRACT],
  },
  {
    name: 'reward-before-the-step',
    mistake: 'reward and arrival are judged where the point was, not where it went',
    file: 'shaders/envs/multigoal.wgsl',
    find: 'let offset = position - env_params.goals[g].xy;',
    replace: 'let offset = position - velocity - env_params.goals[g].xy;',
    checks: ['test/envs/multigoal.test.ts'],
  },
  {
    name: 'replay-beyond-its-size',
    mistake: 'minibatches hold records that were never written',
    file: 'shaders/replay/pick.wgsl',
    find: 'row).x, clock.replay_size)',
    replace: 'row).x, 2u * clock.replay_size)',
    checks: ['test/rl/replay-buffer.test.ts'],
  },
];

export const MUTANTS = [...SOFT_Q_LEARNING, ...FUSED, ...LANES, ...EXACT, ...POLICIES];

export function occurrences(text, { find }) {
  return text.split(find).length - 1;
}
