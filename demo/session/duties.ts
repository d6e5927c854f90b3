import { Duty } from './pacer.ts';

/** Least milliseconds between two of a kind, and the largest share of the time that they take. */
const SHARES = {
  world: { interval: 0, share: 0.25, longest: 2500 },
  energy: { interval: 66, share: 0.15, longest: 2500 },
  progress: { interval: 250, share: 1 },
  summary: { interval: 1000, share: 1 },
  evaluation: { interval: 2000, share: 0.15 },
  checkpoint: { interval: 5000, share: 0.05 },
  distance: { interval: 2000, share: 0.1 },
} as const;
/** The same for the pictures where the processor draws them, and composes the page with each new one. */
const SOFTWARE_SHARES = {
  ...SHARES,
  world: { interval: 100, share: 0.2, longest: 2500 },
  energy: { interval: 200, share: 0.12, longest: 2500 },
} as const;

/** When each thing that is done beside training is due. */
export type Duties = Readonly<Record<keyof typeof SHARES, Duty>>;

/** The duties of a session whose device is, or is not, the processor. */
export function dutiesOf(software: boolean): Duties {
  const shares = software ? SOFTWARE_SHARES : SHARES;
  return {
    world: new Duty(shares.world),
    energy: new Duty(shares.energy),
    progress: new Duty(shares.progress),
    summary: new Duty(shares.summary),
    evaluation: new Duty(shares.evaluation),
    checkpoint: new Duty(shares.checkpoint),
    distance: new Duty(shares.distance),
  };
}
