import type { Algorithm } from '../algorithms/algorithm.ts';
import type { EnvParams, Environment } from '../envs/environment.ts';
import { VectorEnv } from '../envs/vector-env.ts';
import { Clock } from '../gpu/clock.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { program, type Program } from '../gpu/program.ts';
import { random } from '../gpu/random.ts';
import { constantsOf, shaderSource } from '../gpu/shader.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { act } from '../rl/behaviour-policy.ts';
import { recordSize, ReplayBuffer } from '../rl/replay-buffer.ts';

/** One episode under the policy, from its first state to its last. */
export interface Rollout {
  /** (length + 1) observations. */
  readonly observations: readonly (readonly number[])[];
  readonly return: number;
  readonly length: number;
  readonly terminated: boolean;
  /** Which of the environment's outcomes it ended in; null for none. */
  readonly outcome: number | null;
}

/** What a policy does, in numbers. Rewards are the environment's own. */
export interface Evaluation {
  readonly rollouts: number;
  /** Share of episodes that ended in an outcome or, where none are named, by the task's own rule rather than the time limit. */
  readonly success: number;
  readonly meanReturn: number;
  readonly meanLength: number;
  /** Share of episodes in each of the environment's outcomes; empty if it names none. */
  readonly outcomeShares: readonly number[];
  /** Entropy of the outcomes among episodes that had one, relative to the largest possible: 1 is even, 0 is one alone. */
  readonly outcomeEntropy: number;
}

const STREAM_EVALUATION = constantsOf(shaderSource('common/random.wgsl'))['STREAM_EVALUATION']!;
/** Rows of the critic or the sampling network that are looked at together. */
const PROBE_ROWS = 4096;

/** What is evaluated: what acts, and the critic whose values are asked for. A learner is one. */
export type Learned = Pick<Algorithm, 'policy' | 'softQ'>;

/** Rolls the stochastic policy out and looks at its networks, without touching the run's own environments or clock. */
export class Evaluator {
  readonly #gpu: Gpu;
  readonly #learned: Learned;
  readonly #environment: Environment;
  readonly #rollouts: number;
  readonly #env: VectorEnv;
  readonly #clock: Clock;
  readonly #seeds: Tensor;
  readonly #replay: ReplayBuffer;
  readonly #episode: readonly Program[];
  #probes: Probes | undefined;

