import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { environmentNames, environmentOf } from '../envs/environment.ts';
import { UsageError } from '../gpu/errors.ts';
import { refinedPolicy } from '../rl/refined-policy.ts';
import { flagOf } from '../train/config.ts';
import { PRESETS } from '../train/presets.ts';
import { DivergenceError, Trainer } from '../train/trainer.ts';
import { runAcceptance } from './acceptance.ts';
import { parseAdapterChoice } from './adapter.ts';
import {
  describeSetting,
  parseSeeds,
  readConfig,
  SETTINGS,
  wholeNumber,
  type ConfigFlags,
} from './arguments.ts';
import { doctor, outcomeCells, renderDoctor } from './doctor.ts';
import {
  parseRefinement,
  REFINEMENT_DEFAULTS,
  refinementSuffix,
  refinementText,
  type RefinementFlags,
} from './refinement.ts';
import { ARMS } from '../experiments/reproduce-multigoal.ts';
import { parseLearners, reproduceMultigoal } from './reproduce.ts';
import { profileAction } from './profile.ts';
import { RunFolder } from './run-folder.ts';
import { SOLVE_DEFAULTS, solveAction } from './solve.ts';
import { SWEEP_HELP } from './sweep.ts';
import { evaluationRows, groundTruthRows, table, trainTable } from './table.ts';
import { evaluateRun, measureExactly, openGpu, ROLLOUTS, train } from './train.ts';
import { verifyVectors } from './verify-vectors.ts';

/** Exit codes: 1 something the user asked about is not right, 2 what they asked for cannot be done. */
const EXIT = { notRight: 1, usage: 2 } as const;
/** Rollouts whose transitions fit the smallest storage binding that an adapter may have. */
const MOST_ROLLOUTS = 100_000;

