import type { Gpu } from '../../src/gpu/gpu.ts';
import type { JaxBackend } from '../peers/jax.ts';
import { Disagreement, type Benchmark } from '../support/host.ts';
import type { Pursuit } from '../support/measure.ts';
import { CoverageJudge, SoftqTraining, trainingConfig, type Learning } from '../support/training.ts';

/** Each is a round: both sides begin from the same weights, and draw numbers of their own. */
const SEEDS = [0, 1, 2];
/** Updates between two looks at the policy, as softq's acceptance runs have. */
const EVALUATE_EVERY = 125;

/** Whole trainings of the default preset until the policy goes to all four goals, against the same one in jax-js. */
export const TRAINING_BENCHMARKS: readonly Benchmark[] = [
  against('webgpu', 'jax-js, WebGPU'),
  against('wasm', 'jax-js, WebAssembly'),
];

function against(backend: JaxBackend, library: string): Benchmark {
  const name = `training/jax-${backend}`;
  return {
    name,
    title: `training to four goals, ${SEEDS.length} seeds; peer: ${library}`,
    counts: 'updates',
    cpu: 'process',
    prepare: async ({ gpu }) => {
      const problem = await warmUp(gpu);
      const { JaxTraining } = await import('../peers/jax-training.ts');
      const peer = await JaxTraining.create(backend, problem);
      const judge = await CoverageJudge.create(gpu, trainingConfig(0));
      return {
        rounds: SEEDS.length,
        begin: async (round) => {
          const ours = await SoftqTraining.create(gpu, trainingConfig(SEEDS[round]!));
          peer.begin(await ours.problem());
          return {
            ours: toCoverage(ours, judge, `${name}, ours`),
            peer: toCoverage(peer, judge, `${name}, peer`),
          };
        },
        dispose: () => peer.dispose(),
      };
    },
  };
}

/** Leaves softq's kernels compiled; the training as numbers. */
async function warmUp(gpu: Gpu) {
  const release = gpu.scope();
  const training = await SoftqTraining.create(gpu, trainingConfig(SEEDS[0]!));
  const problem = await training.problem();
  await training.warmUp();
  release();
  return problem;
}

/** A training until a look at its policy finds all goals covered, which the preset's updates must be enough for. */
function toCoverage(learning: Learning, judge: CoverageJudge, who: string): Pursuit {
  const { updates: most } = trainingConfig(0);
  let updates = 0;
  return {
    size: EVALUATE_EVERY,
    advance: async () => {
      updates += EVALUATE_EVERY;
      await learning.advance(updates);
    },
    arrived: async (done) => {
      const covered = await judge.covered(await learning.policy());
      if (!covered && done >= most) throw new Disagreement(`${who}: not all goals after ${done} updates.`);
      return covered;
    },
  };
}
