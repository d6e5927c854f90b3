/** What a control does in one sentence, and where Haarnoja et al. (2017) or their released code say so. */
export interface Explanation {
  readonly text: string;
  /** Equation, section or algorithm of the paper, or what else says so. */
  readonly source: string;
}

/** One line about each control, by its name. */
export const EXPLANATIONS = {
  run: {
    text: 'Repeats the algorithm: act, store, improve the critic, improve the policy.',
    source: 'Algorithm 1',
  },
  environment: {
    text: 'Every environment takes one action, at random until the critic has its first updates behind it, then the policy’s; the transition is stored.',
    source: 'Algorithm 1',
  },
  critic: {
    text: 'One gradient step of Q(s, a) towards reward plus discounted soft value, on one minibatch.',
    source: 'eq. 11',
  },
  stein: {
    text: 'One step of the sampling network: its actions move uphill on Q and away from each other.',
    source: 'eq. 13 and 14',
  },
  epoch: { text: '25 iterations of acting and both updates.', source: 'Algorithm 1' },
  pace: { text: 'Slows training down until single updates can be watched.', source: 'Algorithm 1' },
  temperature: {
    text: 'What a nat of entropy is worth: low commits to the best action, high spreads over all.',
    source: 'eq. 2 and 6',
  },
  algorithm: {
    text: 'Soft Q-learning draws from exp(Q/α), SAC fits one Gaussian to it, DDPG climbs to one maximum.',
    source: 'eq. 6, section 4',
  },
  compare: {
    text: 'A second learner in the same world, from the same seed, with the same goals and temperature.',
    source: 'section 5',
  },
  preset: { text: 'A set of values to start from; restarts the run.', source: 'appendix D.1' },
  seed: { text: 'Decides every random number of the run: the same seed repeats it.', source: 'section 5' },
  environments: {
    text: 'Copies of the world that step side by side and fill the replay memory.',
    source: 'Algorithm 1',
  },
  fixedParticles: {
    text: 'Actions per state at which the slope of Q is taken (M).',
    source: 'eq. 13, appendix C.1',
  },
  updatedParticles: {
    text: 'Actions per state that the Stein direction moves (K).',
    source: 'eq. 14, appendix C.1',
  },
  proposal: {
    text: 'Where the actions come from by which the soft value is estimated.',
    source: 'eq. 10, appendix C.2',
  },
  steinDirection: {
    text: 'The coordinates in which particles repel; released is the published code, which is biased.',
    source: 'eq. 13',
  },
  repulsion: {
    text: 'The kernel term that pushes particles apart; without it all collapse onto a maximum.',
    source: 'eq. 13, second term',
  },
  actions: {
    text: 'Q(s, a)/α over all actions at one state; the policy is its exponential.',
    source: 'eq. 6',
  },
  values: { text: 'The soft value V(s) = α log ∫ exp(Q(s, a)/α) da at every position.', source: 'eq. 5' },
  exact: {
    text: 'Soft Q-iteration to its fixed point, without any network: what training should arrive at.',
    source: 'eq. 7 to 9',
  },
  goals: {
    text: 'Episodes end at a goal with a reward of 10; every step costs distance and effort.',
    source: 'released code; the task of section 5.1',
  },
  transitions: {
    text: 'What becomes of transitions collected before the goals moved: kept, given their new reward, or dropped.',
    source: 'Algorithm 1',
  },
  look: { text: 'The three states at which Figure 1 shows the policy.', source: 'Figure 1' },
} as const satisfies Readonly<Record<string, Explanation>>;

/** A control with an explanation. */
export type Topic = keyof typeof EXPLANATIONS;
