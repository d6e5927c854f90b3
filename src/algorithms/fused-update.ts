import type { Faults } from '../gpu/faults.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import { fusedFits, FusedPass } from '../nn/fused-pass.ts';
import { latticePoints } from '../rl/proposal.ts';
import type { SamplingNetwork } from '../rl/sampling-network.ts';
import type { SoftQFunction } from '../rl/soft-q-function.ts';
import { fusedBandwidth, mostFusedPairs } from '../svgd/bandwidth.ts';
import type { LearnerContext, Series } from './algorithm.ts';
import type { SoftQLearningOptions } from './soft-q-options.ts';

/** What the fused update works on. */
export interface FusedParts {
  readonly softQ: SoftQFunction;
  readonly samplingNetwork: SamplingNetwork;
  /** alpha of each member, (R). */
  readonly temperature: Tensor;
  readonly faults: Faults;
}

const PROPOSALS = constantsOf(shaderSource('rl/box_proposal.wgsl'));
const DIRECTIONS = constantsOf(shaderSource('svgd/stein_terms.wgsl'));
const STATISTICS = constantsOf(shaderSource('rl/fused/critic.wgsl'));

/** What keeps fused kernels from an update of these options, in words for people; null if nothing does. */
export function obstacleToFusing(
  gpu: Gpu,
  options: SoftQLearningOptions,
  { softQ, samplingNetwork }: Pick<FusedParts, 'softQ' | 'samplingNetwork'>,
): string | null {
  const { critics, proposal, batchSize, valueParticles, fixedParticles, updatedParticles } = options;
  if (critics > 1) return `${critics} critics are combined between layers`;
  if (proposal === 'mixture' || proposal === 'policy-jacobian') {
    return `the proposal '${proposal}' draws from the policy`;
  }
  const pairs = fixedParticles * updatedParticles;
  if (pairs > mostFusedPairs(gpu))
    return `${pairs} pairs of particles are too many for one dispatch's median`;
  const passes = [
    { mlp: softQ.mlp, rows: batchSize * valueParticles, kept: 'activations' },
    { mlp: softQ.mlp, rows: batchSize * fixedParticles, kept: 'gradients' },
    { mlp: samplingNetwork.mlp, rows: batchSize * (fixedParticles + updatedParticles), kept: 'gradients' },
  ] as const;
  const fit = passes.every(({ mlp, rows, kept }) => fusedFits(gpu, mlp, rows, kept));
  return fit ? null : 'all layers together need more than one buffer of this adapter holds';
}

/**
 * Both gradients of an update in eight dispatches, in four levels of dependence; the optimisers are a fifth. A dispatch takes
 * a network's rows from the ring through all layers to what the next level needs, so little but that is in memory between.
 *
 * 1. the target network at the proposed actions (eq. 10); the particles a = tanh f(xi; s)
 * 2. the critic forward, soft value, TD error and back (eq. 11); dQ/da at the fixed particles; the kernel's bandwidth
 * 3. the critic's parameter gradient; the Stein direction (eq. 13) and back through the sampling network (eq. 14)
 * 4. the sampling network's parameter gradient
 */
