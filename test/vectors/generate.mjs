// Writes the JSON files beside this one: node test/vectors/generate.mjs [--optimum]
// oracle.json takes minutes and is written only when asked for.

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const folder = new URL('./', import.meta.url);
const { module } = await runnerImport(fileURLToPath(new URL('build.ts', folder)), {
  configFile: false,
  logLevel: 'error',
});
const optimum = process.argv.includes('--optimum') ? { 'oracle.json': module.optimumVectors() } : {};
for (const [name, vectors] of Object.entries({ ...module.buildVectors(), ...optimum })) {
  await writeFile(new URL(name, folder), `${JSON.stringify(vectors)}\n`);
  console.log(name);
}
