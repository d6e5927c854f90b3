/**
 * Writes the compared update as numbers, with what softq comes to, for `bench/peers/cuda.py`.
 * `node dist/bench/fixture.js FILE [--small] [--adapter auto|system|swiftshader]`
 */
import { Command } from 'commander';
import { Gpu } from '../src/gpu/gpu.ts';
import { acquireAdapter, parseAdapterChoice } from '../src/node/adapter.ts';
import { writeResults } from '../src/node/results-file.ts';
import { CHECKED_UPDATES, outcomeOf } from './support/agreement.ts';
import { ADAM, SMALL_UPDATE, SoftqUpdater, UPDATE } from './support/update.ts';

async function main(): Promise<void> {
  const command = new Command('fixture.js')
    .argument('<file>')
    .option('--small', 'the update of the tests, with every size small')
    .option('--adapter <name>')
    .parse();
  const { small, adapter } = command.opts<{ small?: boolean; adapter?: string }>();
  const acquired = await acquireAdapter(parseAdapterChoice(adapter));
  const gpu = await Gpu.create(acquired.gpu, acquired.adapter);
  const updater = await SoftqUpdater.create(gpu, small ? SMALL_UPDATE : UPDATE);
  const problem = await updater.problem(CHECKED_UPDATES);
  const outcome = await outcomeOf(updater);
  const plain = (_: string, value: unknown) => (value instanceof Float32Array ? [...value] : value);
  const fixture = { adapter: acquired.name, adam: ADAM, ...problem, outcome };
  await writeResults(command.args[0]!, JSON.parse(JSON.stringify(fixture, plain)));
  process.exit();
}

await main();
