// The soft Bellman equation of the multi-goal point mass on a grid, in float64 and without any trick: for every state a
// sum over all actions of the square at once.

/** A world like multi-goal's with a grid: `steps` grid steps in a unit of length, walls at +-bound. */
export interface GridTask {
  readonly goals: readonly (readonly [number, number])[];
  readonly bound: number;
  readonly actionCost: number;
  readonly distanceCost: number;
  readonly goalReward: number;
  readonly goalRadius: number;
  readonly noise: number;
  readonly temperature: number;
  readonly discount: number;
  readonly steps: number;
}

/** Points along a side of a cell by which the share of it inside a goal is counted: part of the equation's definition. */
const COUNTED = 16;

/** The share of the cell around an unclipped position that lies, once clipped, strictly inside a goal. */
function insideShare({ goals, bound, goalRadius, steps }: GridTask, x: number, y: number): number {
  let count = 0;
  for (let i = 0; i < COUNTED; i++) {
    for (let j = 0; j < COUNTED; j++) {
      const px = Math.min(Math.max(x + ((i + 0.5) / COUNTED - 0.5) / steps, -bound), bound);
      const py = Math.min(Math.max(y + ((j + 0.5) / COUNTED - 0.5) / steps, -bound), bound);
      if (goals.some(([gx, gy]) => (px - gx) ** 2 + (py - gy) ** 2 < goalRadius ** 2)) count++;
    }
  }
  return count / COUNTED ** 2;
}

/**
 * V in raw reward units, as V[x][y] over -bound to bound. Reached positions s + a beyond the walls are clipped; a cell
 * that a goal's edge cuts counts by its area; noise is a normal law on the grid, cut at six deviations; actions are
 * weighted by the trapezoid rule.
 */
export function solveNaively(task: GridTask): number[][] {
  const { goals, bound, actionCost, distanceCost, goalReward, noise, temperature, discount, steps } = task;
  const points = Math.round(2 * bound * steps) + 1;
  const extended = points + 2 * steps;
  const clip = (index: number, last: number) => Math.min(Math.max(index, 0), last);
  const square = <T>(side: number, f: (i: number, j: number) => T) =>
    Array.from({ length: side }, (_, i) => Array.from({ length: side }, (__, j) => f(i, j)));
  const place = (index: number) => index / steps - bound - 1;
  const share = square(extended, (i, j) => insideShare(task, place(i), place(j)));
  const stage = square(extended, (i, j) => {
    const [x, y] = [place(i), place(j)].map((one) => Math.min(Math.max(one, -bound), bound)) as [
      number,
      number,
    ];
    return -distanceCost * Math.min(...goals.map(([gx, gy]) => (x - gx) ** 2 + (y - gy) ** 2));
  });
  const radius = Math.ceil(6 * noise * steps);
  const offsets = square(2 * radius + 1, (i, j) => [i - radius, j - radius] as const).flat();
  const weights = offsets.map(([i, j]) =>
    radius === 0 ? 1 : Math.exp((-0.5 * (i * i + j * j)) / (noise * steps) ** 2),
  );
  const totalWeight = weights.reduce((sum, one) => sum + one, 0);
  const actions = square(2 * steps + 1, (i, j) => {
    const end = (k: number) => (k === 0 || k === 2 * steps ? 0.5 : 1) / steps;
    const effort = (i / steps - 1) ** 2 + (j / steps - 1) ** 2;
    return { i, j, nats: Math.log(end(i) * end(j)) - (actionCost * effort) / temperature };
  }).flat();

  let value = square(points, () => 0);
  for (let change = Infinity; change > 1e-7 * temperature;) {
    const old = value;
    const next = square(extended, (i, j) => {
      const future = discount * old[clip(i - steps, points - 1)]![clip(j - steps, points - 1)]!;
      const inside = share[i]![j]!;
      if (noise > 0 || inside === 0 || inside === 1)
        return stage[i]![j]! + inside * goalReward + (1 - inside) * future;
      const top = Math.max(goalReward, future);
      const mass =
        inside * Math.exp((goalReward - top) / temperature) +
        (1 - inside) * Math.exp((future - top) / temperature);
      return stage[i]![j]! + top + temperature * Math.log(mass);
    });
    const expected =
      radius === 0
        ? next
        : square(extended, (i, j) =>
            offsets.reduce(
              (sum, [di, dj], k) =>
                sum +
                (weights[k]! / totalWeight) * next[clip(i + di, extended - 1)]![clip(j + dj, extended - 1)]!,
              0,
            ),
          );
    value = square(points, (x, y) => {
      let top = -Infinity;
      for (const { i, j, nats } of actions)
        top = Math.max(top, nats + expected[x + i]![y + j]! / temperature);
      let sum = 0;
      for (const { i, j, nats } of actions)
        sum += Math.exp(nats + expected[x + i]![y + j]! / temperature - top);
      return temperature * (top + Math.log(sum));
    });
    change = Math.max(
      ...value.map((column, x) => Math.max(...column.map((v, y) => Math.abs(v - old[x]![y]!)))),
    );
  }
  return value;
}

/**
 * V*, entropy of pi* and Q* of multi-goal with its own constants and discount 0.99, by an independent float64 solver on a
 * grid of 0.02, whose own error is about 0.005 raw reward units.
 */
