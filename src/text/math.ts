/** log(sum(exp(values))), exact also for values near -800 where exp underflows. */
export function logSumExp(values: readonly number[]): number {
  const top = Math.max(...values, Number.NEGATIVE_INFINITY);
  if (top === Number.NEGATIVE_INFINITY) return top;
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
}

/** Two-sided 95% of the normal distribution. */
const Z = 1.959963984540054;

/** The 95% interval of a share, k of n (Wilson 1927). */
export function wilson(k: number, n: number): readonly [low: number, high: number] {
  const middle = (k + Z ** 2 / 2) / (n + Z ** 2);
  const half = (Z / (n + Z ** 2)) * Math.sqrt((k * (n - k)) / n + Z ** 2 / 4);
  return [k === 0 ? 0 : Math.max(0, middle - half), k === n ? 1 : Math.min(1, middle + half)];
}
