import {
  Gpu,
  MULTIGOAL_BOUND,
  MULTIGOAL_GOALS,
  MULTIGOAL_RADIUS,
  resolveConfig,
  Trainer,
  type MetricRow,
} from '../src/index.ts';

const status = document.querySelector<HTMLElement>('#status')!;
const canvas = document.querySelector<HTMLCanvasElement>('#world')!;
const metrics = document.querySelector<HTMLElement>('#metrics')!;

/** Canvas pixels of a position on the plane. */
function place([x, y]: readonly [number, number]): [number, number] {
  const scale = canvas.width / (2 * MULTIGOAL_BOUND);
  return [(x + MULTIGOAL_BOUND) * scale, (MULTIGOAL_BOUND - y) * scale];
}

/** Draws the goals and every environment; `positions` is (E, 2). */
function draw(positions: Float32Array): void {
  const context = canvas.getContext('2d')!;
  const { color } = getComputedStyle(document.body);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.strokeStyle = color;
  const radius = (MULTIGOAL_RADIUS * canvas.width) / (2 * MULTIGOAL_BOUND);
  for (const goal of MULTIGOAL_GOALS) {
    context.beginPath();
    context.arc(...place(goal), radius, 0, 2 * Math.PI);
    context.stroke();
  }
  context.fillStyle = color;
  for (let i = 0; i < positions.length; i += 2) {
    const [x, y] = place([positions[i]!, positions[i + 1]!]);
    context.fillRect(x - 1, y - 1, 2, 2);
  }
}

function show(row: MetricRow): void {
  const lines = Object.entries(row.values).map(([name, value]) => {
    const term = document.createElement('dt');
    const number = document.createElement('dd');
    term.textContent = name;
    number.textContent = value.toPrecision(4);
    return [term, number];
  });
  metrics.replaceChildren(...lines.flat());
}

/** Trains the default preset on this browser's GPU and shows it while it learns. */
async function train(): Promise<void> {
  if (!('gpu' in navigator))
    throw new Error('This browser has no WebGPU, or the page is not served securely.');
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error('WebGPU is here, but it gives no adapter: update the graphics driver.');
  const gpu = await Gpu.create(navigator.gpu, adapter);
  status.textContent = 'Compiling shaders.';
  const config = resolveConfig({});
  const { updates } = config;
  const trainer = await Trainer.create(gpu, config);
  while (trainer.updates < updates) {
    await trainer.run({
      until: Math.min(trainer.updates + 10, updates),
      onProgress: ({ rows }) => rows.slice(-1).forEach(show),
    });
    draw(await gpu.read(trainer.env.observation));
    status.textContent = `${trainer.updates} of ${updates} updates`;
    // A frame for the page between two stretches of work.
    await new Promise(requestAnimationFrame);
  }
}

train().catch((error: unknown) => {
  status.textContent = (error as Error).message;
});
