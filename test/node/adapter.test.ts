import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseAdapterChoice, parseKernelFamily } from '../../src/node/adapter.ts';
import { UsageError } from '../../src/gpu/errors.ts';
import type { BuiltModule, ChildOptions, ChildResult } from '../support/child.ts';
import { buildModule, runProgram } from '../support/child.ts';

/** Hides every driver that the system has. */
const NO_DRIVER = { VK_DRIVER_FILES: '/nonexistent.json', VK_ICD_FILENAMES: '/nonexistent.json' };
/** With nothing of Vulkan's set from outside, and no choice. */
const CLEAN = { SOFTQ_ADAPTER: undefined, VK_DRIVER_FILES: undefined, VK_ICD_FILENAMES: undefined };

/** Common to the programs below: `start(choice)` gives a device and a kernel that takes `rounds` steps to run. */
const PRELUDE = `
import { acquireAdapter } from './module.mjs';
async function start(choice) {
  const acquired = await acquireAdapter(choice);
  const device = await acquired.adapter.requestDevice();
  return { ...acquired, device };
}
async function makeKernel(device, rounds) {
  const module = device.createShaderModule({ code: \`
    @group(0) @binding(0) var<storage, read_write> values: array<f32>;
    override ROUNDS: u32;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
      var value = f32(id.x);
      for (var round = 0u; round < ROUNDS; round++) { value = value * 0.5 + 1.0; }
      values[id.x] = value;
    }\` });
  const compute = { module, constants: { ROUNDS: rounds } };
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute });
  const buffer = device.createBuffer({ size: 256, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const readback = device.createBuffer({ size: 256, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const entries = [{ binding: 0, resource: { buffer } }];
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  return async () => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(buffer, 0, readback, 0, 256);
    device.queue.submit([encoder.finish()]);
    await readback.mapAsync(GPUMapMode.READ);
    const values = [...new Float32Array(readback.getMappedRange())];
    readback.unmap();
    return values;
  };
}
const print = (value) => console.log(JSON.stringify(value));
`;

const COMPUTE = (choice: string): string => `${PRELUDE}
try {
  const { device, kind, name } = await start('${choice}');
  print({ kind, name, values: await (await makeKernel(device, 2))() });
} catch (error) {
  print({ error: error.name, message: error.message });
}`;

interface Computed {
  readonly kind?: string;
  readonly values?: readonly number[];
  readonly error?: string;
  readonly message?: string;
}

let module: BuiltModule;
beforeAll(async () => {
  module = await buildModule('src/node/adapter.ts');
});
afterAll(() => module.remove());

function run(program: string, env: ChildOptions['env'] = {}, flags: string[] = []): Promise<ChildResult> {
  return runProgram(module, program, { env: { ...CLEAN, ...env }, flags });
}

async function compute(choice: string, env?: ChildOptions['env']): Promise<Computed> {
  const result = await run(COMPUTE(choice), env);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  const computed = JSON.parse(result.stdout) as Computed;
  // Two rounds of v / 2 + 1, exact in float32.
  const expected = Array.from({ length: 64 }, (_, index) => index / 4 + 1.5);
  if (computed.values !== undefined) expect(computed.values).toEqual(expected);
  return computed;
}

