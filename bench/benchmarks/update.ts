import type { Benchmark, Host } from '../support/host.ts';
import { CHECKED_UPDATES, outcomeOf, requireAgreement } from '../support/agreement.ts';
import { SoftqUpdater, UPDATE, type UpdateProblem, type Updater } from '../support/update.ts';

type MakePeer = (problem: UpdateProblem, host: Host) => Promise<Updater>;

// Peers are loaded when they are needed: TensorFlow.js looks for a navigator as soon as it is.
const jax =
  (backend: 'webgpu' | 'wasm'): MakePeer =>
  async (problem) =>
    (await import('../peers/jax.ts')).JaxUpdater.create(backend, problem);
const tfjs =
  (backend: 'webgpu' | 'wasm'): MakePeer =>
  async (problem, { wasmFiles }) =>
    (await import('../peers/tfjs.ts')).TfjsUpdater.create(backend, problem, wasmFiles);

/** softq's update against the same update in other libraries, from the same weights and draws. */
export const UPDATE_BENCHMARKS: readonly Benchmark[] = [
  against('jax-webgpu', 'jax-js, WebGPU', jax('webgpu')),
  against('jax-wasm', 'jax-js, WebAssembly', jax('wasm')),
  against('tfjs-webgpu', 'TensorFlow.js, WebGPU', tfjs('webgpu')),
  against('tfjs-wasm', 'TensorFlow.js, WebAssembly', tfjs('wasm')),
];

function against(id: string, library: string, make: MakePeer): Benchmark {
  return {
    name: `update/${id}`,
    title: `update; peer: ${library}`,
    counts: 'updates',
    cpu: 'process',
    prepare: async (host) => {
      const ours = await SoftqUpdater.create(host.gpu, UPDATE);
      const problem = await ours.problem(CHECKED_UPDATES);
      const peer = await make(problem, host);
      requireAgreement(problem, await outcomeOf(ours), await outcomeOf(peer), `update/${id}`);
      return {
        ours: { run: (updates) => ours.run(updates), size: 1 },
        peer: { run: (updates) => peer.run(updates), size: 1 },
        dispose: () => peer.dispose(),
      };
    },
  };
}
