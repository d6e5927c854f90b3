// npm run mutants: does every typical mistake make a test fail? Copies the working tree to a temporary folder, makes one
// mistake of mutants.mjs at a time there, runs the tests that should notice on the adapter of SOFTQ_ADAPTER, and prints
// who did. Exits with 1 if a mutant survives, is not a fair one, or cannot be made. Plain JavaScript, as Node 20 cannot
// run TypeScript.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { MUTANTS, occurrences } from './mutants.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const COPIED = ['src', 'shaders', 'test', 'package.json', 'vite.config.ts', 'tsconfig.json'];
const FIRST_TESTS = 2;
/** A mutant that the compilers refuse says nothing about the tests. */
const REFUSED = /The WGSL compiler refuses|No pipeline could be made of/;
const ACCEPTANCE_SEEDS = '100,101';

const USAGE = `npm run mutants -- [--only NAME]... [--list] [--json FILE] [--acceptance]
  --only        this mutant alone; may be repeated
  --list        names and mistakes
  --json        also write the table as JSON
  --acceptance  also train each mutant on seeds ${ACCEPTANCE_SEEDS}, and name the rows out of bounds (minutes each)
`;

/** Starts Node on `args` in the copy; resolves to its exit code and the end of what it said. */
function node(copy, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: copy, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-4000)));
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, said }));
  });
}

/** Runs test files in the copy. A test `notices` when an assertion of its own fails; `refusal` is a compiler's words. */
async function runTests(copy, files) {
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const vitest = join(copy, 'node_modules/vitest/vitest.mjs');
  const { said } = await node(copy, [
    ...[vitest, 'run', '--project', 'node', '--reporter', 'json', '--outputFile', report],
    ...files,
  ]);
  if (!existsSync(report)) throw new Error(`vitest left no report:\n${said}`);
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  const failed = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => ({ name: fullName.trim(), message: failureMessages.join('\n') }));
  const brokenFiles = testResults
    .filter(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0)
    .map(({ message }) => message);
  const messages = [...failed.map(({ message }) => message), ...brokenFiles];
  return {
    notices: failed.filter(({ message }) => message.startsWith('AssertionError')).map(({ name }) => name),
    refusal: messages.find((message) => REFUSED.test(message)) ?? brokenFiles[0],
    messages,
  };
}

