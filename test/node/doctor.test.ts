import { beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/gpu/gpu.ts';
import { acquireAdapter, parseAdapterChoice } from '../../src/node/adapter.ts';
import { checkKernels, doctor, renderDoctor, type DoctorReport } from '../../src/node/doctor.ts';
import { compareKernel } from '../../src/node/kernel-check.ts';
import { runNode } from '../support/child.ts';

const CHOICE = parseAdapterChoice(undefined);

let report: DoctorReport;
/** What the lanes kernels need. */
let eightLanes: boolean;
beforeAll(async () => {
  // The command line is tested as it is built; this builds it only if a source changed.
  await runNode(['src/node/setup.mjs']);
  report = await doctor(CHOICE);
  const { subgroupMinSize, subgroupMaxSize } = (await acquireAdapter(CHOICE)).adapter.info;
  eightLanes = report.features.subgroups && subgroupMinSize === 8 && subgroupMaxSize === 8;
}, 180_000);

describe('doctor', () => {
  test('finds every kernel right on the test adapter', () => {
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.checks.map(({ name }) => name)).toEqual([
      'random bits',
      'dense forward',
      'dense backward to input',
      'dense backward to parameters',
      ...(eightLanes ? ['lanes forward', 'lanes backward to input', 'lanes backward to parameters'] : []),
      'fused forward',
      'fused backward to input',
      'fused backward to parameters',
      'Stein direction',
      'bandwidth in one dispatch',
      'soft value',
      'TD target',
      'soft value, large Q',
      'TD target, large Q',
    ]);
  });

  test('names the adapter and what softq needs of it', () => {
    expect(report.adapter.name).not.toBe('');
    expect(report.node).toBe(process.version);
    // The defaults of WebGPU, which every adapter has.
    expect(report.limits.maxStorageBuffersPerShaderStage).toBeGreaterThanOrEqual(8);
    expect(report.limits.maxComputeInvocationsPerWorkgroup).toBeGreaterThanOrEqual(256);
    expect(report.limits.maxBufferSize).toBeGreaterThanOrEqual(2 ** 28);
    const text = renderDoctor(report);
    for (const part of [report.adapter.name, 'maxBufferSize', 'shader-f16', 'Stein direction']) {
      expect(text).toContain(part);
    }
    expect(text).toContain('This adapter computes correctly.');
    expect(text.includes('mesa-vulkan-drivers')).toBe(report.adapter.kind === 'swiftshader');
  });

  test('a wrong number, a NaN and a missing number are not ok', () => {
    const expected = [1, -2, 0.5];
    const check = (actual: number[], tolerance = 1e-5) => compareKernel('test', actual, expected, tolerance);
    expect(check(expected, 0)).toEqual({ name: 'test', error: 0, tolerance: 0, ok: true });
    expect(check([1, -2 + 1e-5, 0.5])).toMatchObject({ ok: true });
    expect(check([1, -2, 0.5 + 3e-5])).toMatchObject({ ok: false });
    expect(check([1, -2, 0.5 + 1e-7], 0)).toMatchObject({ ok: false });
    expect(check([NaN, -2, 0.5])).toMatchObject({ error: NaN, ok: false });
    expect(check([1, -2])).toMatchObject({ error: NaN, ok: false });
  });

  test('a device that gives no numbers fails every check and says so', async () => {
    const { gpu: instance, adapter } = await acquireAdapter(CHOICE);
    const gpu = await Gpu.create(instance, adapter);
    gpu.dispose();
    await gpu.device.lost;
    const checks = await checkKernels(gpu);
    expect(checks.length).toBeGreaterThanOrEqual(4);
    expect(checks.filter(({ ok }) => ok)).toEqual([]);
    const text = renderDoctor({ ...report, checks, ok: false });
    expect(text).toContain(`${checks.length} of ${checks.length} checks failed`);
    expect(text).toMatch(/random bits did not run: \S/);
  });
});

describe('softq doctor', () => {
  test('--json puts one object on stdout and nothing else', async () => {
    const { code, stdout, stderr } = await runNode(['dist/node/cli.js', 'doctor', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim().split('\n')).toHaveLength(1);
    const { adapter, limits, features, checks, ok } = JSON.parse(stdout) as DoctorReport;
    expect({ adapter, limits, features, ok }).toEqual({
      adapter: report.adapter,
      limits: report.limits,
      features: report.features,
      ok: true,
    });
    expect(checks).toEqual(report.checks);
  });

  test('without it people get tables', async () => {
    const { code, stdout } = await runNode(['dist/node/cli.js', 'doctor']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/│ dense forward\s+│ \d\.\de-\d+ │ 1\.0e-5\s+│ ok/);
  });
});
