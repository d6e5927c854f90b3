import { Disagreement } from './host.ts';
import { flat, type UpdateProblem, type UpdateParameters, type Updater } from './update.ts';

/** Updates that are done on both sides before anything is timed: the third sees what the first two made of the weights. */
export const CHECKED_UPDATES = 3;

/**
 * Greatest difference of a critic loss, as a share of it. Sums in another order and the host's noise come to 1e-6; jax-js
 * approximates exp and log in WebAssembly to 5e-6.
 */
const LOSS_TOLERANCE = 2e-5;
/**
 * Root mean square of a network's differences, as a share of that of its movement. Single parameters are no measure: Adam
 * moves one whose gradient is rounding noise by a full step, in either direction. TensorFlow.js comes to 1.4e-5, since its
 * 1 - 0.999^t cancels in float32. The policy also sees the noise, which is drawn on the GPU and, for peers, in float64:
 * SwiftShader's log and cos take it to 7.4e-4, with every peer alike.
 */
const PARAMETER_TOLERANCE = { q: 1e-4, policy: 2e-3 } as const;

/** What an implementation came to. */
export interface Outcome {
  /** Critic losses of the updates, in order. */
  readonly losses: readonly number[];
  /** After them. */
  readonly parameters: UpdateParameters;
}

/** Does the checked updates. */
export async function outcomeOf(updater: Updater): Promise<Outcome> {
  const losses: number[] = [];
  for (let i = 0; i < CHECKED_UPDATES; i++) losses.push(await updater.step());
  return { losses, parameters: await updater.parameters() };
}

/**
 * Makes sure that two implementations of one problem came to the same.
 * @throws Disagreement naming what differs and by how much.
 */
export function requireAgreement(problem: UpdateProblem, ours: Outcome, peer: Outcome, name: string): void {
  ours.losses.forEach((loss, i) => {
    const difference = Math.abs(peer.losses[i]! - loss) / loss;
    // Written so that NaN fails too.
    if (!(difference < LOSS_TOLERANCE)) {
      throw new Disagreement(
        `${name}: the critic loss of update ${i + 1} is ${peer.losses[i]}, ours ${loss}; they may differ by ${LOSS_TOLERANCE} of it.`,
      );
    }
  });
  for (const network of ['q', 'policy'] as const) {
    const [start, end] = [flat(problem[network]), ours.parameters[network]];
    const movement = rootMeanSquare(end, start);
    const share = rootMeanSquare(peer.parameters[network], end) / movement;
    if (!(share < PARAMETER_TOLERANCE[network])) {
      throw new Disagreement(
        `${name}: after ${ours.losses.length} updates the parameters of '${network}' differ from ours by ` +
          `${share.toExponential(1)} of their movement; allowed is ${PARAMETER_TOLERANCE[network]}.`,
      );
    }
  }
}

function rootMeanSquare(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length);
}