export function fusedGradients(
  gpu: Gpu,
  context: LearnerContext,
  options: SoftQLearningOptions,
  { softQ, samplingNetwork, temperature, faults }: FusedParts,
) {
  const { observationSize, actionSize, members, seeds, clock, replay } = context;
  const { batchSize: states, valueParticles, fixedParticles, updatedParticles, rewardScale } = options;
  const particles = fixedParticles + updatedParticles;
  const stride = padded(actionSize);
  const sizes = { observation_size: observationSize, action_size: actionSize };
  const drawn = { clock: clock.tensor, seeds, ring: replay.ring };
  const capacity = replay.capacity;

  const next = new FusedPass(gpu, 'q-target', softQ.target.mlp, states * valueParticles, 'activations');
  const lattice = gpu.tensorOf('proposal.lattice', latticePoints(valueParticles, actionSize));
  const nextValues = next.forward({
    module: { file: 'rl/fused/next_actions.wgsl' },
    tensors: { ...drawn, lattice },
    params: {
      ...sizes,
      capacity,
      particles: valueParticles,
      proposal: constantFor(PROPOSALS, options.proposal),
    },
  });

  const q = new FusedPass(gpu, 'q', softQ.mlp, states, 'gradients');
  const rows = STATISTICS['STATISTICS']!;
  const statistics = gpu.tensor('critic.statistics', [members, rows, states]);
  const tdError = q.gradient(
    {
      module: { file: 'rl/fused/critic.wgsl' },
      tensors: { ...drawn, next_values: next.workspace, temperature, statistics, fault: faults.tensor },
      params: {
        ...sizes,
        capacity,
        particles: valueParticles,
        next_first: next.output.first,
        next_block: next.output.block,
        fault_index: faults.indexOf('critic loss'),
        log_density: -actionSize * Math.LN2,
        discount: options.discount,
        reward_scale: rewardScale,
      },
    },
    { inputGradient: false },
  );
  const criticGradient = q.parameterGradient();

  const draw = new FusedPass(gpu, 'particles', samplingNetwork.mlp, states * particles, 'gradients');
  const shape = [members, particles, states, stride];
  const preTanh = gpu.tensor('particles.preTanh', shape);
  const actions = gpu.tensor('particles.actions', shape);
  const drawParticles = draw.forward({
    module: { file: 'rl/fused/particles.wgsl' },
    tensors: { ...drawn, pre_tanh: preTanh, actions },
    params: { ...sizes, capacity, states, latent_size: samplingNetwork.spec.latentSize, stride },
  });
  const qActions = new FusedPass(gpu, 'q-actions', softQ.mlp, states * fixedParticles, 'gradients');
  const slopes = gpu.tensor('q-actions.slopes', [members, fixedParticles, states, actionSize]);
  const actionGradient = qActions.gradient(
    {
      module: { file: 'rl/fused/action_gradient.wgsl' },
      tensors: { ...drawn, actions, slopes },
      params: { ...sizes, capacity, states, particles, stride },
    },
    { inputGradient: true },
  );
  const bandwidth = gpu.tensor('svgd.bandwidth', [members, states]);
  const positions = options.stein === 'raw' ? preTanh : actions;
  const median = fusedBandwidth(gpu, {
    members,
    states,
    fixedParticles,
    updatedParticles,
    actionSize,
    positions,
    stride,
    bandwidth,
    rule: options.bandwidth,
    floor: options.bandwidthFloor,
  });
  const firstRow = states * fixedParticles;
  const direction = draw.backward(
    {
      module: { file: 'rl/fused/stein_direction.wgsl' },
      tensors: { pre_tanh: preTanh, actions, slopes, bandwidth, temperature },
      params: {
        states,
        fixed_particles: fixedParticles,
        action_size: actionSize,
        stride,
        repulsion: options.repulsion ? 1 : 0,
        reward_scale: rewardScale,
        scale: -1 / (states * updatedParticles), // Adam descends, the direction ascends
      },
      constants: { DIRECTION: constantFor(DIRECTIONS, options.stein) },
    },
    { firstRow },
  );
  const actorGradient = draw.parameterGradient(firstRow);

  const levels: readonly Program[] = [
    program('draw', [nextValues, drawParticles]),
    program('evaluate', [tdError, actionGradient, median]),
    program('regress', [criticGradient.step, direction]),
    program('amortise', [actorGradient.step]),
  ];
  const series = (name: string): Series => ({
    tensor: statistics,
    first: STATISTICS[name]! * states,
    count: states,
    stride: 1,
    memberStride: rows * states,
  });
  return {
    together: program('gradients', levels),
    critic: {
      program: program('critic', [nextValues, tdError, criticGradient.step]),
      gradient: criticGradient,
      value: series('VALUE'),
      prediction: series('PREDICTION'),
      loss: series('LOSS'),
    },
    actor: {
      program: program('actor', [drawParticles, actionGradient, median, direction, actorGradient.step]),
      gradient: actorGradient,
      preTanh,
      bandwidth,
    },
  };
}
