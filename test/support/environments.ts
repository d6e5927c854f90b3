import type { Environment, EnvParams } from '../../src/envs/environment.ts';
import { VectorEnv } from '../../src/envs/vector-env.ts';
import { Clock } from '../../src/gpu/clock.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { recordSize, ReplayBuffer } from '../../src/rl/replay-buffer.ts';

/** Seeds of the members, and the iteration whose randomness they draw. */
export const SEEDS = [21, 0x80000001];
export const ITERATION = 9;

export type Rows = number[][];

/** `environments` copies for each of `members` members, under `SEEDS` and at `ITERATION`. */
export function environmentsOf(
  gpu: Gpu,
  environment: Environment,
  options: { environments: number; members: number; params?: EnvParams },
): VectorEnv {
  const { environments, members, params = {} } = options;
  const clock = new Clock(gpu);
  clock.write({ iteration: ITERATION });
  const seeds = gpu.tensorOf('seeds', Uint32Array.from(SEEDS.slice(0, members)));
  return new VectorEnv(gpu, environment, { environments, members, seeds, clock, params });
}

/**
 * One step of (members, E, 2) states under (members, E, 2) actions, in an environment whose state is its observation;
 * the records of each member.
 */
export async function stepped(
  gpu: Gpu,
  environment: Environment,
  states: Rows[],
  actions: Rows[],
  params: EnvParams = {},
) {
  const [members, environments] = [states.length, states[0]!.length];
  const env = environmentsOf(gpu, environment, { environments, members, params });
  const axis = (rows: Rows, d: number) => rows.map((row) => row[d]!);
  gpu.write(env.state, Float32Array.from(states.flatMap((rows) => [...axis(rows, 0), ...axis(rows, 1)])));
  gpu.write(env.observation, Float32Array.from(states.flat(2)));
  const ring = new ReplayBuffer(gpu, { members, capacity: environments, observationSize: 2, actionSize: 2 });
  await gpu.run(env.step(gpu.tensorOf('actions', Float32Array.from(actions.flat(2))), ring.sink));
  const flat = await gpu.read(ring.ring);
  const size = recordSize(2, 2);
  return Array.from({ length: members }, (_, m) => {
    const records = Array.from({ length: environments }, (__, e) => {
      const from = (m * environments + e) * size;
      return [...flat.subarray(from, from + size)];
    });
    return {
      state: records.map((record) => record.slice(0, 2)),
      action: records.map((record) => record.slice(2, 4)),
      reward: records.map((record) => record[4]!),
      nextState: records.map((record) => record.slice(5, 7)),
      terminated: records.map((record) => record[7]!),
      truncated: records.map((record) => record[8]!),
    };
  });
}
