// Mistakes of the kernels in which a lane takes rows through a network: noticed on adapters with eight lanes (lavapipe),
// as other adapters do not run them.

const PASS = 'test/nn/mlp.test.ts';

export const LANES = [
  {
    name: 'lanes-bias-of-first-unit',
    mistake: 'all four units that are loaded together have the bias of the first',
    file: 'shaders/nn/lanes/network.wgsl',
    find: 'let b = subgroupBroadcast(choose(tail, n % 4u), 1u);',
    replace: 'let b = subgroupBroadcast(tail.x, 1u);',
    checks: [PASS],
  },
  {
    name: 'lanes-last-rows',
    mistake: 'lanes behind the last row add its gradient once more',
    file: 'shaders/nn/lanes/backward.wgsl',
    find: 'select(0.0, dOutput[row[r] * 4u + o], stored[r])',
    replace: 'dOutput[row[r] * 4u + o]',
    checks: [PASS],
  },
  {
    name: 'lanes-bits-of-first-word',
    mistake: 'units behind the thirty-second have the ReLU of those in front',
    file: 'shaders/nn/lanes/backward.wgsl',
    find: 'word[r] = select(word[r], active1[i * ROWS + r], k / 32u == i);',
    replace: 'word[r] = active1[r];',
    checks: [PASS],
  },
  {
    name: 'lanes-half-a-sum',
    mistake: 'the last step of the sum over lanes keeps the number that it gave away',
    file: 'shaders/nn/lanes/parameter_gradient.wgsl',
    find: 'return select(part[0], part[1], upper) + subgroupShuffleXor(given, 1u);',
    replace: 'return select(part[0], part[1], upper) + given;',
    checks: [PASS],
  },
  {
    name: 'lanes-bias-in-padding',
    mistake: 'the gradient of the bias also goes to the weights of an input that is not there',
    file: 'shaders/nn/lanes/parameter_gradient.wgsl',
    find: 'if (lane < min(4u * params.input4, LANES - 1u))',
    replace: 'if (lane < 4u * params.input4)',
    checks: [PASS],
  },
  {
    name: 'lanes-no-value',
    mistake: 'Q beside dQ/da is left as it was',
    file: 'src/rl/soft-q-function.ts',
    find: 'const forward = wanted || pass.keepsActivations ?',
    replace: 'const forward = pass.keepsActivations ?',
    checks: ['test/rl/soft-q-function.test.ts'],
  },
  {
    name: 'lanes-replace-a-sum',
    mistake: 'rows for which the partial sums have no room of their own replace what the first ones summed',
    file: 'shaders/nn/lanes/parameter_gradient.wgsl',
    find: 'result[at] += total;',
    replace: 'result[at] = total;',
    checks: [PASS],
  },
];