/** The version in package.json, which lies two folders above the built file as above this one. */
function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function buildProgram(): Command {
  const program = new Command('softq')
    .description('Maximum-entropy, energy-based policies with soft Q-learning on WebGPU.')
    .version(packageVersion())
    .exitOverride()
    .configureHelp({ sortSubcommands: false });
  const adapterOption = () =>
    new Option(
      '--adapter <name>',
      'auto, system or swiftshader (or SOFTQ_ADAPTER); auto takes the fastest there is',
    );
  const addKernels = (command: Command) =>
    command
      .option(
        '--kernels <family>',
        'auto, layered, lanes or fused (or SOFTQ_KERNELS): how networks are computed; auto takes what suits the adapter',
      )
      .option(
        '--autotune',
        'measure the tile of the layered dense kernels on this adapter, or take the kept one',
      )
      .option(
        '--no-autotune',
        'take the tile of the table (or SOFTQ_AUTOTUNE=0); default: measured once where the table does not know the adapter',
      );
  const jsonOption = () => new Option('--json', 'one JSON object on stdout and nothing else there');

  const addSettings = (command: Command) => {
    for (const key of SETTINGS) command.option(`--${flagOf(key)} <value>`, describeSetting(key));
    return command;
  };
  const presetOption = () =>
    new Option('--preset <name>', `values to start from: ${Object.keys(PRESETS).join(', ')}`);
  const configOption = () =>
    new Option('--config <file>', 'JSON file with settings, e.g. the config.json of a run');

  const trainCommand = program
    .command('train')
    .description('train a policy and leave a run folder with metrics, checkpoint and figure')
    .argument('<environment>', `what to learn: ${environmentNames().join(', ')}`)
    .addOption(presetOption())
    .addOption(configOption())
    .option('--runs <folder>', 'where run folders go', 'runs')
    .addOption(adapterOption());
  addSettings(addKernels(trainCommand)).action(trainAction);

  program
    .command('evaluate')
    .description("roll a run's policy out again, from its checkpoint")
    .argument('<run>', 'run folder')
    .option('--rollouts <n>', 'episodes', String(ROLLOUTS))
    .option('--seed <n>', "seed of the rollouts; the run's own by default")
    .option('--checkpoint <name>', 'checkpoint-... folder of the run; the newest by default')
    .option('--exact', 'also measure how far policy and critic lie from the exact optimum of the task')
    .option(
      '--refine <how>',
      "langevin or resample: draw nearer to the critic's own density than the policy does",
    )
    .option('--refine-steps <n>', `Langevin steps (default: ${REFINEMENT_DEFAULTS.refineSteps})`)
    .option(
      '--refine-step-size <eps>',
      `of a Langevin step, before the squash (default: ${REFINEMENT_DEFAULTS.refineStepSize})`,
    )
    .option(
      '--refine-candidates <n>',
      `uniform actions that one is drawn from (default: ${REFINEMENT_DEFAULTS.refineCandidates})`,
    )
    .addOption(jsonOption())
    .addOption(adapterOption())
    .action(evaluateAction);
  program
    .command('solve')
    .description('solve an environment exactly: V*, entropy and modes of the optimal policy, and its return')
    .argument('<environment>', 'multigoal')
    .option('--alpha <value>', 'temperature in raw reward units', SOLVE_DEFAULTS.alpha)
    .option('--grid <spacing>', "distance between the grid's points", SOLVE_DEFAULTS.grid)
    .option('--discount <value>', 'gamma, below 1', SOLVE_DEFAULTS.discount)
    .option(
      '--noise <value>',
      'deviation of the noise of a step: 0, or from the spacing to 1',
      SOLVE_DEFAULTS.noise,
    )
    .option('--at <points>', "states to report, as '0,0;2.5,0'", SOLVE_DEFAULTS.at)
    .option('--rollouts <n>', 'episodes of the optimal policy', SOLVE_DEFAULTS.rollouts)
    .option('--seed <n>', 'seed of the episodes', SOLVE_DEFAULTS.seed)
    .addOption(jsonOption())
    .addOption(adapterOption())
    .action(solveAction);
  program
    .command('acceptance')
    .description(
      'train the multi-goal task on many seeds and judge what it does and how far it is from the exact optimum',
    )
    .option('--seeds <list>', 'e.g. 100-109 or 1,5,7-9', '100-109')
    .option('--preset <name>', 'default, tiny or sharp', 'default')
    .option('--environments <n>', "another number of environments than the preset's")
    .option('--out <file>', 'also write all numbers as JSON')
    .addOption(adapterOption())
    .action(acceptanceAction);
  program
    .command('reproduce')
    .description(
      "the paper's first comparison, on many seeds: soft Q-learning, SAC, SAC with a mixture and DDPG, against the optimum",
    )
    .argument('<experiment>', Object.keys(EXPERIMENTS).join(', '))
    .option('--seeds <list>', 'e.g. 500-509', '500-509')
    .option(
      '--learners <list>',
      `which of them to train: ${ARMS.map(({ name }) => name).join(', ')} (default: all)`,
    )
    .option(
      '--out <file>',
      'JSON file of the runs; those already in it are not repeated',
      'reproduce-multigoal.json',
    )
    .addOption(adapterOption())
    .action(reproduceAction);
  const profileCommand = program
    .command('profile')
    .description('where the time of an iteration of training goes, against what the adapter can do')
    .argument('[environment]', `what is learned: ${environmentNames().join(', ')}`, 'multigoal')
    .option('--json [file]', 'one JSON object into the file, or on stdout and nothing else there')
    .option('--trace <file>', "one iteration as a trace that Chrome's tracing viewer and Perfetto open")
    .option('--sweep <setting=values>', SWEEP_HELP, (text, before: string[]) => [...before, text], [])
    .option('--figure <file>', 'the sweeps as a figure, .svg or .png')
    .addOption(presetOption())
    .addOption(configOption())
    .addOption(adapterOption());
  addSettings(addKernels(profileCommand)).action(profileAction);
  program
    .command('doctor')
    .description('show the adapter with its limits, and check kernels on it against float64')
    .addOption(jsonOption())
    .addOption(adapterOption())
    .action(doctorAction);
  program
    .command('verify-vectors')
    .description('compare the GPU with files of test vectors')
    .argument('<folder>', 'with sql_*.json, env.json, r2.json or oracle.json')
    .addOption(jsonOption())
    .addOption(adapterOption())
    .action(verifyVectorsAction);
  return program;
}

