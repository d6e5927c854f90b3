import type { Row } from './measure.ts';

/** A runtime in which benchmarks can be run by name. */
export interface Runtime {
  readonly adapter: string;
  readonly runtime: string;
  /** @throws Disagreement if ours and the peer do not compute the same. */
  run(name: string): Promise<Row[]>;
  close(): Promise<void>;
}
