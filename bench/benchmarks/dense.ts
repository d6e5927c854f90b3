import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Program } from '../../src/gpu/program.ts';
import type { MlpPass } from '../../src/nn/mlp-pass.ts';
import type { MlpSpec } from '../../src/nn/mlp-spec.ts';
import { Mlp } from '../../src/nn/mlp.ts';
import { rooflineWork } from '../../src/profile/roofline.ts';
import { flopsOf } from '../../src/profile/timing.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import type { Benchmark, Host } from '../support/host.ts';
import { SoftqUpdater, UPDATE } from '../support/update.ts';
import { median, programWork, repeatsOf, sample, WALL, type Work } from '../support/measure.ts';

const WIDTH = 128;
/** One layer, which goes by itself on every adapter. */
const LAYER = { inputSize: WIDTH, hidden: [], outputSize: WIDTH, activation: 'relu' as const };
const LAYER_ROWS = 2048;
/** A critic of the update's size: whole networks, by the kernels that suit the adapter. */
const NETWORK = { inputSize: 4, hidden: [WIDTH, WIDTH], outputSize: 1, activation: 'relu' as const };
const NETWORK_ROWS = 4096;
/** Samples of each variant of the roofline, of which the fastest is the peer. */
const SAMPLES = 3;

/** Dense kernels, networks and the whole update against the adapter's multiply-add roofline, by the operations that count. */
export const DENSE_BENCHMARKS: readonly Benchmark[] = [
  ...kernelsOf('', `[${LAYER_ROWS}x${WIDTH}]x[${WIDTH}x${WIDTH}]`, LAYER, LAYER_ROWS),
  ...kernelsOf('network-', `4-${WIDTH}-${WIDTH}-1 on ${NETWORK_ROWS} rows`, NETWORK, NETWORK_ROWS),
  againstRoofline(
    'update',
    'dense layers of the whole update',
    async (gpu) => (await SoftqUpdater.create(gpu, UPDATE)).program,
  ),
];

interface Pass {
  readonly pass: MlpPass;
  readonly outputGrad: Tensor;
}

/** Forward, back to the input and back to the parameters; the gradient of a layer's parameters is that of one layer alone. */
function kernelsOf(prefix: string, shape: string, spec: MlpSpec, rows: number): Benchmark[] {
  const kernel = (id: string, title: string, programOf: (one: Pass) => Program) =>
    againstRoofline(`${prefix}${id}`, `dense ${title}, ${shape}`, async (gpu) =>
      programOf(passOf(gpu, spec, rows)),
    );
  return [
    kernel('forward', 'forward', ({ pass }) => pass.forward()),
    kernel('backward-input', 'backward to the input', ({ pass, outputGrad }) =>
      pass.backward({ outputGrad, inputGrad: pass.gradTensor('inputGrad', spec.inputSize) }),
    ),
    kernel('backward-parameters', 'backward to the parameters', ({ pass, outputGrad }) =>
      pass.backward({ outputGrad, parameterGrad: pass.parameterGradient() }),
    ),
  ];
}

function againstRoofline(id: string, title: string, programOf: (gpu: Gpu) => Promise<Program>): Benchmark {
  return {
    name: `dense/${id}`,
    title: `${title}; peer: multiply-add roofline`,
    counts: 'GFLOP',
    cpu: 'driver',
    prepare: async (host) => {
      const program = await programOf(host.gpu);
      const ours = programWork(host.gpu, program, flopsOf(program)! * 1e-9);
      await ours.run(1);
      return {
        ours,
        peer: await bestRoofline(host),
        dispose: () => undefined,
      };
    },
  };
}

function passOf(gpu: Gpu, spec: MlpSpec, rows: number): Pass {
  const mlp = new Mlp(gpu, 'dense', spec, 1);
  mlp.parameters.initialise([1], 0);
  const pass = mlp.pass('dense', rows);
  gpu.write(
    pass.input,
    Float32Array.from({ length: pass.input.size }, (_, i) => Math.sin(i)),
  );
  const outputGrad = pass.gradTensor('outputGrad', spec.outputSize);
  gpu.write(
    outputGrad,
    Float32Array.from({ length: outputGrad.size }, (_, i) => Math.cos(i)),
  );
  return { pass, outputGrad };
}

/** The fastest of the roofline's variants, by the time that the rows are about. */
async function bestRoofline({ gpu, driver }: Host): Promise<Work> {
  const variants = [];
  for (const { program, flops } of rooflineWork(gpu)) {
    const work = programWork(gpu, program, flops * 1e-9);
    await work.run(1);
    const repeats = await repeatsOf(work);
    const rates = [];
    for (let i = 0; i < SAMPLES; i++) rates.push((await sample(work, repeats, [driver ?? WALL]))[0]!);
    variants.push({ work, rate: median(rates) });
  }
  return variants.reduce((best, one) => (one.rate > best.rate ? one : best)).work;
}