  /**
   * Evaluates with `rollouts` episodes; the same seed gives the same start states and noise every time. Episodes are cut
   * after `maxEpisodeSteps`, the environment's own limit by default; `params` differ from the environment's own.
   */
  constructor(
    gpu: Gpu,
    learned: Learned,
    environment: Environment,
    options: { rollouts: number; seed: number; maxEpisodeSteps?: number; params?: EnvParams },
  ) {
    const { observationSize, actionSize } = environment.spec;
    const { rollouts, seed, maxEpisodeSteps = environment.spec.maxEpisodeSteps, params = {} } = options;
    this.#gpu = gpu;
    this.#learned = learned;
    this.#environment = environment;
    this.#rollouts = rollouts;
    const members = 1;
    const seeds = gpu.tensorOf('evaluation.seeds', Uint32Array.of(random(seed, STREAM_EVALUATION, 0, 0)[0]));
    this.#seeds = seeds;
    const capacity = rollouts * maxEpisodeSteps;
    this.#replay = new ReplayBuffer(gpu, {
      members,
      capacity,
      observationSize,
      actionSize,
      label: 'evaluation',
    });
    this.#clock = new Clock(gpu, { transitions: rollouts, capacity });
    this.#env = new VectorEnv(gpu, environment, {
      environments: rollouts,
      members,
      seeds,
      clock: this.#clock,
      maxEpisodeSteps,
      params,
    });
    const action = gpu.tensor('evaluation.action', [members, rollouts, actionSize]);
    const source = { clock: this.#clock, seeds };
    const draw = learned.policy.draw(
      'evaluation',
      { observation: this.#env.observation, states: rollouts, particles: 1, use: 'evaluation' },
      source,
    );
    const squash = act(gpu, { preTanh: draw.preTanh, action, randomEnvironments: 0 }, source);
    const step = program('evaluate', [
      draw.program,
      squash,
      this.#env.step(action, this.#replay.sink),
      this.#clock.tick({ iterations: 1 }),
    ]);
    this.#episode = [this.#env.reset(), ...Array.from({ length: maxEpisodeSteps }, () => step)];
  }

  /** Runs every environment for one episode's longest time and takes its first episode. */
  async rollOut(): Promise<Rollout[]> {
    const { observationSize: s, actionSize: a, maxEpisodeSteps } = this.#env.spec;
    this.#clock.write({});
    this.#gpu.write(this.#env.episode, new Float32Array(this.#env.episode.size));
    await this.#gpu.run(...this.#episode);
    const ring = await this.#gpu.read(this.#replay.ring);
    const size = recordSize(s, a);
    const next = s + a + 1;
    return Array.from({ length: this.#rollouts }, (_, env) => {
      const observations: number[][] = [];
      let total = 0;
      for (let step = 0; ; step++) {
        const record = ring.subarray(
          (step * this.#rollouts + env) * size,
          (step * this.#rollouts + env + 1) * size,
        );
        if (step === 0) observations.push([...record.subarray(0, s)]);
        observations.push([...record.subarray(next, next + s)]);
        total += record[s + a]!;
        const terminated = record[next + s] === 1;
        if (terminated || step === maxEpisodeSteps - 1) {
          const outcome = this.#environment.outcomeOf?.(observations.at(-1)!) ?? null;
          return { observations, return: total, length: step + 1, terminated, outcome };
        }
      }
    });
  }

  /** The numbers of a set of rollouts. */
  summarise(rollouts: readonly Rollout[]): Evaluation {
    const mean = (f: (rollout: Rollout) => number) =>
      rollouts.reduce((sum, one) => sum + f(one), 0) / rollouts.length;
    const outcomes = this.#environment.outcomes ?? [];
    const outcomeShares = outcomes.map((_, i) => mean(({ outcome }) => (outcome === i ? 1 : 0)));
    return {
      rollouts: rollouts.length,
      success: mean(({ terminated, outcome }) =>
        (outcomes.length > 0 ? outcome !== null : terminated) ? 1 : 0,
      ),
      meanReturn: mean((rollout) => rollout.return),
      meanLength: mean(({ length }) => length),
      outcomeShares,
      outcomeEntropy: relativeEntropy(outcomeShares),
    };
  }

  /**
   * `perState` actions (in [-1, 1]^A) of the policy at each of `states`; `draw` numbers the noise, so that two calls
   * can be told apart.
   */
  async actionsAt(states: readonly (readonly number[])[], perState: number, draw = 0): Promise<number[][][]> {
    const { actionSize } = this.#environment.spec;
    const { observation, policy, preTanh } = this.#probe();
    const rows = states.flatMap((state) => Array.from({ length: perState }, () => state));
    const u = await this.#outputs(rows, observation, policy, preTanh, (block) => {
      // Far from the iterations of a rollout, so that these draws share no noise with it.
      this.#clock.write({ iteration: 1_000_000 + draw * 1000 + block });
    });
    const actions = u.map((row) => row.slice(0, actionSize).map(Math.tanh));
    return states.map((_, i) => actions.slice(i * perState, (i + 1) * perState));
  }

  /** Q(s, a) in raw reward units for rows [s, a]. */
  async valuesAt(rows: readonly (readonly number[])[], rewardScale: number): Promise<number[]> {
    const { stateAction, critic, value } = this.#probe();
    const outputs = await this.#outputs(rows, stateAction, critic, value);
    return outputs.map(([q]) => q! / rewardScale);
  }

  /** What `pass` makes of each row, padding included, in blocks of `PROBE_ROWS`; `before` is called ahead of each. */
  async #outputs(
    rows: readonly (readonly number[])[],
    input: Tensor,
    pass: Program,
    output: Tensor,
    before?: (block: number) => void,
  ): Promise<number[][]> {
    const inputStride = input.size / PROBE_ROWS;
    const outputStride = output.size / PROBE_ROWS;
    const outputs: number[][] = [];
    for (let first = 0; first < rows.length; first += PROBE_ROWS) {
      const part = rows.slice(first, first + PROBE_ROWS);
      const flat = new Float32Array(input.size);
      part.forEach((row, i) => flat.set(row, i * inputStride));
      this.#gpu.write(input, flat);
      before?.(first / PROBE_ROWS);
      await this.#gpu.run(pass);
      const numbers = await this.#gpu.read(output);
      part.forEach((_, i) => outputs.push([...numbers.subarray(i * outputStride, (i + 1) * outputStride)]));
    }
    return outputs;
  }

  /** Passes of both networks over rows of the host's choosing; made when first asked for. */
  #probe(): Probes {
    if (this.#probes) return this.#probes;
    const gpu = this.#gpu;
    const { policy, softQ } = this.#learned;
    const observation = gpu.tensor('probe.observation', [
      1,
      PROBE_ROWS,
      this.#environment.spec.observationSize,
    ]);
    const draw = policy.draw(
      'probe.policy',
      { observation, states: PROBE_ROWS, particles: 1, use: 'evaluation' },
      { clock: this.#clock, seeds: this.#seeds },
    );
    const critic = softQ.values('probe.q', PROBE_ROWS);
    this.#probes = {
      observation,
      policy: draw.program,
      preTanh: draw.preTanh,
      stateAction: critic.stateAction,
      critic: critic.program,
      value: critic.value,
    };
    return this.#probes;
  }
}

interface Probes {
  readonly observation: Tensor;
  readonly policy: Program;
  readonly preTanh: Tensor;
  readonly stateAction: Tensor;
  readonly critic: Program;
  readonly value: Tensor;
}

/** Entropy of shares, normalised to sum 1, over the log of their number; 0 if there are none. */
export function relativeEntropy(shares: readonly number[]): number {
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (total === 0 || shares.length < 2) return 0;
  const entropy = shares.reduce(
    (sum, share) => (share > 0 ? sum - (share / total) * Math.log(share / total) : sum),
    0,
  );
  return entropy / Math.log(shares.length);
}