interface TrainFlags extends ConfigFlags {
  readonly runs: string;
  readonly adapter?: string;
  readonly kernels?: string;
  readonly autotune?: boolean;
}

async function trainAction(environment: string, flags: TrainFlags): Promise<void> {
  const config = await readConfig(environment, flags);
  const result = await train(config, {
    adapter: parseAdapterChoice(flags.adapter),
    kernels: flags.kernels,
    autotune: flags.autotune,
    parent: flags.runs,
  });
  console.log(trainTable(result, environmentOf(environment).outcomes ?? []));
  if (result.interrupted !== undefined) process.exitCode = result.interrupted;
}

interface EvaluateFlags extends RefinementFlags {
  readonly rollouts: string;
  readonly seed?: string;
  readonly checkpoint?: string;
  readonly exact?: true;
  readonly json?: true;
  readonly adapter?: string;
}

async function evaluateAction(path: string, flags: EvaluateFlags): Promise<void> {
  const rollouts = wholeNumber('--rollouts', flags.rollouts, 1, MOST_ROLLOUTS);
  const folder = await RunFolder.open(path);
  const { config, learner, clock, hash, name } = await folder.readCheckpoint(['learner'], flags.checkpoint);
  const refinement = parseRefinement(flags, config.algorithm);
  const seed = flags.seed === undefined ? config.seed : wholeNumber('--seed', flags.seed, 0);
  const { gpu, name: adapter } = await openGpu(parseAdapterChoice(flags.adapter));
  // The networks alone are wanted: the run's environments and transitions need not fit this adapter.
  const trainer = await Trainer.create(gpu, { ...config, environments: 1, replayCapacity: 1 });
  try {
    trainer.algorithm.restore(new Map(learner.map((array) => [array.name, array.data])));
  } catch (error) {
    throw new UsageError(
      `Checkpoint '${name}' does not fit its configuration: ${(error as Error).message}.`,
      {
        cause: error,
      },
    );
  }
  const { updates } = clock;
  const suffix = `-${name}-s${seed}-n${rollouts}${refinement ? refinementSuffix(refinement) : ''}`;
  const { policy, softQ, temperature } = trainer.algorithm;
  const density = { softQ, temperature, rewardScale: config.rewardScale };
  const learned = { softQ, policy: refinement ? refinedPolicy(gpu, policy, density, refinement) : policy };
  const exact = flags.exact ? await measureExactly(trainer, seed, learned) : undefined;
  const more = { ...(exact && { exact }), ...(refinement && { refinement }) };
  const options = { rollouts, seed, updates, suffix, learned, ...more };
  const { evaluation, figure } = await evaluateRun(gpu, trainer, folder, options);
  if (flags.json) {
    const { environment } = trainer;
    const outcomes = Object.fromEntries(
      (environment.outcomes ?? []).map((one, i) => [one, evaluation.outcomeShares[i]]),
    );
    console.log(
      JSON.stringify({
        run: path,
        checkpoint: name,
        hash,
        updates,
        adapter,
        seed,
        ...evaluation,
        outcomes,
        ...(exact && { exact: exact.truth }),
        ...(refinement && { refinement }),
      }),
    );
    return;
  }
  const rows = evaluationRows(evaluation, trainer.environment.outcomes ?? []);
  console.log(
    table([
      ...rows,
      ...(refinement ? [['refinement', refinementText(refinement)]] : []),
      ...(exact ? groundTruthRows(exact.truth, config.algorithm) : []),
      ['adapter', adapter],
      ['checkpoint', `${name} ${hash.slice(0, 16)}`],
      ['figure', figure],
    ]),
  );
}

