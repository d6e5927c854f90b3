import plainWasm from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.wasm?url';
import simdWasm from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-simd.wasm?url';
import threadedWasm from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.wasm?url';
import { Gpu } from '../../src/gpu/gpu.ts';
import { select } from '../support/benchmarks.ts';
import { Disagreement, runBenchmark, type Host } from '../support/host.ts';
import type { Row } from '../support/measure.ts';

/** What a benchmark came to: its rows, or why ours and the peer may not be compared. */
export type Answer = { readonly rows: Row[] } | { readonly disagreement: string };

/** What the process that started the browser calls. */
export interface BenchPage {
  /** Opens softq's device and gives the adapter's name; null where the browser has none. */
  open(runtime: string): Promise<string | null>;
  run(name: string): Promise<Answer>;
}

declare global {
  interface Window {
    bench: BenchPage;
    /** CPU seconds of all of the browser's processes; put here from outside. */
    browserSeconds?: () => Promise<number>;
  }
}

let host: Host | undefined;

window.bench = {
  open: async (runtime) => {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return null;
    const { description, device, vendor, architecture } = adapter.info;
    const { browserSeconds } = window;
    host = {
      runtime,
      adapter: description || device || `${vendor} ${architecture}`,
      gpu: await Gpu.create(navigator.gpu, adapter),
      process: browserSeconds
        ? { per: ' per CPU second', unit: 'CPU seconds', seconds: browserSeconds }
        : null,
      // The driver runs inside the browser's graphics process, among that process's own threads.
      driver: null,
      wasmFiles: {
        'tfjs-backend-wasm.wasm': plainWasm,
        'tfjs-backend-wasm-simd.wasm': simdWasm,
        'tfjs-backend-wasm-threaded-simd.wasm': threadedWasm,
      },
    };
    return host.adapter;
  },
  run: async (name) => {
    try {
      return { rows: await runBenchmark(host!, select([name])[0]!) };
    } catch (error) {
      if (error instanceof Disagreement) return { disagreement: error.message };
      throw error;
    }
  },
};
