import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { padded, type Tensor } from '../gpu/tensor.ts';
import type { ParameterGradient } from '../nn/mlp-pass.ts';
import { squash, type Draw } from '../rl/policy.ts';
import type { Batch } from '../rl/replay-buffer.ts';
import type { SoftQFunction } from '../rl/soft-q-function.ts';
import { criticSeries, type CriticSeries, type LearnerContext, type LearnerOptions } from './algorithm.ts';

/** The critic, what it learns from, and the policy whose value it learns. */
export interface PolicyBackup {
  readonly softQ: SoftQFunction;
  readonly batch: Batch;
  /** alpha of each member, (R). */
  readonly temperature: Tensor;
  /** `particles` actions at each next state of the batch, particle-major. */
  readonly draw: Draw;
  readonly particles: number;
  /** log pi of those actions, (R, particles, B); all zero leaves the entropy out. */
  readonly logDensity: Tensor;
}

/** The critic's gradient, and the quantities on the way. */
export interface CriticGradient extends CriticSeries {
  readonly program: Program;
  readonly gradient: ParameterGradient;
}

/**
 * Policy evaluation, the critic of both baselines: regress Q(s, a) on r + gamma mean_a' [Q(s', a') - alpha log pi(a'|s')]
 * over the policy's own actions a', Q(s', a') under the target network.
 */
export function policyBackup(
  gpu: Gpu,
  { members, observationSize, actionSize }: LearnerContext,
  { batchSize, discount, rewardScale }: LearnerOptions,
  { softQ, batch, temperature, draw, particles, logDensity }: PolicyBackup,
): CriticGradient {
  const perState = (label: string) => gpu.tensor(label, [members, batchSize]);
  const [value, tdTarget, loss] = [perState('softValue'), perState('tdTarget'), softQ.lossTensor(batch)];
  const rows = gpu.tensor('next.rows', [
    members,
    particles * batchSize,
    padded(observationSize + actionSize),
  ]);
  const { dispatch } = squash(
    gpu,
    'next',
    { members, observationSize, actionSize },
    {
      preTanh: draw.preTanh,
      observation: batch.nextObservation,
      states: batchSize,
      particles,
      stateAction: rows,
      criticParticles: particles,
    },
  );
  const next = { rows, logDensity, order: 'particle-major' } as const;
  const backup = { discount, rewardScale, temperature, estimator: 'mean' } as const;
  const prediction = softQ.prediction(batch);
  const gradient = prediction.parameterGradient();
  const steps = program('critic', [
    draw.program,
    dispatch,
    softQ.tdTarget(batch, next, backup, { value, tdTarget }),
    softQ.regress(prediction, tdTarget, loss, gradient),
  ]);
  return {
    program: steps,
    gradient,
    ...criticSeries({ loss, value, prediction: prediction.output }, members, batchSize),
  };
}
