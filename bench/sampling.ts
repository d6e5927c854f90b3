/**
 * What sampling from exp(Q / alpha) of trained critics costs: the amortised network, refined and not, against samplers that
 * start from nothing at every state. Quality is the energy distance to exact draws of the same density, speed is measured in
 * turns. `node dist/bench/sampling.js RUN... [--adapter auto|system|swiftshader] [--json FILE]`
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { MULTIGOAL_PROBES } from '../src/envs/multigoal.ts';
import { energyDistance } from '../src/exact/sample-distance.ts';
import { Clock } from '../src/gpu/clock.ts';
import { Gpu } from '../src/gpu/gpu.ts';
import { program, type Dispatch, type Program } from '../src/gpu/program.ts';
import { random, uniform } from '../src/gpu/random.ts';
import { constantsOf, shaderSource } from '../src/gpu/shader.ts';
import { padded, type Tensor } from '../src/gpu/tensor.ts';
import { acquireAdapter, parseAdapterChoice } from '../src/node/adapter.ts';
import { RunFolder } from '../src/node/run-folder.ts';
import { squash, type Draw, type DrawOptions, type NoiseSource, type Policy } from '../src/rl/policy.ts';
import { LangevinPolicy, ResampledPolicy, type CriticDensity } from '../src/rl/refined-policy.ts';
import { Svgd } from '../src/svgd/svgd.ts';
import { Evaluator } from '../src/train/evaluator.ts';
import { Trainer } from '../src/train/trainer.ts';
import { median, programWork, repeatsOf, sample, WALL } from './support/measure.ts';
import { driverStopwatch } from './support/node-runtime.ts';

/** Independent copies of every probe state, and draws at each: as many draws a state as SVGD has particles. */
const COPIES = 16;
const PARTICLES = 32;
const STATES = COPIES * MULTIGOAL_PROBES.length;
const DRAWS = STATES * PARTICLES;
/** Runs of a sampler, each with noise of its own, behind its quality. */
const REPETITIONS = 4;
/** Exact draws of each probe, from a grid of this many actions along an axis. */
const EXACT_DRAWS = 2048;
const GRID = 256;
const ROUNDS = 5;
const SEED = 1;
const STREAM = constantsOf(shaderSource('common/random.wgsl'))['STREAM_REFERENCE']!;
/** AdaGrad's step of the SVGD particles, in u: the best of 0.1, 0.2, 0.4, 0.8, 1.2 and 1.6 on the default critic of seed 0. */
const SVGD_STEP = 1.2;

/** What one sampler came to on one run. */
interface Result {
  readonly run: string;
  readonly sampler: string;
  /** To exact draws of exp(Q / alpha), mean over the probes. */
  readonly energyDistance: number;
  /** Samples a second by the wall clock, median of the rounds. */
  readonly wall: number;
  /** The same by CPU time of the driver's threads over all cores; null where the system does not tell. */
  readonly cpu: number | null;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { adapter: { type: 'string' }, json: { type: 'string' } },
  });
  const acquired = await acquireAdapter(parseAdapterChoice(values.adapter));
  const gpu = await Gpu.create(acquired.gpu, acquired.adapter);
  const results: Result[] = [];
  for (const path of positionals) results.push(...(await benchRun(gpu, path)));
  print(acquired.name, results);
  if (values.json !== undefined) {
    const run = { adapter: acquired.name, runtime: `Node ${process.version}`, cores: availableParallelism() };
    writeFileSync(values.json, `${JSON.stringify({ ...run, draws: DRAWS, results }, null, 1)}\n`);
  }
  gpu.dispose();
}

