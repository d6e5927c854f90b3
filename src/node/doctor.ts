import { Clock } from '../gpu/clock.ts';
import { Gpu } from '../gpu/gpu.ts';
import { program } from '../gpu/program.ts';
import { random, uniform } from '../gpu/random.ts';
import { constantFor, constantsOf, shaderSource } from '../gpu/shader.ts';
import { padded } from '../gpu/tensor.ts';
import { fusedBandwidth } from '../svgd/bandwidth.ts';
import { Svgd } from '../svgd/svgd.ts';
import { acquireAdapter, type AcquiredAdapter, type AdapterChoice } from './adapter.ts';
import { checkDense } from './dense-check.ts';
import { compareKernel, LINEAR, numbers, type KernelCheck } from './kernel-check.ts';
import { table } from './table.ts';
import { chunks, columns } from './vector-file.ts';
import { padRows } from './vector-update.ts';

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupStorageSize',
] as const;
const FEATURES = ['timestamp-query', 'subgroups', 'shader-f16'] as const;

const FASTER =
  'SwiftShader is the slowest adapter. A current Mesa is several times as fast (Debian and Ubuntu: package ' +
  'mesa-vulkan-drivers; on Debian 12 from bookworm-backports, since Dawn refuses its stock version), a GPU faster yet.';

/** Largest error through exp and log. */
const TRANSCENDENTAL = 1e-4;

/** What this machine offers, and whether it computes correctly. */
export interface DoctorReport {
  readonly adapter: Readonly<
    Record<'name' | 'kind' | 'vendor' | 'architecture' | 'device' | 'description', string>
  >;
  readonly node: string;
  readonly platform: string;
  /** Of the adapter; the device asks for less, see `Gpu.create`. */
  readonly limits: Readonly<Record<(typeof LIMITS)[number], number>>;
  readonly features: Readonly<Record<(typeof FEATURES)[number], boolean>>;
  readonly checks: readonly KernelCheck[];
  /** What Dawn said about the drivers while it looked at them; often empty. */
  readonly notes: string;
  /** How to get a faster adapter, where this is the slowest. */
  readonly advice: string | null;
  /** Whether every check is. */
  readonly ok: boolean;
}

/**
 * Looks at the adapter of the user's choice and checks a handful of kernels on it.
 * @throws UsageError where there is no such adapter.
 */
export async function doctor(choice: AdapterChoice): Promise<DoctorReport> {
  const acquired = await acquireAdapter(choice);
  const { adapter } = acquired;
  const gpu = await Gpu.create(acquired.gpu, adapter);
  const checks = await checkKernels(gpu);
  gpu.dispose();
  return {
    adapter: describeAdapter(acquired),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    limits: Object.fromEntries(
      LIMITS.map((name) => [name, adapter.limits[name]]),
    ) as unknown as DoctorReport['limits'],
    features: Object.fromEntries(
      FEATURES.map((name) => [name, adapter.features.has(name)]),
    ) as unknown as DoctorReport['features'],
    checks,
    notes: acquired.notes,
    advice: acquired.kind === 'swiftshader' ? FASTER : null,
    ok: checks.every((check) => check.ok),
  };
}

function describeAdapter({ adapter, kind, name }: AcquiredAdapter): DoctorReport['adapter'] {
  const { vendor, architecture, device, description } = adapter.info;
  return { name, kind, vendor, architecture, device, description };
}

/** A report as people read it. */
export function renderDoctor(report: DoctorReport): string {
  const { adapter, limits, features, checks, notes, advice } = report;
  const machine = table([
    ['adapter', `${adapter.name} (${adapter.kind})`],
    ...(['vendor', 'architecture', 'device', 'description'] as const).map((key) => [key, adapter[key]]),
    ['Node', `${report.node}, ${report.platform}`],
    ...LIMITS.map((name) => [name, name.endsWith('Size') ? bytes(limits[name]) : String(limits[name])]),
    ...FEATURES.map((name) => [name, features[name] ? 'yes' : 'no']),
  ]);
  const rows = checks.map((check) => [check.name, ...outcomeCells(check)]);
  const wrong = checks.filter((check) => !check.ok).length;
  return [
    machine,
    table(rows, ['against float64', 'error', 'tolerance', '']),
    ...checks.flatMap(({ name, failure }) => (failure ? [`${name} did not run: ${failure}`] : [])),
    ...(notes ? [`Dawn says of the drivers:\n${notes.replace(/^/gm, '  ')}`] : []),
    wrong === 0
      ? 'This adapter computes correctly.'
      : `${wrong} of ${checks.length} checks failed: do not trust results from this adapter.`,
    ...(advice ? [advice] : []),
  ].join('\n');
}

