/** Activation of the hidden layers; the last layer is always linear. */
export type Activation = 'relu' | 'tanh';

/** The shape of a multilayer perceptron: 1 to 4 hidden layers of widths up to 512. */
export interface MlpSpec {
  readonly inputSize: number;
  readonly hidden: readonly number[];
  readonly outputSize: number;
  readonly activation: Activation;
}

/** Layer sizes, input first. */
export function mlpSizes({ inputSize, hidden, outputSize }: MlpSpec): number[] {
  return [inputSize, ...hidden, outputSize];
}
