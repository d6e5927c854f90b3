import type { Gpu } from '../gpu/gpu.ts';
import type { Dispatch } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';

/**
 * A tensor of `shape` (R n, ...) for n consecutive members each of what `source` (R, ...) holds for R, and the dispatch
 * that fills it.
 * @throws Error if the numbers of `source` do not go into `shape` a whole number of times.
 */
export function repeatMembers(
  gpu: Gpu,
  label: string,
  source: Tensor,
  shape: readonly number[],
): { readonly copies: Tensor; readonly dispatch: Dispatch } {
  const copies = gpu.tensor(label, shape);
  const members = shape[0]!;
  const count = copies.size / source.size;
  if (!Number.isInteger(count) || members % count !== 0) {
    throw new Error(
      `${label}: '${source.label}' has ${source.size} numbers, no part of ${shape.join(' x ')}.`,
    );
  }
  const length = copies.size / members;
  const dispatch = gpu
    .kernel('nn/repeat_members.wgsl')
    .bind({ source, copies }, { threads: [length, members], params: { length, count }, label });
  return { copies, dispatch };
}
