/**
 * The dense layer of 128 inputs and 128 outputs on 2048 rows against the adapter's multiply-add roofline, measured in
 * turns. `node dist/bench/dense.js [--adapter auto|system|swiftshader] [--json FILE]`
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { Gpu } from '../src/gpu/gpu.ts';
import { Mlp } from '../src/nn/mlp.ts';
import { rooflineWork } from '../src/profile/roofline.ts';
import { acquireAdapter, parseAdapterChoice } from '../src/node/adapter.ts';
import { median, paired, repeatsOf, sample, type Row, type Work } from './support/measure.ts';

const ROWS = 2048;
const WIDTH = 128;
const PAIRS = 9;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { adapter: { type: 'string' }, json: { type: 'string' } } });
  const acquired = await acquireAdapter(parseAdapterChoice(values.adapter));
  const gpu = await Gpu.create(acquired.gpu, acquired.adapter);
  const peer = await bestRoofline(gpu);
  const rows: Row[] = [];
  for (const [name, work] of Object.entries(denseWork(gpu))) {
    const ours = { work, repeats: await repeatsOf(gpu, work) };
    const pairs = [];
    for (let pair = 0; pair < PAIRS; pair++) {
      pairs.push([
        await sample(gpu, ours.work, ours.repeats),
        await sample(gpu, peer.work, peer.repeats),
      ] as const);
    }
    const common = { name, adapter: acquired.name, runtime: `Node ${process.version}` };
    const wall = pairs.map(([a, b]) => [a.wall, b.wall] as const);
    const cpu = pairs.map(([a, b]) => [a.cpu ?? NaN, b.cpu ?? NaN] as const);
    if (acquired.kind !== 'hardware' && !cpu.flat().some(Number.isNaN)) {
      rows.push({
        ...common,
        ...paired(cpu),
        unit: `GFLOPS by driver CPU on ${availableParallelism()} cores`,
      });
    }
    rows.push({ ...common, ...paired(wall), unit: 'GFLOPS by wall' });
  }
  print(rows, `roofline of ${peer.sums} scalar f32 accumulators`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
  gpu.dispose();
}

/** The three kernels of a dense layer, each alone. */
function denseWork(gpu: Gpu): Record<string, Work> {
  const spec = { inputSize: WIDTH, hidden: [], outputSize: WIDTH, activation: 'relu' as const };
  const mlp = new Mlp(gpu, 'dense', spec, 1);
  mlp.parameters.initialise([1], 0);
  const pass = mlp.pass('dense', ROWS);
  gpu.write(
    pass.input,
    Float32Array.from({ length: ROWS * WIDTH }, (_, i) => Math.sin(i)),
  );
  const outputGrad = pass.gradTensor('outputGrad', WIDTH);
  gpu.write(
    outputGrad,
    Float32Array.from({ length: ROWS * WIDTH }, (_, i) => Math.cos(i)),
  );
  const inputGrad = pass.gradTensor('inputGrad', WIDTH);
  const parameterGrad = pass.parameterGradient();
  const size = 2 * ROWS * WIDTH * WIDTH * 1e-9;
  const shape = `[${ROWS}x${WIDTH}]x[${WIDTH}x${WIDTH}]`;
  return {
    [`dense forward ${shape}`]: { program: pass.forward(), size },
    [`dense backward to the input ${shape}`]: { program: pass.backward({ outputGrad, inputGrad }), size },
    [`dense backward to the parameters ${shape}`]: {
      program: pass.backward({ outputGrad, parameterGrad }),
      size,
    },
  };
}

/** The fastest of the roofline's variants, by the time that the rows are about. */
async function bestRoofline(gpu: Gpu) {
  const variants = [];
  for (const { sums, program, flops } of rooflineWork(gpu)) {
    const work: Work = { program, size: flops * 1e-9 };
    const repeats = await repeatsOf(gpu, work);
    const rates = [];
    for (let i = 0; i < 3; i++) rates.push(await sample(gpu, work, repeats));
    variants.push({ sums, work, repeats, rate: median(rates.map(({ cpu, wall }) => cpu ?? wall)) });
  }
  return variants.reduce((best, one) => (one.rate > best.rate ? one : best));
}

function print(rows: readonly Row[], peer: string): void {
  const table = new Table({ head: ['', 'ours', 'peer', 'unit', 'ours / peer', 'spread'] });
  for (const { name, ours, peer: other, unit, ratio, spread } of rows) {
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
    table.push([name, ours.toFixed(1), other.toFixed(1), unit, percent(ratio), percent(spread)]);
  }
  console.log(`${rows[0]!.adapter}, ${rows[0]!.runtime}; peer: ${peer}`);
  console.log(table.toString());
}

await main();