/** Every sampler on one trained run: quality once, speed in turns. */
async function benchRun(gpu: Gpu, path: string): Promise<Result[]> {
  const release = gpu.scope();
  const folder = await RunFolder.open(path);
  const { config, learner } = await folder.readCheckpoint(['learner']);
  const trainer = await Trainer.create(gpu, { ...config, environments: 1, replayCapacity: 1 });
  const { algorithm, environment } = trainer;
  algorithm.restore(new Map(learner.map((array) => [array.name, array.data])));
  const clock = new Clock(gpu);
  const source = { clock, seeds: gpu.tensorOf('bench.seeds', Uint32Array.of(SEED)) };
  const { policy, softQ, temperature } = algorithm;
  const density = { softQ, temperature, rewardScale: config.rewardScale };
  const states = Array.from({ length: STATES }, (_, i) => MULTIGOAL_PROBES[i % MULTIGOAL_PROBES.length]!);
  const observation = gpu.tensorOf('bench.states', Float32Array.from(states.flat()));
  const options: DrawOptions = { observation, states: STATES, particles: PARTICLES, use: 'evaluation' };
  const evaluator = new Evaluator(gpu, algorithm, environment, { rollouts: 1, seed: SEED });
  const exact = await exactDraws(gpu, evaluator, density);

  const samplers = Object.entries(samplersOf(gpu, policy, density, source));
  const measured = [];
  for (const [name, sampler] of samplers) {
    const draw = sampler.draw(name, options, source);
    const drawn: number[][][] = exact.map(() => []);
    for (let iteration = 0; iteration < REPETITIONS; iteration++) {
      clock.write({ iteration });
      await gpu.run(draw.program);
      probeSamples(await gpu.read(draw.preTanh)).forEach((points, i) => drawn[i]!.push(...points));
    }
    const distances = drawn.map((points, i) => energyDistance(points, exact[i]!));
    const distance = distances.reduce((sum, one) => sum + one, 0) / distances.length;
    const work = programWork(gpu, draw.program, DRAWS);
    measured.push({ name, distance, work, repeats: await repeatsOf(work), rates: [] as number[][] });
  }
  const driver = driverStopwatch();
  const stopwatches = driver === null ? [WALL] : [WALL, driver];
  for (let round = 0; round < ROUNDS; round++) {
    for (const { work, repeats, rates } of measured) {
      rates.push(await sample(work, repeats, stopwatches));
    }
  }
  release();
  return measured.map(({ name, distance, rates }) => ({
    run: folder.name,
    sampler: name,
    energyDistance: distance,
    wall: median(rates.map(([wall]) => wall!)),
    cpu: driver === null ? null : median(rates.map(([, cpu]) => cpu!)),
  }));
}

/** The samplers by name, each with rising amounts of work. */
function samplersOf(
  gpu: Gpu,
  network: Policy,
  density: CriticDensity,
  source: NoiseSource,
): Record<string, Policy> {
  const uniformly = new ResampledPolicy(gpu, density, { candidates: 1 }, source);
  const langevin = (base: Policy, steps: number, stepSize: number) =>
    new LangevinPolicy(gpu, base, density, { steps, stepSize });
  return {
    network,
    ...Object.fromEntries(
      [1, 3, 10].map((n) => [`network + Langevin, ${n} x 0.05`, langevin(network, n, 0.05)]),
    ),
    ...Object.fromEntries(
      [10, 30, 100].map((n) => [`Langevin from uniform, ${n} x 0.05`, langevin(uniformly, n, 0.05)]),
    ),
    ...Object.fromEntries(
      [4, 8, 16].map((candidates) => [
        `resampling of ${candidates}`,
        new ResampledPolicy(gpu, density, { candidates }, source),
      ]),
    ),
    ...Object.fromEntries(
      [3, 5, 10, 30].map((n) => [
        `SVGD from uniform, ${n} steps`,
        new SvgdPolicy(gpu, uniformly, density, n),
      ]),
    ),
  };
}

/** Liu and Wang's particles from a start of their own at every state, moved by AdaGrad: as the learner's, many states at once. */
class SvgdPolicy implements Policy {
  readonly spec: Policy['spec'];
  readonly source: NoiseSource;
  readonly #gpu: Gpu;
  readonly #start: Policy;
  readonly #density: CriticDensity;
  readonly #steps: number;

  constructor(gpu: Gpu, start: Policy, density: CriticDensity, steps: number) {
    this.spec = start.spec;
    this.source = start.source;
    this.#gpu = gpu;
    this.#start = start;
    this.#density = density;
    this.#steps = steps;
  }

