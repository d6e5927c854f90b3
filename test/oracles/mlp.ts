// Dense network, Adam and Polyak averaging in float64, one scalar at a time.

/**
 * A fully connected network y = W_L f(... f(W_1 x + b_1) ...) + b_L with a linear last layer.
 *
 * `sizes` = [n_0, n_1, ..., n_L]. `parameters` is flat: W1, b1, W2, b2, ..., with W_i of shape
 * (n_{i-1}, n_i) row-major (input index first) and b_i of shape (n_i).
 */
export interface OracleMlp {
  sizes: readonly number[];
  hidden: 'relu' | 'tanh';
  parameters: ArrayLike<number>;
}

/** Number of scalars in the flat parameter vector: sum_i (n_{i-1} + 1) n_i. */
export function parameterCount(sizes: readonly number[]): number {
  let count = 0;
  for (let layer = 1; layer < sizes.length; layer++) count += (sizes[layer - 1]! + 1) * sizes[layer]!;
  return count;
}

/** What one row leaves behind on its way forward. */
interface Trace {
  /** z_i = W_i x_{i-1} + b_i of layers 1..L, shapes (n_i). */
  preactivations: number[][];
  /** x_0 (the input), then f(z_i) of every hidden layer and z_L, shapes (n_i). */
  activations: number[][];
}

function traceRow(mlp: OracleMlp, row: ArrayLike<number>): Trace {
  const { sizes, hidden, parameters } = mlp;
  if (parameters.length !== parameterCount(sizes)) {
    throw new Error(
      `sizes [${sizes.join(', ')}] need ${parameterCount(sizes)} parameters, not ${parameters.length}`,
    );
  }
  if (row.length !== sizes[0])
    throw new Error(`a row has ${row.length} entries, the network takes ${sizes[0]}`);
  const preactivations: number[][] = [];
  const activations: number[][] = [Array.from(row)];
  let offset = 0;
  for (let layer = 1; layer < sizes.length; layer++) {
    const inputs = sizes[layer - 1]!;
    const outputs = sizes[layer]!;
    const x = activations[layer - 1]!;
    const biasOffset = offset + inputs * outputs;
    const z: number[] = [];
    for (let o = 0; o < outputs; o++) {
      let sum = parameters[biasOffset + o]!;
      for (let i = 0; i < inputs; i++) sum += x[i]! * parameters[offset + i * outputs + o]!;
      z.push(sum);
    }
    preactivations.push(z);
    const last = layer === sizes.length - 1;
    activations.push(
      z.map((value) => (last ? value : hidden === 'relu' ? Math.max(value, 0) : Math.tanh(value))),
    );
    offset = biasOffset + outputs;
  }
  return { preactivations, activations };
}

/** y_n = network(x_n). `x` is (N, n_0); the result is (N, n_L). */
export function mlpForward(mlp: OracleMlp, x: readonly ArrayLike<number>[]): number[][] {
  return x.map((row) => traceRow(mlp, row).activations.at(-1)!);
}

/** z_i = W_i x_{i-1} + b_i of every layer and row: result[n][i - 1] is (n_i). For distances to ReLU kinks. */
export function mlpPreactivations(mlp: OracleMlp, x: readonly ArrayLike<number>[]): number[][][] {
  return x.map((row) => traceRow(mlp, row).preactivations);
}

/**
 * Reverse mode for L = sum_n outputGrad_n . y_n, the parameters being shared by the rows:
 * dz_L = dy, dW_i = sum_n x_{i-1} dz_i^T, db_i = sum_n dz_i, dx_{i-1} = W_i dz_i, dz_{i-1} = f'(z_{i-1}) dx_{i-1},
 * with relu'(z) = [z > 0] and tanh'(z) = 1 - tanh(z)^2.
 *
 * `x` is (N, n_0), `outputGrad` (N, n_L); `inputGrad` is (N, n_0), `parameterGrad` is flat like the parameters.
 */
export function mlpBackward(
  mlp: OracleMlp,
  x: readonly ArrayLike<number>[],
  outputGrad: readonly ArrayLike<number>[],
): { inputGrad: number[][]; parameterGrad: number[] } {
  const { sizes, hidden, parameters } = mlp;
  const parameterGrad = new Array<number>(parameterCount(sizes)).fill(0);
  const inputGrad = x.map((row, n) => {
    const { preactivations, activations } = traceRow(mlp, row);
    let dz = Array.from(outputGrad[n]!);
    let offset = parameters.length;
    for (let layer = sizes.length - 1; layer >= 1; layer--) {
      const inputs = sizes[layer - 1]!;
      const outputs = sizes[layer]!;
      const input = activations[layer - 1]!;
      const biasOffset = offset - outputs;
      offset = biasOffset - inputs * outputs;
      const dx: number[] = [];
      for (let i = 0; i < inputs; i++) {
        let sum = 0;
        for (let o = 0; o < outputs; o++) {
          const weight = offset + i * outputs + o;
          parameterGrad[weight]! += input[i]! * dz[o]!;
          sum += parameters[weight]! * dz[o]!;
        }
        dx.push(sum);
      }
      for (let o = 0; o < outputs; o++) parameterGrad[biasOffset + o]! += dz[o]!;
      dz = dx.map((value, i) => {
        if (layer === 1) return value;
        const z = preactivations[layer - 2]![i]!;
        return hidden === 'relu' ? (z > 0 ? value : 0) : value * (1 - Math.tanh(z) ** 2);
      });
    }
    return dz;
  });
  return { inputGrad, parameterGrad };
}

/** Parameters with Adam's first and second moments, all of shape (P), and the number of steps taken. */
export interface AdamState {
  theta: number[];
  m: number[];
  v: number[];
  t: number;
}

/** Zero moments and no step taken, around a copy of `theta` (P). */
export function adamStart(theta: ArrayLike<number>): AdamState {
  const zeros = () => new Array<number>(theta.length).fill(0);
  return { theta: Array.from(theta), m: zeros(), v: zeros(), t: 0 };
}

/**
 * One step of Adam, with t counted from 1 and epsilon outside the root:
 * m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2,
 * theta -= learningRate * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon).
 *
 * `grad` is (P). The given state is left as it is; the new one is returned.
 */
export function adamStep(
  state: AdamState,
  grad: ArrayLike<number>,
  options: { learningRate: number; beta1?: number; beta2?: number; epsilon?: number },
): AdamState {
  const { learningRate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  const t = state.t + 1;
  const m = state.m.map((value, p) => beta1 * value + (1 - beta1) * grad[p]!);
  const v = state.v.map((value, p) => beta2 * value + (1 - beta2) * grad[p]! ** 2);
  const theta = state.theta.map((value, p) => {
    const mean = m[p]! / (1 - beta1 ** t);
    const square = v[p]! / (1 - beta2 ** t);
    return value - (learningRate * mean) / (Math.sqrt(square) + epsilon);
  });
  return { theta, m, v, t };
}

/** target + tau (online - target), elementwise over (P); tau = 1 is a hard copy. */
export function polyak(target: ArrayLike<number>, online: ArrayLike<number>, tau: number): number[] {
  return Array.from(target, (value, p) => value + tau * (online[p]! - value));
}
