/**
 * Bias and error of the soft value (eq. 10) by each proposal, on fresh and on trained networks, against quadrature of the
 * same Q. `npm run bench:proposals -- [--adapter auto|system|swiftshader] [--seed 0] [--json FILE]`
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { SoftQLearning } from '../src/algorithms/soft-q-learning.ts';
import { Clock } from '../src/gpu/clock.ts';
import { Gpu } from '../src/gpu/gpu.ts';
import { acquireAdapter, parseAdapterChoice } from '../src/node/adapter.ts';
import { latticePoints, Proposal, type ProposalKind } from '../src/rl/proposal.ts';
import { ReplayBuffer } from '../src/rl/replay-buffer.ts';
import { SamplingNetwork } from '../src/rl/sampling-network.ts';
import type { NextActions } from '../src/rl/soft-q-function.ts';
import { resolveConfig } from '../src/train/config.ts';
import { Trainer } from '../src/train/trainer.ts';

/** States, spread evenly over [-5, 5]^2, and midpoints along an axis of the box of actions for the quadrature. */
const STATES = 64;
const CELLS = 64;
const KINDS: readonly ProposalKind[] = ['uniform', 'lattice', 'mixture', 'policy-jacobian'];
/** Kv, and how often it is drawn. */
const DRAWS = [
  [16, 64],
  [2048, 8],
] as const;

interface Result {
  readonly activation: string;
  readonly updates: number;
  readonly proposal: ProposalKind;
  readonly particles: number;
  /** Mean and root mean square of V-hat - V over states and draws, nats. */
  readonly bias: number;
  readonly error: number;
  /**
   * Mean of 1/q over 2^A: 1 for a density of the box. By the Jacobian it is the mean number of noises that reach an
   * action, and exp(V-hat / alpha) tends to the integral of exp(Q / alpha) times that number at each action.
   */
  readonly coverage: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      adapter: { type: 'string' },
      seed: { type: 'string', default: '0' },
      json: { type: 'string' },
    },
  });
  const acquired = await acquireAdapter(parseAdapterChoice(values.adapter));
  const gpu = await Gpu.create(acquired.gpu, acquired.adapter);
  const results: Result[] = [];
  for (const activation of ['relu', 'tanh'] as const) {
    const given = { environment: 'multigoal', activation, latentSize: 2, seed: Number(values.seed) };
    const trainer = await Trainer.create(gpu, resolveConfig(given));
    const measure = async (updates: number) =>
      results.push(...(await compare(trainer)).map((one) => ({ activation, updates, ...one })));
    await measure(0);
    await trainer.run();
    await measure(trainer.config.updates);
  }
  const table = new Table({
    head: ['hidden', 'updates', 'proposal', 'Kv', 'bias, nats', 'rms, nats', 'mean 1/(q 4)'],
  });
  for (const one of results) {
    const numbers = [one.bias, one.error, one.coverage].map((value) => value.toFixed(3));
    table.push([one.activation, one.updates, one.proposal, one.particles, ...numbers]);
  }
  console.log(table.toString());
  if (values.json !== undefined) {
    const command = `npm run bench:proposals -- ${process.argv.slice(2).join(' ')}`;
    const report = { command, adapter: acquired.name, runtime: `Node ${process.version}`, results };
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  gpu.dispose();
}

/** Every proposal with the networks as they are. */
async function compare({ gpu, algorithm, config }: Trainer) {
  if (!(algorithm instanceof SoftQLearning)) throw new Error('Only soft Q-learning has proposals.');
  const free = gpu.scope();
  const { softQ, samplingNetwork, temperature } = algorithm;
  const sizes = { members: 1, observationSize: 2, actionSize: 2 };
  const batch = new ReplayBuffer(gpu, { ...sizes, capacity: 1 }).batch(STATES);
  const states = latticePoints(STATES, 2).map((x) => 10 * x - 5);
  gpu.write(batch.nextObservation, states);
  const clock = new Clock(gpu);
  const seeds = gpu.tensorOf('seeds', Uint32Array.of(config.seed));
  const policy = new SamplingNetwork(gpu, samplingNetwork.spec, clock, seeds, samplingNetwork.mlp);
  const { discount, rewardScale } = config;
  const alpha = config.temperature * rewardScale;
  const out = { value: gpu.tensor('V', [1, STATES]), tdTarget: gpu.tensor('y', [1, STATES]) };
  const target = (next: NextActions) =>
    softQ.tdTarget(batch, next, { discount, rewardScale, temperature }, out);

  await gpu.run(target(quadrature(gpu, states)));
  const exact = await gpu.read(out.value);
  const found = [];
  for (const [particles, draws] of DRAWS) {
    for (const kind of KINDS) {
      const options = { ...sizes, kind, states: STATES, particles, clock, seeds, policy };
      const proposal = new Proposal(gpu, {
        ...options,
        nextObservation: batch.nextObservation,
        mixtureSpread: config.mixtureSpread,
      });
      const programs = [proposal.program, target(proposal)];
      const gaps: number[] = [];
      let weight = 0;
      for (let draw = 0; draw < draws; draw++) {
        clock.write({ updates: draw });
        await gpu.run(...programs);
        (await gpu.read(out.value)).forEach((value, s) => gaps.push((value - exact[s]!) / alpha));
        weight += mean((await gpu.read(proposal.logDensity)).map((one) => Math.exp(-one))) / 4;
      }
      const error = Math.sqrt(mean(gaps.map((gap) => gap * gap)));
      found.push({ proposal: kind, particles, bias: mean(gaps), error, coverage: weight / draws });
    }
  }
  free();
  return found;
}

/** The midpoints of the box's cells at every state, which make eq. 10 a quadrature. */
function quadrature(gpu: Gpu, states: Float32Array): NextActions {
  const place = (i: number) => (2 * i + 1) / CELLS - 1;
  const rows = new Float32Array(STATES * CELLS ** 2 * 4);
  for (let row = 0; row < STATES * CELLS ** 2; row++) {
    const state = Math.floor(row / CELLS ** 2);
    const [i, j] = [Math.floor((row % CELLS ** 2) / CELLS), row % CELLS];
    rows.set([states[2 * state]!, states[2 * state + 1]!, place(i), place(j)], 4 * row);
  }
  return {
    rows: gpu.tensorOf('quadrature.rows', rows),
    logDensity: gpu.tensorOf(
      'quadrature.logDensity',
      new Float32Array(STATES * CELLS ** 2).fill(-2 * Math.LN2),
    ),
    order: 'state-major',
  };
}

function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

await main();
// Dawn keeps its device thread: a finished program must not wait for it.
process.exit();
