import type { Config } from '../src/index.ts';

/** What learns, as the page calls it. */
export const ALGORITHM_NAMES: Readonly<Record<Config['algorithm'], string>> = {
  'soft-q': 'Soft Q',
  sac: 'SAC',
  ddpg: 'DDPG',
};

/** A share of one in words: 0.42 as `42 %`. */
export const percent = (share: number) => `${Math.round(100 * share)} %`;
