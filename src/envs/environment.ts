import type { Gpu } from '../gpu/gpu.ts';
import { constantsOf, packStruct, shaderSource, structOf, type SlotFiller } from '../gpu/shader.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { UsageError } from '../gpu/errors.ts';

/** What a learner may know of an environment. Actions lie in [-1, 1]^actionSize. */
export interface EnvSpec {
  readonly name: string;
  readonly observationSize: number;
  readonly actionSize: number;
  /** Steps after which an episode is cut; the cut is `truncated`, not `terminated`. */
  readonly maxEpisodeSteps: number;
}

/** Values of `struct EnvParams` by field name; arrays of vec4f take their numbers flat. */
export type EnvParams = Readonly<Record<string, number | readonly number[]>>;

/** What a task in the plane looks like, for figures. Positions are the observation's two numbers. */
export interface TaskPlane {
  /** Half the side of the square in which the task takes place. */
  readonly bound: number;
  /** (goals, 2), in the order of the environment's `outcomes`. */
  readonly goals: readonly (readonly [number, number])[];
  /** Distance from a goal within which an episode's end counts as that goal's. */
  readonly goalRadius: number;
  /** The reward of standing still at a position, in raw units. */
  readonly rewardAt: (x: number, y: number) => number;
}

/** An environment as it is registered. */
export interface Environment {
  readonly spec: EnvSpec;
  /** Floats of state of one instance. */
  readonly stateSize: number;
  /** The WGSL module that fills the slot `env`. */
  readonly module: SlotFiller;
  readonly defaultParams: EnvParams;
  /** Whether an episode may end by the task's own rule; if not, the time limit ends every one. */
  readonly terminates: boolean;
  /** Whether the observation is the whole state, so that a stored transition can be made again in a changed world. */
  readonly observesState: boolean;
  /** Names of the ways in which an episode may end well, if the task tells several apart: goals, exits. */
  readonly outcomes?: readonly string[];
  /** Which of `outcomes` the last observation of an episode belongs to; null for none. */
  readonly outcomeOf?: (lastObservation: readonly number[]) => number | null;
  /** Of tasks in the plane. */
  readonly plane?: TaskPlane;
}

const registry = new Map<string, Environment>();

/**
 * Makes an environment known under `name`. `wgsl` is a module with the constants OBSERVATION_SIZE, ACTION_SIZE,
 * STATE_SIZE, MAX_EPISODE_STEPS and the functions env_reset, env_step and env_observe, which may call what
 * `shaders/vector_env/interface.wgsl` offers; sizes are read from the text. `// #tunable` behind MAX_EPISODE_STEPS lets
 * a VectorEnv choose another limit. If it declares `struct EnvParams`, `defaultParams` gives its values. `terminates` is true by
 * default.
 * @throws Error if the name is taken or a constant is missing.
 */
export function registerEnvironment(environment: {
  readonly name: string;
  readonly wgsl: string;
  readonly defaultParams?: EnvParams;
  readonly terminates?: boolean;
  readonly observesState?: boolean;
  readonly outcomes?: readonly string[];
  readonly outcomeOf?: (lastObservation: readonly number[]) => number | null;
  readonly plane?: TaskPlane;
}): Environment {
  const {
    name,
    wgsl,
    defaultParams = {},
    terminates = true,
    observesState = false,
    outcomes,
    outcomeOf,
    plane,
  } = environment;
  if (registry.has(name)) throw new Error(`An environment '${name}' is registered already.`);
  const constants = constantsOf(wgsl);
  const size = (constant: string) => {
    const value = constants[constant];
    if (value === undefined)
      throw new Error(`Environment '${name}' does not say 'const ${constant} = ...u;'.`);
    return value;
  };
  const registered: Environment = {
    spec: {
      name,
      observationSize: size('OBSERVATION_SIZE'),
      actionSize: size('ACTION_SIZE'),
      maxEpisodeSteps: size('MAX_EPISODE_STEPS'),
    },
    stateSize: size('STATE_SIZE'),
    module: { name: `envs/${name}.wgsl`, text: wgsl },
    defaultParams,
    terminates,
    observesState,
    ...(outcomes && { outcomes }),
    ...(outcomeOf && { outcomeOf }),
    ...(plane && { plane }),
  };
  registry.set(name, registered);
  return registered;
}

/** Names of all registered environments. */
export function environmentNames(): string[] {
  return [...registry.keys()].sort();
}

/**
 * The environment registered as `name`.
 * @throws UsageError naming the ones there are.
 */
export function environmentOf(name: string): Environment {
  const environment = registry.get(name);
  if (!environment) {
    throw new UsageError(`There is no environment '${name}'; there is ${environmentNames().join(', ')}.`);
  }
  return environment;
}

/** The uniform tensor of an environment's EnvParams, or undefined if it has none. */
export function envParamsTensor(gpu: Gpu, environment: Environment, params: EnvParams): Tensor | undefined {
  const struct = structOf(moduleText(environment.module).text, 'EnvParams');
  if (!struct) return undefined;
  const tensor = gpu.tensor(`${environment.spec.name}.params`, [struct.size / 4], { uniform: true });
  gpu.write(tensor, packEnvParams(environment, params));
  return tensor;
}

/**
 * All of an environment's parameters as they lie in `struct EnvParams`.
 * @throws Error for a name that is missing or unknown, and for too many numbers.
 */
export function packEnvParams(environment: Environment, params: EnvParams): Float32Array<ArrayBuffer> {
  const { name, text } = moduleText(environment.module);
  return new Float32Array(packStruct(structOf(text, 'EnvParams')!, params, name));
}

function moduleText(module: SlotFiller): { name: string; text: string } {
  return 'file' in module ? { name: module.file, text: shaderSource(module.file) } : module;
}
