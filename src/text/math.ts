/** log(sum(exp(values))), exact also for values near -800 where exp underflows. */
export function logSumExp(values: readonly number[]): number {
  const top = Math.max(...values, Number.NEGATIVE_INFINITY);
  if (top === Number.NEGATIVE_INFINITY) return top;
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
}
