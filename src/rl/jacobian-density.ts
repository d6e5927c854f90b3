import { UsageError } from '../gpu/errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { padded, view, type Tensor } from '../gpu/tensor.ts';
import type { NetworkDraw, SamplingNetworkSpec } from './sampling-network.ts';

/** A draw of the sampling network and where its actions and their densities go. */
export interface JacobianDensityOptions {
  readonly draw: NetworkDraw;
  readonly states: number;
  /** Actions for each state. */
  readonly particles: number;
  /** Rows [s, a], (R, states * particles, padded(S + A)), state-major as all outputs. */
  readonly rows: Tensor;
  /** log q(a | s), (R, states * particles). */
  readonly logDensity: Tensor;
  /** |det du/dxi|, (R, states * particles). */
  readonly determinant: Tensor;
}

/**
 * The density of drawn actions by the network's Jacobian (appendix C.2), after the draw's forward pass: the rows du_d/dxi
 * by a backward pass for each action coordinate, then `shaders/rl/propose_jacobian.wgsl`. It is the density only if
 * xi -> u is one to one, which is not so for ReLU networks, nor in general for any other.
 * @throws UsageError if xi and the action are of different sizes.
 */
export function jacobianDensity(
  gpu: Gpu,
  spec: SamplingNetworkSpec,
  options: JacobianDensityOptions,
): Program {
  const { members, observationSize, actionSize, latentSize } = spec;
  if (latentSize !== actionSize) {
    throw new UsageError(
      `The proposal 'policy-jacobian' needs as many numbers of noise as the action has, ${actionSize}, not ${latentSize}: ` +
        'other Jacobians have no determinant.',
    );
  }
  const { draw, states, particles, rows, logDensity, determinant } = options;
  const count = members * states * particles;
  const inputStride = padded(observationSize + latentSize);
  const outputStride = padded(actionSize);
  const jacobian = gpu.tensor('proposal.jacobian', [actionSize, members, states * particles, inputStride]);
  const backward = Array.from({ length: actionSize }, (_, d) => {
    const unit = new Float32Array(count * outputStride);
    for (let row = 0; row < count; row++) unit[row * outputStride + d] = 1;
    return draw.pass.backward({
      outputGrad: gpu.tensorOf(`proposal.unit${d}`, unit),
      inputGrad: view(jacobian, `proposal.jacobian${d}`, d * count * inputStride, draw.pass.input.shape),
    });
  });
  const density = gpu.kernel('rl/propose_jacobian.wgsl').bind(
    { input: draw.pass.input, pre_tanh: draw.preTanh, jacobian, rows, log_density: logDensity, determinant },
    {
      threads: [states * particles, members],
      params: {
        members,
        states,
        particles,
        observation_size: observationSize,
        action_size: actionSize,
        input_stride: inputStride,
        output_stride: outputStride,
        stride: padded(observationSize + actionSize),
      },
    },
  );
  return program('jacobianDensity', [...backward, density]);
}
