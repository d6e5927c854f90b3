import type { Gpu } from '../gpu/gpu.ts';
import type { Dispatch } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { bandwidthDivisor, type BandwidthRule } from './svgd.ts';

/** Pairs of a state that one invocation holds: more would not fit its registers by far, and take long to compile. */
const MOST_PAIRS_OF_A_LANE = 256;

/** Of which particles the median is taken, and where it goes. */
export interface BandwidthInputs {
  readonly members: number;
  readonly states: number;
  readonly fixedParticles: number;
  readonly updatedParticles: number;
  readonly actionSize: number;
  readonly bandwidth: Tensor;
  readonly rule: BandwidthRule;
  readonly floor: number;
  /** Particle-major, the fixed ones first: (R, M + K, states, stride). */
  readonly positions: Tensor;
  readonly stride: number;
}

/** How many pairs of particles of one state `fusedBandwidth` takes on this adapter. */
export function mostFusedPairs(gpu: Gpu): number {
  return MOST_PAIRS_OF_A_LANE * gpu.fixedLanes;
}

/** h of each state, (R, states), from the particles in one dispatch: distances, median, rule, floor. */
export function fusedBandwidth(gpu: Gpu, inputs: BandwidthInputs): Dispatch {
  const { members, states, fixedParticles, updatedParticles, actionSize, positions, stride } = inputs;
  const lanes = gpu.fixedLanes;
  const pairs = fixedParticles * updatedParticles;
  // With a subgroup as the workgroup its lanes are the workgroup's invocations, in order.
  const workgroup = lanes > 1 ? lanes : 16;
  const kernel = gpu.kernel('svgd/bandwidth.wgsl', {
    tunables: { LANES: lanes, PAIRS: Math.ceil(pairs / lanes), WORKGROUP: workgroup },
    subgroups: lanes > 1,
  });
  return kernel.bind(
    { positions, bandwidth: inputs.bandwidth },
    {
      threads: [states * lanes, members],
      params: {
        states,
        fixed_particles: fixedParticles,
        updated_particles: updatedParticles,
        action_size: actionSize,
        stride,
        divisor: bandwidthDivisor(inputs.rule, fixedParticles),
        smallest: inputs.floor,
      },
      label: 'svgd.bandwidth',
    },
  );
}
