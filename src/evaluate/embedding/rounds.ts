/** Draws of a bootstrap over so many items: fewer where there are many, since each takes longer and adds less. */
export const roundsFor = (n: number): number => Math.max(200, Math.min(1000, Math.round(2e6 / Math.max(1, n))));
