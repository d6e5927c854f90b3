import type { Appearance } from '../protocol.ts';

/** Red, green, blue from 0 to 1 and alpha: what a shader takes. */
export type Colour = readonly [red: number, green: number, blue: number, alpha: number];

/** Background and lines of the pictures, and the colours of up to eight goals in their order. */
export interface Palette {
  readonly paper: Colour;
  readonly ink: Colour;
  readonly goals: readonly Colour[];
}

/**
 * Okabe and Ito's colours, which people with any colour vision tell apart, as CSS writes them. Blue and sky blue change
 * places in the dark, where blue is too dim to be the first.
 */
export const GOAL_COLOURS: Readonly<Record<'light' | 'dark', readonly string[]>> = {
  light: ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#56b4e9', '#b8a800', '#5b6068'],
  dark: ['#56b4e9', '#e69f00', '#00b383', '#cc79a7', '#e0691a', '#3d8fd1', '#f0e442', '#b8bdc5'],
};

const PAPER = { light: '#fcfcfa', dark: '#14171c' } as const;
const INK = { light: '#1d2126', dark: '#e8eaed' } as const;

/** The colours that suit the page's theme. */
export function paletteOf({ dark }: Appearance): Palette {
  const theme = dark ? 'dark' : 'light';
  return {
    paper: colourOf(PAPER[theme]),
    ink: colourOf(INK[theme]),
    goals: GOAL_COLOURS[theme].map(colourOf),
  };
}

function colourOf(hex: string): Colour {
  const part = (first: number) => Number.parseInt(hex.slice(first, first + 2), 16) / 255;
  return [part(1), part(3), part(5), 1];
}
