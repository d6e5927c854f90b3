import { acquireAdapter, parseAdapterChoice } from '../../src/node/adapter.ts';

/** The adapter that SOFTQ_ADAPTER names; see `test-gpu.d.ts`. */
export async function requestTestAdapter(): Promise<{ gpu: GPU; adapter: GPUAdapter }> {
  const { gpu, adapter } = await acquireAdapter(parseAdapterChoice(undefined));
  return { gpu, adapter };
}
