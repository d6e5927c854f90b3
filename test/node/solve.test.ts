import { beforeAll, describe, expect, test } from 'vitest';
import { OPTIMUM_POINTS } from '../oracles/multigoal-optimum.ts';
import { runNode, type ChildResult } from '../support/child.ts';

/** Runs the built command line as a user's shell does. */
function solve(line: string): Promise<ChildResult> {
  return runNode(['dist/node/cli.js', 'solve', ...line.split(' ')]);
}

beforeAll(async () => {
  await runNode(['src/node/setup.mjs']);
}, 180_000);

interface Report {
  readonly residual: number;
  readonly sweeps: number;
  readonly seconds: number;
  readonly grid: number;
  readonly points: readonly {
    readonly value: number;
    readonly entropy: number;
    readonly modes: readonly { readonly action: readonly number[] }[];
  }[];
  readonly rollouts: {
    readonly meanReturn: number;
    readonly standardError: number;
    readonly goalShares: Readonly<Record<string, number>>;
  };
}

describe('softq solve', () => {
  test('--json puts one object on stdout, with the values of another solver at its grid', async () => {
    const { points } = OPTIMUM_POINTS.find(({ temperature }) => temperature === 10)!;
    const at = points.map(({ state }) => state.join(',')).join(';');
    const { code, stdout, stderr } = await solve(`multigoal --alpha 10 --grid 0.02 --json --at ${at}`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const report = JSON.parse(stdout) as Report;
    expect(report).toMatchObject({
      environment: 'multigoal',
      alpha: 10,
      grid: 0.02,
      discount: 0.99,
      noise: 0,
    });
    expect(report.residual).toBeLessThanOrEqual(1e-5);
    expect(Math.min(report.sweeps, report.seconds)).toBeGreaterThan(0);
    expect(report.points).toHaveLength(points.length);
    for (const [i, { value, entropy }] of points.entries()) {
      // Both grids err by 0.005 in the same way; they differ in the cells that a goal's edge cuts.
      expect(Math.abs(report.points[i]!.value - value)).toBeLessThan(0.002);
      expect(Math.abs(report.points[i]!.entropy - entropy)).toBeLessThan(0.002);
    }
    expect(report.points[0]!.modes).toHaveLength(4);
    // The return of episodes of another implementation, -192, within four standard errors.
    expect(Math.abs(report.rollouts.meanReturn + 192)).toBeLessThan(4 * report.rollouts.standardError);
    expect(Object.keys(report.rollouts.goalShares)).toEqual(['right', 'left', 'up', 'down']);
  });

  test('without it, tables; a temperature at which the optimum hovers is warned of on stderr', async () => {
    const { code, stdout, stderr } = await solve(
      'multigoal --alpha 14 --grid 0.1 --rollouts 20 --at 0,0;2.5,0',
    );
    expect(code).toBe(0);
    for (const row of ['residual', 'sweeps', 'return of pi*', 'goal shares', 'entropy', '2.5, 0']) {
      expect(stdout).toContain(row);
    }
    expect(stderr).toMatch(/^softq: At temperature 14 .* outlast the limit of 30 steps.*\.\n$/);
    const noisy = await solve('multigoal --alpha 14 --grid 0.1 --noise 0.1 --rollouts 20');
    expect({ code: noisy.code, stderr: noisy.stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('bad input is one sentence and exit code 2', () => {
  test.each([
    ['chess', /no environment 'chess'; there is multigoal/],
    ['multigoal --at 0,0;8,0', /The point 8,0 of --at lies outside the world, which ends at 7/],
    ['multigoal --at 0', /--at must be points as in '0,0;2.5,0', not '0'/],
    ['multigoal --at 1,2,3', /--at must be points/],
    ['multigoal --at 1,x', /--at must be points/],
    ['multigoal --alpha 0', /--alpha must be greater than 0, not 0/],
    ['multigoal --alpha hot', /--alpha must be a number, not 'hot'/],
    ['multigoal --alpha 0.01', /temperature must be a number of at least 0.2/],
    [
      'multigoal --grid 0.0001',
      /does not fit the buffers of this adapter: the finest that does is 0\.\d+\.$/m,
    ],
    ['multigoal --grid 0.5', /too coarse: take 0.2 or less/],
    ['multigoal --grid 0.03', /spacing must divide/],
    ['multigoal --discount 1', /discount must lie from 0 to below 1/],
    ['multigoal --noise 0.001', /noise of 0.001 cannot be solved/],
    ['multigoal --rollouts 0', /--rollouts must be a whole number/],
    ['multigoal --adapter quantum', /must be one of auto, system, swiftshader/],
  ])('softq solve %s', async (line, sentence) => {
    const { code, stdout, stderr } = await solve(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
