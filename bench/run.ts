/**
 * Ours beside its peers, in turns, as one table of ratios.
 * `npm run bench -- [--adapter auto|system|swiftshader] [--runtime node|chromium]
 * [--only NAME...] [--json FILE] [--gate]`
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { Command, CommanderError, Option } from 'commander';
import { UsageError } from '../src/gpu/errors.ts';
import { parseAdapterChoice } from '../src/node/adapter.ts';
import { requireWritable, writeResults } from '../src/node/results-file.ts';
import { percent, table } from '../src/node/table.ts';
import { BENCHMARKS, select } from './support/benchmarks.ts';
import { chromiumRuntime } from './support/chromium-runtime.ts';
import { belowGate } from './support/gate.ts';
import { Disagreement } from './support/host.ts';
import type { Row } from './support/measure.ts';
import { nodeRuntime } from './support/node-runtime.ts';

interface Flags {
  readonly adapter?: string;
  readonly runtime: 'node' | 'chromium';
  readonly only?: string[];
  readonly json?: string;
  readonly gate?: boolean;
}

/** Exit codes, as the `softq` command has them: 1 something is not right, 2 what was asked for cannot be done. */
const EXIT = { notRight: 1, usage: 2 } as const;

async function main(argv: readonly string[]): Promise<void> {
  const command = new Command('npm run bench --')
    .description('Ours beside its peers, measured in turns: a table of ratios.')
    .addOption(new Option('--adapter <name>', 'auto, system or swiftshader (or SOFTQ_ADAPTER)'))
    .addOption(new Option('--runtime <name>', 'where to run').choices(['node', 'chromium']).default('node'))
    .option('--only <names...>', `some of them, or groups: ${BENCHMARKS.map(({ name }) => name).join(', ')}`)
    .option('--json <file>', 'also write the rows as JSON')
    .option('--gate', 'fail where a ratio is below the least that is known for the adapter')
    .exitOverride();
  const { adapter, runtime: where, only, json, gate } = command.parse(argv).opts<Flags>();
  if (where === 'chromium' && adapter !== undefined && adapter !== 'swiftshader') {
    throw new UsageError(`Chromium is started on SwiftShader: leave out --adapter ${adapter}.`);
  }
  const chosen = select(only);
  if (json !== undefined) await requireWritable(json, '--json');
  const runtime =
    where === 'chromium' ? await chromiumRuntime() : await nodeRuntime(parseAdapterChoice(adapter));
  console.log(`${runtime.adapter}, ${runtime.runtime}`);
  const rows: Row[] = [];
  try {
    for (const { name, title } of chosen) {
      console.error(`${name}: ${title}`);
      rows.push(...(await runtime.run(name)));
      if (json !== undefined) await writeResults(json, { ...origin(argv), rows });
    }
  } finally {
    // What was measured before a failure counts.
    if (rows.length > 0)
      console.log(table(rows.map(cells), ['', 'ours', 'peer', 'unit', 'times as fast', 'spread']));
    await runtime.close();
  }
  const wrong = gate === true ? belowGate(runtime.adapter, rows) : [];
  for (const sentence of wrong) console.error(sentence);
  if (wrong.length > 0) process.exitCode = EXIT.notRight;
}

/** By which a file of results can be repeated. */
function origin(argv: readonly string[]) {
  const settings = ['SOFTQ_ADAPTER', 'SOFTQ_KERNELS'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [`${name}=${value}`];
  });
  const command = [...settings, 'npm run bench --', ...argv.slice(2)].join(' ');
  const git = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' });
  const commit = git.status === 0 ? git.stdout.trim() : null;
  return { command, commit, date: new Date().toISOString().slice(0, 10), cores: availableParallelism() };
}

/** A row for people. */
function cells({ name, ours, peer, unit, ratio, spread }: Row): string[] {
  const rate = (value: number) => value.toPrecision(3);
  return [name, rate(ours), rate(peer), unit, ratio.toFixed(2), percent(spread)];
}

main(process.argv).then(
  // Dawn keeps its device thread: a finished program must not wait for it.
  () => process.exit(),
  (error: unknown) => {
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EXIT.usage);
    if (error instanceof UsageError || error instanceof Disagreement) console.error(error.message);
    else console.error(error);
    process.exit(error instanceof UsageError ? EXIT.usage : EXIT.notRight);
  },
);
