/** A share of one in words: 0.42 as `42 %`. */
export const percent = (share: number) => `${Math.round(100 * share)} %`;