interface AcceptanceFlags {
  readonly seeds: string;
  readonly preset: string;
  readonly environments?: string;
  readonly out?: string;
  readonly adapter?: string;
}

async function acceptanceAction(flags: AcceptanceFlags): Promise<void> {
  const { environments, out } = flags;
  const ok = await runAcceptance({
    preset: flags.preset,
    seeds: parseSeeds(flags.seeds),
    settings:
      environments === undefined ? {} : { environments: wholeNumber('--environments', environments, 1) },
    adapter: parseAdapterChoice(flags.adapter),
    ...(out !== undefined && { out }),
  });
  if (!ok) process.exitCode = EXIT.notRight;
}

const EXPERIMENTS = { multigoal: reproduceMultigoal };

async function reproduceAction(
  experiment: string,
  flags: {
    readonly seeds: string;
    readonly learners?: string;
    readonly out: string;
    readonly adapter?: string;
  },
): Promise<void> {
  if (!Object.hasOwn(EXPERIMENTS, experiment)) {
    throw new UsageError(
      `There is no experiment '${experiment}'; there is ${Object.keys(EXPERIMENTS).join(', ')}.`,
    );
  }
  await EXPERIMENTS[experiment as keyof typeof EXPERIMENTS]({
    seeds: parseSeeds(flags.seeds),
    arms: parseLearners(flags.learners),
    out: flags.out,
    adapter: parseAdapterChoice(flags.adapter),
  });
}

interface ReportFlags {
  readonly json?: true;
  readonly adapter?: string;
}

async function doctorAction(flags: ReportFlags): Promise<void> {
  const report = await doctor(parseAdapterChoice(flags.adapter));
  console.log(flags.json ? JSON.stringify(report) : renderDoctor(report));
  if (!report.ok) process.exitCode = EXIT.notRight;
}

async function verifyVectorsAction(folder: string, flags: ReportFlags): Promise<void> {
  const { gpu, name: adapter } = await openGpu(parseAdapterChoice(flags.adapter));
  const report = await verifyVectors(gpu, folder);
  if (!report.ok) process.exitCode = EXIT.notRight;
  if (flags.json) return console.log(JSON.stringify({ folder, adapter, ...report }));
  const rows = report.rows.map((row) => [row.file, row.quantity, ...outcomeCells(row)]);
  console.log(table(rows, ['file', 'quantity', 'error', 'tolerance', '']));
  for (const { file, quantity, reason } of report.notChecked) {
    console.log(`not checked: ${file} ${quantity}: ${reason}`);
  }
  const missed = report.rows.filter((row) => !row.ok).length;
  console.log(`${report.rows.length - missed} of ${report.rows.length} quantities agree on ${adapter}.`);
}

/** An error of the file system: a full disk, a folder that cannot be written. */
function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

// A reader that leaves early, such as head, must not end a training.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/** Runs the command line; every mistake of the user's ends in one sentence on stderr. */
async function main(): Promise<void> {
  try {
    await buildProgram().parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
    } else if (error instanceof UsageError) {
      process.stderr.write(`softq: ${error.message}\n`);
      process.exitCode = EXIT.usage;
    } else if (error instanceof DivergenceError) {
      process.stderr.write(`softq: ${error.message}\n`);
      process.exitCode = EXIT.notRight;
    } else if (isFileError(error)) {
      process.stderr.write(
        `softq: Reading or writing a file failed (${error.message}): check space and permissions.\n`,
      );
      process.exitCode = EXIT.usage;
    } else {
      const { message, stack } = error as Error;
      process.stderr.write(`softq: ${process.env['SOFTQ_DEBUG'] ? stack : message}\n`);
      process.stderr.write('softq: this is a fault of the program; SOFTQ_DEBUG=1 shows where.\n');
      process.exitCode = EXIT.notRight;
    }
  }
}

await main();
// Dawn keeps its device thread: a finished program must not wait for it.
process.exit();
