import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/gpu/clock.ts';
import { program } from '../../src/gpu/program.ts';
import { measureCopyBandwidth } from '../../src/profile/bandwidth.ts';
import { measureOverhead } from '../../src/profile/overhead.ts';
import { rooflineWork } from '../../src/profile/roofline.ts';
import { timePrograms } from '../../src/profile/timing.ts';
import { useGpu } from '../support/gpu.ts';

const gpu = useGpu();

describe('copying', () => {
  test('copies, and nothing behind the end', async () => {
    const [vectors, room] = [300, 400];
    const numbers = Float32Array.from({ length: 4 * room }, (_, i) => i + 1);
    const [source, result] = [gpu().tensorOf('source', numbers), gpu().tensor('result', [room, 4])];
    const kernel = gpu().kernel('profile/copy.wgsl');
    await gpu().run(
      program('copy', [kernel.bind({ source, result }, { threads: [vectors], params: { vectors } })]),
    );
    expect(await gpu().read(result)).toEqual(numbers.map((number, i) => (i < 4 * vectors ? number : 0)));
  });

  test('takes longer for a number than a multiply-add does, and leaves no tensor', async () => {
    const { kernel, command } = await measureCopyBandwidth(gpu(), 2 ** 22);
    const { program: work, flops } = rooflineWork(gpu(), 4096)[0]!;
    const { programs } = await timePrograms(gpu(), [work], 3);
    const multiplyAdds = flops / 2 / programs[0]!.milliseconds;
    // Four bytes are read and four written; GB/s are 1e6 bytes in a millisecond.
    expect((kernel * 1e6) / 8).toBeLessThan(multiplyAdds);
    // No adapter known copies a gigabyte in more than ten seconds, or a terabyte in less than ten milliseconds.
    for (const rate of [kernel, command]) {
      expect(rate).toBeGreaterThan(0.1);
      expect(rate).toBeLessThan(1e5);
    }
    expect(
      gpu()
        .memory()
        .tensors.some(({ label }) => label.startsWith('copy.')),
    ).toBe(false);
  });
});

test('the host takes longer for more dispatches, and no tensor is left', async () => {
  const work = program('tick', [new Clock(gpu()).tick({ updates: 1 })]);
  const many = program('many', Array<typeof work>(100).fill(work));
  const before = gpu().memory().total;
  const start = performance.now();
  const one = await measureOverhead(gpu(), work, 10);
  const microseconds = 1000 * (performance.now() - start);
  const more = await measureOverhead(gpu(), many, 10);
  // A host's clock may be as coarse as a tenth of a millisecond: what one dispatch takes may be nothing by it.
  expect(more.encoding).toBeGreaterThan(one.encoding);
  expect([one.runsPerSubmit, gpu().memory().total]).toEqual([10, before]);
  for (const { dispatch, submit } of [one, more]) {
    expect(dispatch).toBeGreaterThan(0);
    expect(submit).toBeGreaterThan(0);
  }
  // Hundreds of submits, each with such a dispatch, were made in that time, whatever else the machine was doing.
  expect(100 * (one.dispatch + one.submit)).toBeLessThan(microseconds);
});
