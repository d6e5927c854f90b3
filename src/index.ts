/**
 * softq as a library, for browsers, workers and Node alike: nothing here touches a window, a document or a file.
 * In Node, `softq/node` opens an adapter.
 */
export {
  Gpu,
  isSoftware,
  type DenseTile,
  type KernelFamily,
  type KernelOptions,
  type MemoryUse,
  type TensorOptions,
} from './gpu/gpu.ts';
export { UsageError } from './gpu/errors.ts';
export { Clock, type ClockReading, type Tick } from './gpu/clock.ts';
export { Kernel, type BindOptions } from './gpu/kernel.ts';
export { describe, program, type Bound, type Dispatch, type Program } from './gpu/program.ts';
export { below, random, uniform } from './gpu/random.ts';
export { constantsOf, packStruct, shaderSource, structOf, type Struct } from './gpu/shader.ts';
export { view, type ElementType, type Tensor, type TensorData } from './gpu/tensor.ts';
export type { Activation, MlpSpec } from './nn/mlp-spec.ts';
export { Mlp } from './nn/mlp.ts';
export { MlpPass, type BackwardOptions, type ParameterGradient } from './nn/mlp-pass.ts';
export { Parameters, type NamedArray } from './nn/parameters.ts';
export { Adam, type AdamOptions } from './nn/adam.ts';
export { TargetNetwork, type TargetUpdate } from './nn/target-network.ts';
export { Svgd, type BandwidthRule, type SteinKind, type SvgdInputs, type SvgdOptions } from './svgd/svgd.ts';
export { BehaviourPolicy, randomEnvironmentsOf } from './rl/behaviour-policy.ts';
export type { Draw, DrawOptions, NoiseSource, Policy } from './rl/policy.ts';
export type { Energy, HostEnergy, Rows, WgslEnergy } from './svgd/energy.ts';
export { ParticleSampler, type ParticleSamplerOptions } from './svgd/particle-sampler.ts';
export { SteinFlow, type SteinFlowOptions, type SteinOptions } from './svgd/stein-flow.ts';
export {
  medianSquaredDistance,
  steinDiscrepancy,
  steinKernel,
  type RadialKernel,
  type SteinDiscrepancyOptions,
} from './svgd/stein-discrepancy.ts';
export { AmortisedSampler, type AmortisedSamplerOptions } from './rl/amortised-sampler.ts';
export { ReplayBuffer, type Batch } from './rl/replay-buffer.ts';
export { GaussianPolicy, type GaussianPolicySpec } from './rl/gaussian-policy.ts';
export {
  LangevinPolicy,
  refinedPolicy,
  ResampledPolicy,
  type CriticDensity,
  type LangevinOptions,
  type Refinement,
  type ResamplingOptions,
} from './rl/refined-policy.ts';
export { SamplingNetwork, type SamplingNetworkSpec } from './rl/sampling-network.ts';
export { SoftQFunction, type Ensemble, type SoftQFunctionSpec } from './rl/soft-q-function.ts';
export { Proposal, type ProposalKind } from './rl/proposal.ts';
export {
  environmentNames,
  environmentOf,
  registerEnvironment,
  type Environment,
  type EnvParams,
  type EnvSpec,
} from './envs/environment.ts';
export {
  FIGURE1_STATES,
  MOST_GOALS,
  multigoalWith,
  MULTIGOAL_BOUND,
  MULTIGOAL_GOALS,
  MULTIGOAL_PROBES,
  MULTIGOAL_RADIUS,
} from './envs/multigoal.ts';
export type { MdpTables } from './exact/mdp-tables.ts';
export { TabularMdp, type IterationOptions, type SoftSolution } from './exact/tabular.ts';
export { VectorEnv, type TransitionSink } from './envs/vector-env.ts';
export type { Algorithm, LearnerContext, LearnerOptions, Metric } from './algorithms/algorithm.ts';
export { Ddpg } from './algorithms/ddpg.ts';
export { Sac, type SacOptions } from './algorithms/sac.ts';
export { SoftQLearning } from './algorithms/soft-q-learning.ts';
export type { SoftQLearningOptions } from './algorithms/soft-q-options.ts';
export { nearestNeighbourEntropy, type EntropyEstimate } from './exact/entropy.ts';
export type { Optimum } from './exact/optimum.ts';
export {
  MultigoalOptimum,
  type Mode,
  type MultigoalProblem,
  type OptimumRollouts,
} from './exact/multigoal-optimum.ts';
export { bytesOf, flopsOf, timePrograms, type ProgramTiming, type Timings } from './profile/timing.ts';
export { chooseDenseTile } from './profile/dense-tile.ts';
export { measureRoofline } from './profile/roofline.ts';
export { measureCopyBandwidth, type CopyBandwidth } from './profile/bandwidth.ts';
export { measureOverhead, type Overhead } from './profile/overhead.ts';
export {
  byKernel,
  profileProgram,
  ratesOf,
  type Cost,
  type KernelProfile,
  type Peak,
  type ProfileOptions,
  type ProgramProfile,
  type Rates,
  type StepProfile,
} from './profile/program-profile.ts';
export { levelsOf } from './profile/levels.ts';
export { traceOf, type Trace, type TraceEvent } from './profile/trace.ts';
export { hoverWarning } from './exact/hover-warning.ts';
export {
  energyDivergence,
  klFromSamples,
  klToOptimum,
  samplerError,
  type Divergence,
  type SamplerProbe,
} from './exact/divergence.ts';
export { actionQuadrature, logPartition, type ActionQuadrature } from './exact/quadrature.ts';
export { energyDistance, slicedWasserstein1 } from './exact/sample-distance.ts';
export {
  criticError,
  referencePairs,
  type CriticError,
  type EnvironmentModel,
  type ReferencePairs,
} from './exact/critic-error.ts';
export {
  gapVisits,
  softReturnGap,
  type SoftReturnGap,
  type Trajectory,
  type Visit,
} from './exact/soft-return-gap.ts';
export { bestSquashedGaussian, type SquashedGaussian } from './exact/squashed-gaussian.ts';
export { flagOf, parseSetting, resolveConfig, type Config } from './train/config.ts';
export { DEFAULTS, PRESETS, type Preset, type PresetName } from './train/presets.ts';
export { DivergenceError, Trainer, type Progress, type RunOptions } from './train/trainer.ts';
export { warmTrainer } from './train/warm-trainer.ts';
export { Evaluator, type Evaluation, type Learned, type Rollout } from './train/evaluator.ts';
export {
  compareWithOptimum,
  type GroundTruth,
  type GroundTruthOptions,
  type ProbeDistance,
} from './train/ground-truth.ts';
export type { MetricRow } from './train/metrics.ts';
export { CheckpointError, decodeCheckpoint, encodeCheckpoint, type Snapshot } from './train/checkpoint.ts';
