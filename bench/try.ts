import { Gpu } from '../src/gpu/gpu.ts';
import { acquireAdapter, parseAdapterChoice } from '../src/node/adapter.ts';
import { SoftqUpdater, UPDATE } from './support/update.ts';
import { JaxUpdater, type JaxBackend } from './peers/jax.ts';
const acquired = await acquireAdapter(parseAdapterChoice(undefined));
Object.defineProperty(globalThis, 'navigator', { value: { gpu: acquired.gpu, userAgent: 'node' }, configurable: true });
const { TfjsUpdater } = await import('./peers/tfjs.ts');
const gpu = await Gpu.create(acquired.gpu, acquired.adapter);
const ours = await SoftqUpdater.create(gpu, UPDATE);
const problem = await ours.problem(3);
const start = { q: problem.q, policy: problem.policy };
const a: number[] = []; for (let i = 0; i < 3; i++) a.push(await ours.step());
console.log(a);
  const p = await ours.parameters(); 
for (const b of process.argv.slice(2)) {
  const [lib, back] = b.split(':');
  const peer = lib === 'jax' ? await JaxUpdater.create(back as JaxBackend, problem) : await TfjsUpdater.create(back as JaxBackend, problem);
  const l: number[] = []; for (let i = 0; i < 3; i++) { const t = performance.now(); l.push(await peer.step()); console.log(performance.now() - t); }
  console.log(b, l, l.map((x, i) => x / a[i]! - 1));
const r = await peer.parameters();
  for (const k of ['q', 'policy'] as const) {
    const from = Float32Array.from(start[k].flatMap(({ weight, bias }) => [...weight, ...bias]));
    let d = 0, m = 0, most = 0;
    p[k].forEach((x, i) => { d += (x - r[k][i]!) ** 2; m += (x - from[i]!) ** 2; most = Math.max(most, Math.abs(x - r[k][i]!)); });
    console.log(k, Math.sqrt(d / m), most, Math.sqrt(m / from.length));
  }
  for (let i = 0; i < 3; i++) {
  const c = process.cpuUsage(); const t = performance.now(); await peer.run(2); const u = process.cpuUsage(c); console.log('peer wall', (performance.now() - t) / 2, 'cpu', (u.user + u.system) / 2000);
  const c2 = process.cpuUsage(); const t2 = performance.now(); await ours.run(2); const u2 = process.cpuUsage(c2); console.log('ours wall', (performance.now() - t2) / 2, 'cpu', (u2.user + u2.system) / 2000);
  }
}
process.exit();