export const OPTIMUM_POINTS: readonly {
  readonly temperature: number;
  readonly points: readonly {
    readonly state: readonly [number, number];
    readonly value: number;
    readonly entropy: number;
    readonly action: readonly [number, number];
    readonly q: number;
  }[];
}[] = [
  {
    temperature: 10,
    points: [
      {
        state: [0.0, 0.0],
        value: -122.31328,
        entropy: 1.284814,
        action: [0.9533274, -0.3546766],
        q: -134.145388,
      },
      {
        state: [2.5, 0.0],
        value: -28.918591,
        entropy: 0.618813,
        action: [-0.7838752, -0.7477483],
        q: -104.24617,
      },
      {
        state: [0.0, -2.5],
        value: -28.918591,
        entropy: 0.618813,
        action: [-0.1165017, -0.8206081],
        q: -30.945131,
      },
      {
        state: [1.5, 1.5],
        value: -68.74047,
        entropy: 1.00895,
        action: [-0.4245659, -0.1613371],
        q: -94.306742,
      },
      {
        state: [-2.5, -2.5],
        value: -56.988114,
        entropy: 1.064112,
        action: [-0.3534387, 0.8042648],
        q: -66.009233,
      },
      {
        state: [3.7, 0.4],
        value: -0.866387,
        entropy: 0.66565,
        action: [-0.3654312, -0.1341375],
        q: -14.957401,
      },
      {
        state: [5.0, 5.0],
        value: -129.419847,
        entropy: 0.752738,
        action: [-0.4710303, -0.1434145],
        q: -136.053755,
      },
      { state: [6.0, 0.0], value: 4.809163, entropy: 0.669151, action: [-0.052755, 0.487091], q: -4.440729 },
      {
        state: [-4.0, 2.0],
        value: -21.243572,
        entropy: 0.647552,
        action: [-0.2256906, 0.3202815],
        q: -37.517662,
      },
    ],
  },
  {
    temperature: 5,
    points: [
      {
        state: [0.0, 0.0],
        value: -140.472289,
        entropy: 0.937026,
        action: [0.9533274, -0.3546766],
        q: -145.603055,
      },
      {
        state: [2.5, 0.0],
        value: -37.278186,
        entropy: 0.033979,
        action: [-0.7838752, -0.7477483],
        q: -114.708245,
      },
      {
        state: [0.0, -2.5],
        value: -37.278186,
        entropy: 0.033979,
        action: [-0.1165017, -0.8206081],
        q: -35.835155,
      },
      {
        state: [1.5, 1.5],
        value: -83.545271,
        entropy: 0.595775,
        action: [-0.4245659, -0.1613371],
        q: -107.233847,
      },
      {
        state: [-2.5, -2.5],
        value: -71.583924,
        entropy: 0.685124,
        action: [-0.3534387, 0.8042648],
        q: -75.139103,
      },
      {
        state: [3.7, 0.4],
        value: -4.0044,
        entropy: -0.172878,
        action: [-0.3654312, -0.1341375],
        q: -19.868181,
      },
      {
        state: [5.0, 5.0],
        value: -143.954361,
        entropy: 0.270751,
        action: [-0.4710303, -0.1434145],
        q: -148.570954,
      },
      { state: [6.0, 0.0], value: 2.641767, entropy: -0.174608, action: [-0.052755, 0.487091], q: -6.631532 },
      {
        state: [-4.0, 2.0],
        value: -28.69737,
        entropy: 0.070064,
        action: [-0.2256906, 0.3202815],
        q: -45.649382,
      },
    ],
  },
  {
    temperature: 3,
    points: [
      {
        state: [0.0, 0.0],
        value: -138.650971,
        entropy: 0.548596,
        action: [0.9533274, -0.3546766],
        q: -142.409465,
      },
      {
        state: [2.5, 0.0],
        value: -35.410996,
        entropy: -0.394283,
        action: [-0.7838752, -0.7477483],
        q: -112.285405,
      },
      {
        state: [0.0, -2.5],
        value: -35.410996,
        entropy: -0.394283,
        action: [-0.1165017, -0.8206081],
        q: -34.549308,
      },
      {
        state: [1.5, 1.5],
        value: -82.298527,
        entropy: 0.217249,
        action: [-0.4245659, -0.1613371],
        q: -104.691313,
      },
      {
        state: [-2.5, -2.5],
        value: -70.815479,
        entropy: 0.305341,
        action: [-0.3534387, 0.8042648],
        q: -73.368957,
      },
      {
        state: [3.7, 0.4],
        value: -2.661943,
        entropy: -0.838696,
        action: [-0.3654312, -0.1341375],
        q: -18.582112,
      },
      {
        state: [5.0, 5.0],
        value: -140.73172,
        entropy: -0.141858,
        action: [-0.4710303, -0.1434145],
        q: -144.852965,
      },
      { state: [6.0, 0.0], value: 3.631053, entropy: -0.760827, action: [-0.052755, 0.487091], q: -5.533125 },
      {
        state: [-4.0, 2.0],
        value: -27.073027,
        entropy: -0.369875,
        action: [-0.2256906, 0.3202815],
        q: -43.906552,
      },
    ],
  },
];