/** Trains the copy as it is; the acceptance rows out of bounds. */
async function failingRows(copy) {
  const numbers = join(copy, 'acceptance.json');
  rmSync(numbers, { force: true });
  const built = await node(copy, ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn']);
  if (built.code !== 0) throw new Error(`The mutant does not build:\n${built.said}`);
  const adapter = process.env.SOFTQ_ADAPTER ? ['--adapter', process.env.SOFTQ_ADAPTER] : [];
  const command = ['acceptance', '--seeds', ACCEPTANCE_SEEDS, '--out', numbers, ...adapter];
  const { said } = await node(copy, ['dist/node/cli.js', ...command]);
  // A run that diverges leaves no numbers.
  if (!existsSync(numbers)) return [said.trim().split('\n').at(-1)];
  const { judgements } = JSON.parse(readFileSync(numbers, 'utf8'));
  const rounded = (value) => (value === null ? 'never' : Number(value.toPrecision(3))); // JSON has no word for infinity
  return judgements
    .filter(({ ok }) => !ok)
    .map(({ metric, least, greatest }) => `${metric} ${rounded(least)} to ${rounded(greatest)}`);
}

/** Makes the mistake in the copy, looks who notices, and takes it back. */
async function judge(copy, mutant, withAcceptance) {
  const path = join(copy, mutant.file);
  const original = readFileSync(path, 'utf8');
  const count = occurrences(original, mutant);
  const began = performance.now();
  const seconds = () => Math.round((performance.now() - began) / 100) / 10;
  const unmade = (verdict) => ({ verdict, noticedBy: [], tests: 0, seconds: seconds() });
  if (count !== 1) return unmade(`its text stands ${count} times in ${mutant.file}, not once`);
  writeFileSync(
    path,
    original.replace(mutant.find, () => mutant.replace),
  );
  try {
    const { notices, refusal } = await runTests(copy, mutant.checks);
    if (refusal) return unmade(`not a fair mutant: ${refusal.split('\n').slice(0, 3).join(' ')}`);
    const verdict = notices.length > 0 ? 'caught' : 'SURVIVES';
    const result = {
      verdict,
      noticedBy: notices.slice(0, FIRST_TESTS),
      tests: notices.length,
      seconds: seconds(),
    };
    if (!withAcceptance) return result;
    const rows = await failingRows(copy);
    const missed = (mutant.acceptance ?? []).filter((row) => !rows.some((one) => one.startsWith(row)));
    return { ...result, failingRows: [...rows, ...missed.map((row) => `${row} in bounds after all`)] };
  } finally {
    writeFileSync(path, original);
  }
}

function chosen(names = []) {
  const unknown = names.find((name) => !MUTANTS.some((mutant) => mutant.name === name));
  if (unknown !== undefined) throw new Error(`There is no mutant '${unknown}'; --list names them.`);
  return names.length > 0 ? MUTANTS.filter(({ name }) => names.includes(name)) : MUTANTS;
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function print(results) {
  const table = new Table({
    head: ['mutant', 'caught by', 'tests', 's'],
    colWidths: [28, 76, 7, 7],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const { name, verdict, noticedBy, tests, seconds, failingRows: rows } of results) {
    const lines = verdict === 'caught' ? [...noticedBy] : [verdict];
    if (rows) lines.push(`acceptance: ${rows.join('; ') || 'all rows in bounds'}`);
    table.push([name, lines.join('\n'), tests, seconds.toFixed(1)]);
  }
  console.log(table.toString());
}

/** The environment and the command of a run, and its results: what docs/results keeps. */
function record(mutants) {
  const git = (...args) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  const adapter = process.env.SOFTQ_ADAPTER ?? 'the tests’ default';
  const given = process.argv.slice(2).join(' ');
  return {
    command: `${process.env.SOFTQ_ADAPTER ? `SOFTQ_ADAPTER=${adapter} ` : ''}npm run mutants${given && ` -- ${given}`}`,
    commit: git('rev-parse', '--short', 'HEAD'),
    date: new Date().toISOString().slice(0, 10),
    adapter,
    mutants,
  };
}

async function main() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      list: { type: 'boolean' },
      json: { type: 'string' },
      acceptance: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return console.log(USAGE);
  const mutants = chosen(values.only);
  if (values.list) return mutants.forEach(({ name, mistake }) => console.log(`${name}: ${mistake}`));

  const copy = mkdtempSync(join(tmpdir(), 'softq-mutants-'));
  process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
  for (const path of COPIED) cpSync(join(ROOT, path), join(copy, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'junction');

  say('without a mistake');
  const { messages } = await runTests(copy, [...new Set(mutants.flatMap(({ checks }) => checks))]);
  if (messages.length > 0) throw new Error(`Tests fail without any mistake:\n${messages[0]}`);
  const results = [];
  for (const mutant of mutants) {
    say(`${mutant.name}: ${mutant.mistake}`);
    const { name, mistake, file } = mutant;
    results.push({ name, mistake, file, ...(await judge(copy, mutant, values.acceptance)) });
  }
  print(results);
  if (values.json) writeFileSync(values.json, `${JSON.stringify(record(results), null, 1)}\n`);
  const caught = results.filter(({ verdict }) => verdict === 'caught').length;
  console.log(`${caught} of ${results.length} mutants are caught.`);
  if (caught < results.length) process.exitCode = 1;
}

main().catch((error) => {
  say(error.message);
  process.exitCode = 2;
});
