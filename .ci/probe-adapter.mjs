// Says on stdout which adapter the drivers of this system give, and exits with 0, or why there is none, and exits with 1.
import { acquireAdapter } from '../dist/node/index.js';

try {
  const { kind, name } = await acquireAdapter('system');
  console.log(`${name} (${kind})`);
} catch (error) {
  console.log(error.message);
  process.exitCode = 1;
}
