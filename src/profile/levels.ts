import type { Program } from '../gpu/program.ts';

/**
 * The length of the longest chain of dispatches of which each must wait for the one before: because it reads what that
 * wrote, or writes what that read or wrote. Buffers count as a whole, as a WebGPU implementation sees them. A GPU runs the
 * dispatches of one level side by side, and pays for every level.
 */
export function levelsOf({ dispatches }: Program): number {
  const lastRead = new Map<GPUBuffer, number>();
  const lastWritten = new Map<GPUBuffer, number>();
  let deepest = 0;
  for (const { bound = [] } of dispatches) {
    const before = bound.map(({ tensor: { buffer }, written }) =>
      Math.max(lastWritten.get(buffer) ?? 0, written ? (lastRead.get(buffer) ?? 0) : 0),
    );
    const level = 1 + Math.max(0, ...before);
    for (const { tensor, written } of bound) {
      const last = written ? lastWritten : lastRead;
      last.set(tensor.buffer, Math.max(last.get(tensor.buffer) ?? 0, level));
    }
    deepest = Math.max(deepest, level);
  }
  return deepest;
}
