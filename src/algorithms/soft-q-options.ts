import type { ProposalKind } from '../rl/proposal.ts';
import type { BandwidthRule, SteinKind } from '../svgd/svgd.ts';
import type { LearnerOptions } from './algorithm.ts';

/** Every choice of soft Q-learning. Numbers of the paper and of the released code: `src/train/presets.ts`. */
export interface SoftQLearningOptions extends LearnerOptions {
  /** Size of the noise xi. */
  readonly latentSize: number;
  /** Kv, eq. 10. */
  readonly valueParticles: number;
  readonly proposal: ProposalKind;
  /** h of the proposal `mixture`. */
  readonly mixtureSpread: number;
  /** M: particles at which the energy's gradient is taken, eq. 13. */
  readonly fixedParticles: number;
  /** K: particles that are moved, eq. 14. */
  readonly updatedParticles: number;
  readonly stein: Exclude<SteinKind, 'unbounded'>;
  readonly bandwidth: BandwidthRule;
  readonly bandwidthFloor: number;
  readonly repulsion: boolean;
}
