import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Gpu } from '../../src/gpu/gpu.ts';
import { acquireAdapter, parseKernelFamily, type AdapterChoice } from '../../src/node/adapter.ts';
import { runBenchmark, type Host } from './host.ts';
import { select } from './benchmarks.ts';
import type { Stopwatch } from './measure.ts';
import type { Runtime } from './runtime.ts';

/**
 * Node with Dawn: one device for softq, and a `navigator.gpu` by which peers open devices of their own on the same adapter.
 * @throws UsageError where there is no such adapter.
 */
export async function nodeRuntime(choice: AdapterChoice): Promise<Runtime> {
  const { gpu: instance, adapter, kind, name } = await acquireAdapter(choice);
  // Node 20 has no navigator. jax-js also asks it whether the device is a phone.
  const navigator = {
    gpu: instance,
    userAgent: `Node ${process.version}`,
    hardwareConcurrency: availableParallelism(),
  };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  const host: Host = {
    runtime: `Node ${process.version}`,
    adapter: name,
    gpu: await Gpu.create(instance, adapter, parseKernelFamily(undefined)),
    process: processStopwatch,
    driver: kind === 'hardware' ? null : driverStopwatch(),
  };
  return {
    adapter: name,
    runtime: host.runtime,
    run: (benchmark) => runBenchmark(host, select([benchmark])[0]!),
    close: async () => host.gpu.dispose(),
  };
}

/** CPU time of all threads of this process, the JavaScript thread too: what an update costs the machine. */
const processStopwatch: Stopwatch = {
  per: ' per CPU second',
  unit: 'CPU seconds',
  seconds: async () => {
    const { user, system } = process.cpuUsage();
    return (user + system) * 1e-6;
  },
};

/**
 * CPU time of all threads but the JavaScript one, on which a software adapter computes, divided by the number of cores:
 * what it would take on an idle machine. Null where the system does not tell the time of each thread.
 */
export function driverStopwatch(): Stopwatch | null {
  if (process.platform !== 'linux') return null;
  const cores = availableParallelism();
  return {
    per: `/s by driver CPU on ${cores} cores`,
    unit: `s by driver CPU on ${cores} cores`,
    seconds: async () => driverSeconds() / cores,
  };
}

const TASKS = '/proc/self/task';

function driverSeconds(): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(TASKS)) {
    if (Number(thread) === process.pid) continue;
    try {
      nanoseconds += Number(readFileSync(`${TASKS}/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // The thread ended between the two calls.
    }
  }
  return nanoseconds * 1e-9;
}