describe('the choice of the adapter', () => {
  test('auto finds one that computes', async () => {
    expect(await compute('auto')).toMatchObject({
      kind: expect.stringMatching(/hardware|software|swiftshader/),
    });
  });

  test('swiftshader is taken even where the system has a driver', async () => {
    expect(await compute('swiftshader')).toMatchObject({ kind: 'swiftshader' });
  });

  test('system gives a driver of the system or says that there is none', async () => {
    const { kind, message } = await compute('system');
    if (kind === undefined)
      expect(message).toMatch(/^No graphics driver of this system can be used \(.+\); /);
    else expect(kind).toMatch(/hardware|software/);
  });

  test('without a driver of the system, auto falls back to SwiftShader', async () => {
    expect(await compute('auto', NO_DRIVER)).toMatchObject({ kind: 'swiftshader' });
  });

  test('without a driver of the system, system is a sentence', async () => {
    const { error, message } = await compute('system', NO_DRIVER);
    expect(error).toBe('UsageError');
    expect(message).toMatch(
      /^No graphics driver of this system can be used \(.+\); install one, .+ --adapter swiftshader\.$/,
    );
  });

  test('a process that has one driver refuses another', async () => {
    const { stdout } = await run(`${PRELUDE}
      await start('swiftshader');
      print([(await acquireAdapter('auto')).kind, await acquireAdapter('system').catch((error) => error.message)]);`);
    expect(JSON.parse(stdout)).toEqual([
      'swiftshader',
      'This process already uses SwiftShader; start another process for --adapter system.',
    ]);
  });

  test('the words of --adapter and SOFTQ_ADAPTER', () => {
    expect(parseAdapterChoice('system')).toBe('system');
    expect(() => parseAdapterChoice('cuda')).toThrow(UsageError);
    expect(() => parseAdapterChoice('cuda')).toThrow(
      "--adapter is 'cuda', but must be one of auto, system, swiftshader.",
    );
  });

  test('the kernels of --kernels or SOFTQ_KERNELS are ones that there are, or what suits the adapter', () => {
    expect(parseKernelFamily(undefined)).toBeUndefined();
    expect(parseKernelFamily('auto')).toBeUndefined();
    expect(parseKernelFamily('fused')).toBe('fused');
    expect(() => parseKernelFamily('tensor')).toThrow(
      "--kernels is 'tensor', but must be one of auto, layered, lanes, fused.",
    );
    vi.stubEnv('SOFTQ_KERNELS', 'fast');
    expect(() => parseKernelFamily(undefined)).toThrow("SOFTQ_KERNELS is 'fast'");
    vi.unstubAllEnvs();
  });

  test('SOFTQ_ADAPTER counts where --adapter is not given', async () => {
    const program = `import { parseAdapterChoice } from './module.mjs';
      try { console.log(parseAdapterChoice(undefined)); } catch (error) { console.log(error.message); }`;
    const words = await Promise.all(
      [undefined, '', 'system', 'gpu'].map(
        async (SOFTQ_ADAPTER) => (await run(program, { SOFTQ_ADAPTER })).stdout,
      ),
    );
    expect(words.map((word) => word.trim())).toEqual([
      'auto',
      'auto',
      'system',
      "SOFTQ_ADAPTER is 'gpu', but must be one of auto, system, swiftshader.",
    ]);
  });
});

describe('living with Dawn', () => {
  test('garbage collection of what the caller dropped does not end the process', async () => {
    const result = await run(
      `${PRELUDE}
      const collect = async () => {
        for (let round = 0; round < 10; round += 1) {
          gc();
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      };
      // Only the device is kept; without the pin Dawn ends the process in its next wait.
      const { device } = await start('swiftshader');
      await collect();
      const kernel = await makeKernel(device, 2);
      for (let round = 0; round < 10; round += 1) { gc(); await kernel(); }
      // Nothing is kept.
      await (async () => { await (await makeKernel((await start('swiftshader')).device, 2))(); })();
      await collect();
      print((await (await makeKernel((await start('swiftshader')).device, 2))()).length);`,
      {},
      ['--expose-gc'],
    );
    expect(result).toMatchObject({ code: 0, signal: null, stdout: '64\n' });
  });

  test('an idle device costs no CPU time', async () => {
    const { stdout } = await run(`${PRELUDE}
      const { device } = await start('swiftshader');
      await (await makeKernel(device, 2))();
      const before = process.cpuUsage();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const { user, system } = process.cpuUsage(before);
      print((user + system) / 1e6);`);
    // Measured: 0.001 s per second. Dawn's spinning would be 1.
    expect(JSON.parse(stdout)).toBeLessThan(0.1);
  });

  test('waiting for a long dispatch leaves the main thread idle, and a short one is read back soon', async () => {
    const { stdout } = await run(`${PRELUDE}
      const { device } = await start('swiftshader');
      const long = await makeKernel(device, 10_000_000);
      const before = performance.eventLoopUtilization();
      const began = performance.now();
      await long();
      const waited = performance.now() - began;
      const { utilization } = performance.eventLoopUtilization(before);
      const short = await makeKernel(device, 2);
      const times = [];
      for (let round = 0; round < 100; round += 1) {
        const start = performance.now();
        await short();
        times.push(performance.now() - start);
      }
      print({ waited, utilization, median: times.sort((a, b) => a - b)[50] });`);
    const { waited, utilization, median } = JSON.parse(stdout) as Record<string, number>;
    // Long enough that start-up does not count.
    expect(waited).toBeGreaterThan(100);
    // Measured: 0.03 of the time, and 0.1 to 0.3 ms; the bounds leave room for a busy machine.
    expect(utilization).toBeLessThan(0.15);
    expect(median).toBeLessThan(5);
  });

  test('setImmediate and its promise still work for everyone else', async () => {
    const { stdout } = await run(`${PRELUDE}
      import { promisify } from 'node:util';
      const { device } = await start('swiftshader');
      const order = [];
      const cancelled = setImmediate(() => order.push('cancelled'));
      clearImmediate(cancelled);
      setImmediate((word) => order.push(word), 'argument');
      await new Promise((resolve) => setImmediate(resolve));
      order.push(await promisify(setImmediate)('promise'));
      print(order);`);
    expect(JSON.parse(stdout)).toEqual(['argument', 'promise']);
  });
});