/** Error, tolerance and verdict of a comparison as cells of a table. */
export function outcomeCells({ error, tolerance, ok }: Omit<KernelCheck, 'name'>): string[] {
  const [found, allowed] = [error, tolerance].map((one) => (one === 0 ? '0' : one.toExponential(1)));
  return [found!, allowed!, ok ? 'ok' : 'WRONG'];
}

function bytes(count: number): string {
  return count < 2 ** 20 ? `${count / 2 ** 10} KiB` : `${Math.round(count / 2 ** 20)} MiB`;
}

/** Runs every check on `gpu`; a kernel that the driver refuses is a check that failed. */
export async function checkKernels(gpu: Gpu): Promise<KernelCheck[]> {
  const checks: KernelCheck[] = [];
  for (const [name, check] of Object.entries({
    'random bits': checkRandom,
    'dense layers': checkDense,
    'Stein direction': checkStein,
    'soft value': checkSoftValue,
  })) {
    try {
      checks.push(...(await check(gpu)));
    } catch (error) {
      checks.push({ name, error: NaN, tolerance: 0, ok: false, failure: (error as Error).message });
    }
  }
  return checks;
}

const STREAM_RANDOM_ACTION = constantsOf(shaderSource('common/random.wgsl'))['STREAM_RANDOM_ACTION']!;

/** Uniform actions, which are the upper 24 bits of a word: exact. */
async function checkRandom(gpu: Gpu): Promise<KernelCheck[]> {
  const [environments, actionSize, seed, iteration] = [100, 3, 0xfedcba98, 0x89abcdef];
  const clock = new Clock(gpu);
  clock.write({ iteration });
  const action = gpu.tensor('doctor.action', [environments, actionSize]);
  const act = gpu.kernel('rl/act.wgsl').bind(
    {
      clock: clock.tensor,
      seeds: gpu.tensorOf('doctor.seeds', Uint32Array.of(seed)),
      pre_tanh: gpu.tensor('doctor.preTanh', [environments, padded(actionSize)]),
      action,
    },
    {
      threads: [environments, 1],
      params: {
        environments,
        random_environments: environments,
        action_size: actionSize,
        stride: padded(actionSize),
      },
    },
  );
  await gpu.run(program('doctor.random', [act]));
  const expected = Array.from({ length: environments * actionSize }, (_, i) => {
    return 2 * uniform(random(seed, STREAM_RANDOM_ACTION, iteration, i)[0]) - 1;
  });
  return [compareKernel('random bits', await gpu.read(action), expected, 0)];
}

