import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Program } from '../../src/gpu/program.ts';
import type { MlpPass } from '../../src/nn/mlp-pass.ts';
import { Mlp } from '../../src/nn/mlp.ts';
import { rooflineWork } from '../../src/profile/roofline.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import type { Benchmark, Host } from '../support/host.ts';
import { median, programWork, repeatsOf, sample, WALL, type Work } from '../support/measure.ts';

const ROWS = 2048;
const WIDTH = 128;
const SHAPE = `[${ROWS}x${WIDTH}]x[${WIDTH}x${WIDTH}]`;
/** Samples of each variant of the roofline, of which the fastest is the peer. */
const SAMPLES = 3;

/** The three kernels of a dense layer against the adapter's multiply-add roofline. */
export const DENSE_BENCHMARKS: readonly Benchmark[] = [
  kernel('forward', 'dense forward', ({ pass }) => pass.forward()),
  kernel('backward-input', 'dense backward to the input', ({ pass, outputGrad }) =>
    pass.backward({ outputGrad, inputGrad: pass.gradTensor('inputGrad', WIDTH) }),
  ),
  kernel('backward-parameters', 'dense backward to the parameters', ({ pass, outputGrad }) =>
    pass.backward({ outputGrad, parameterGrad: pass.parameterGradient() }),
  ),
];

interface Layer {
  readonly pass: MlpPass;
  readonly outputGrad: Tensor;
}

function kernel(id: string, title: string, programOf: (layer: Layer) => Program): Benchmark {
  return {
    name: `dense/${id}`,
    title: `${title} ${SHAPE}; peer: multiply-add roofline`,
    counts: 'GFLOP',
    cpu: 'driver',
    prepare: async (host) => {
      const size = 2 * ROWS * WIDTH * WIDTH * 1e-9;
      const ours = programWork(host.gpu, programOf(denseLayer(host.gpu)), size);
      await ours.run(1);
      return {
        ours,
        peer: await bestRoofline(host),
        dispose: () => undefined,
      };
    },
  };
}

function denseLayer(gpu: Gpu): Layer {
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