  draw(label: string, options: DrawOptions, source = this.source): Draw {
    const gpu = this.#gpu;
    const { states, particles } = options;
    const { observationSize, actionSize, members } = this.spec;
    const { softQ, temperature, rewardScale } = this.#density;
    const start = this.#start.draw(label, options, source);
    const { preTanh } = start;
    const q = softQ.actionGradient(states * particles);
    const critic = { ...options, preTanh, stateAction: q.stateAction, criticParticles: particles };
    const { actions, dispatch } = squash(gpu, label, this.spec, critic);
    const svgd = new Svgd(gpu, {
      members,
      states,
      actionSize,
      fixedParticles: particles,
      updatedParticles: particles,
      shared: true,
      kind: 'tanh-kernel',
      bandwidth: 'plus-one',
      bandwidthFloor: 1e-3,
      repulsion: true,
    });
    const direction = gpu.tensor(`${label}.direction`, preTanh.shape);
    const squares = gpu.tensor(`${label}.squares`, preTanh.shape);
    const step = program('svgd.step', [
      dispatch,
      q.program,
      svgd.direction({
        preTanh,
        actions,
        stride: padded(actionSize),
        actionGradient: q.gradient,
        gradientStride: padded(observationSize + actionSize),
        gradientFirst: observationSize,
        temperature,
        rewardScale,
        direction,
        scale: 1,
      }),
      this.#move(direction, preTanh, squares),
    ]);
    const steps = new Array<Program>(this.#steps).fill(step);
    return { preTanh, program: program(label, [start.program, ...steps]) };
  }

  #move(direction: Tensor, particles: Tensor, squares: Tensor): Dispatch {
    const { size } = particles;
    return this.#gpu
      .kernel('svgd/move_particles.wgsl')
      .bind({ direction, particles, squares }, { threads: [size], params: { size, step_size: SVGD_STEP } });
  }
}

/** Actions by probe, from u of all states and particles: (PARTICLES, STATES, padded(2)). */
function probeSamples(preTanh: Float32Array): number[][][] {
  const probes = MULTIGOAL_PROBES.length;
  const stride = preTanh.length / DRAWS;
  return MULTIGOAL_PROBES.map((_, probe) =>
    Array.from({ length: DRAWS / probes }, (__, i) => {
      const at = (i * probes + probe) * stride;
      return [Math.tanh(preTanh[at]!), Math.tanh(preTanh[at + 1]!)];
    }),
  );
}

/** Exact draws of exp(Q / alpha) at every probe: a cell of a grid by its share, then anywhere in the cell. */
async function exactDraws(gpu: Gpu, evaluator: Evaluator, density: CriticDensity): Promise<number[][][]> {
  const [temperature = NaN] = await gpu.read(density.temperature);
  const width = 2 / GRID;
  const cells = Array.from({ length: GRID * GRID }, (_, i) => [
    -1 + ((i % GRID) + 0.5) * width,
    -1 + (Math.floor(i / GRID) + 0.5) * width,
  ]);
  const draws: number[][][] = [];
  for (const [probe, state] of MULTIGOAL_PROBES.entries()) {
    const values = await evaluator.valuesAt(
      cells.map((cell) => [...state, ...cell]),
      density.rewardScale,
    );
    const top = Math.max(...values);
    const cumulative: number[] = [];
    values.reduce((sum, value) => {
      cumulative.push(sum + Math.exp((value - top) / temperature));
      return cumulative.at(-1)!;
    }, 0);
    draws.push(
      Array.from({ length: EXACT_DRAWS }, (_, i) => {
        const [which, x, y] = random(SEED, STREAM, probe, i).map(uniform) as [number, number, number];
        const cell = cells[firstAbove(cumulative, which * cumulative.at(-1)!)]!;
        return [cell[0]! + (x - 0.5) * width, cell[1]! + (y - 0.5) * width];
      }),
    );
  }
  return draws;
}

/** The first index whose number is above `threshold`, in rising numbers. */
function firstAbove(rising: readonly number[], threshold: number): number {
  let [low, high] = [0, rising.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle]! > threshold) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Medians over the runs. */
function print(adapter: string, results: readonly Result[]): void {
  const table = new Table({ head: ['sampler', 'energy distance', 'samples/s by wall', 'by driver CPU'] });
  for (const name of new Set(results.map(({ sampler }) => sampler))) {
    const mine = results.filter(({ sampler }) => sampler === name);
    const rate = (of: (one: Result) => number) => Math.round(median(mine.map(of))).toLocaleString('en');
    table.push([
      name,
      median(mine.map((one) => one.energyDistance)).toFixed(4),
      rate(({ wall }) => wall),
      mine.some(({ cpu }) => cpu === null) ? '-' : rate(({ cpu }) => cpu!),
    ]);
  }
  console.log(`${adapter}, Node ${process.version}, ${STATES} states x ${PARTICLES} draws`);
  console.log(table.toString());
}

await main();