/** Eq. 13 with the kernel in a = tanh u, a median bandwidth for each state, and two-dimensional actions. */
async function checkStein(gpu: Gpu): Promise<KernelCheck[]> {
  const [states, fixed, updated, actionSize] = [10, 5, 4, 2];
  const [alpha, scale, floor, stride] = [0.7, -0.3, 1e-3, padded(actionSize)];
  const rows = (fixed + updated) * states;
  const u = chunks(
    [...numbers(200, rows * actionSize)].map((value) => 2 * value),
    actionSize,
  );
  // Rounded as the tensor is, so that both sides begin with the same numbers.
  const a = u.map((row) => row.map((value) => Math.fround(Math.tanh(value))));
  const slopes = chunks(
    [...numbers(201, fixed * states * actionSize)].map((value) => 3 * value),
    actionSize,
  );
  const options = { members: 1, states, fixedParticles: fixed, updatedParticles: updated, actionSize };
  const rules = { kind: 'tanh-kernel', bandwidth: 'code', bandwidthFloor: floor, repulsion: true } as const;
  const direction = gpu.tensor('doctor.direction', [1, fixed + updated, states, stride]);
  const inputs = {
    preTanh: gpu.tensorOf('doctor.u', padRows(actionSize, u)),
    actions: gpu.tensorOf('doctor.a', padRows(actionSize, a)),
    stride,
    actionGradient: gpu.tensorOf('doctor.slopes', padRows(actionSize, slopes)),
    gradientStride: stride,
    gradientFirst: 0,
    temperature: gpu.tensorOf('doctor.temperature', Float32Array.of(alpha)),
    rewardScale: 1,
    direction,
    scale,
  };
  await gpu.run(new Svgd(gpu, { ...options, ...rules }).direction(inputs));
  const actual = columns(await gpu.read(direction), stride, actionSize).slice(fixed * states);

  const bandwidth = gpu.tensor('doctor.bandwidth', [1, states]);
  const positions = inputs.actions;
  const rule = { rule: rules.bandwidth, floor };
  await gpu.run(
    program('doctor.bandwidth', [fusedBandwidth(gpu, { ...options, ...rule, positions, stride, bandwidth })]),
  );
  const squared = (state: number, j: number, i: number) => {
    const [x, y] = [a[j * states + state]!, a[(fixed + i) * states + state]!];
    return x.reduce((sum, value, d) => sum + (value - y[d]!) ** 2, 0);
  };
  const bandwidths = Array.from({ length: states }, (_, state) => {
    const pairs = Array.from({ length: fixed * updated }, (__, p) =>
      squared(state, Math.floor(p / updated), p % updated),
    );
    const median = pairs.sort((p, q) => p - q)[Math.floor((pairs.length - 1) / 2)]!;
    return Math.max(median / Math.log(fixed), floor);
  });
  const expected = actual.map((_, row) => {
    const state = row % states;
    const at = (particle: number) => a[particle * states + state]!;
    const h = bandwidths[state]!;
    const i = Math.floor(row / states);
    return at(fixed + i).map((y, d) => {
      let phi = 0;
      for (let j = 0; j < fixed; j++) {
        const x = at(j)[d]!;
        const kappa = Math.exp(-squared(state, j, i) / h);
        const score = ((1 - x * x) * slopes[j * states + state]![d]!) / alpha - 2 * x;
        phi += kappa * score + (1 - x * x) * (-2 / h) * (x - y) * kappa;
      }
      return (scale * phi) / fixed;
    });
  });
  return [
    compareKernel('Stein direction', actual.flat(), expected.flat(), TRANSCENDENTAL),
    compareKernel('bandwidth in one dispatch', await gpu.read(bandwidth), bandwidths, LINEAR),
  ];
}

/** Eq. 10, with usual values of Q and with some that overflow an exponential unless the largest is taken out first. */
async function checkSoftValue(gpu: Gpu): Promise<KernelCheck[]> {
  return [...(await softValueUpTo(gpu, 3, '')), ...(await softValueUpTo(gpu, 200, ', large Q'))];
}

async function softValueUpTo(gpu: Gpu, largestQ: number, suffix: string): Promise<KernelCheck[]> {
  const [states, particles, discount, alpha] = [50, 16, 0.99, 0.8];
  const q = numbers(300, states * particles).map((value) => largestQ * value);
  const density = numbers(301, states * particles);
  const reward = numbers(302, states);
  const terminated = numbers(303, states).map((value) => (value > 0.5 ? 1 : 0));
  const [value, target] = [gpu.tensor('doctor.value', [states]), gpu.tensor('doctor.target', [states])];
  const constants = {
    ESTIMATOR: constantFor(constantsOf(shaderSource('rl/td_target.wgsl')), 'log-mean-exp'),
  };
  const kernel = gpu.kernel('rl/td_target.wgsl', { constants }).bind(
    {
      q_values: gpu.tensorOf(
        'doctor.q',
        padRows(
          1,
          [...q].map((one) => [one]),
        ),
      ),
      log_density: gpu.tensorOf('doctor.density', density),
      temperature: gpu.tensorOf('doctor.temperature', Float32Array.of(alpha)),
      reward: gpu.tensorOf('doctor.reward', reward),
      terminated: gpu.tensorOf('doctor.terminated', terminated),
      value,
      td_target: target,
    },
    {
      threads: [states, 1],
      params: {
        states,
        particles,
        state_stride: particles,
        particle_stride: 1,
        discount,
        reward_scale: 1,
      },
    },
  );
  await gpu.run(program('doctor.softValue', [kernel]));
  const values = chunks([...q], particles).map((row, state) => {
    const exponents = row.map((one, k) => one / alpha - density[state * particles + k]!);
    const most = Math.max(...exponents);
    const mean = exponents.reduce((sum, one) => sum + Math.exp(one - most), 0) / particles;
    return alpha * (most + Math.log(mean));
  });
  const targets = values.map((one, state) => reward[state]! + discount * (1 - terminated[state]!) * one);
  return [
    compareKernel(`soft value${suffix}`, await gpu.read(value), values, TRANSCENDENTAL),
    compareKernel(`TD target${suffix}`, await gpu.read(target), targets, TRANSCENDENTAL),
  ];
}
