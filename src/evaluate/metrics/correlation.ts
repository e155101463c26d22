/**
 * Agreement of two lists of numbers, by the definitions of scipy.stats. Null where it is undefined: fewer than two
 * points, or a list that is constant.
 */
type Correlation = (x: readonly number[], y: readonly number[]) => number | null;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const isConstant = (values: readonly number[]): boolean => values.every((value) => value === values[0]);
const isUndefined: (...lists: Parameters<Correlation>) => boolean = (x, y) =>
  x.length < 2 || isConstant(x) || isConstant(y);

/** Pearson's linear correlation. */
export const pearson: Correlation = (x, y) => {
  if (isUndefined(x, y)) return null;
  const [a, b] = [unit(x), unit(y)];
  return clamp(a.reduce((sum, value, i) => sum + value * b[i]!, 0));
};

/** Deviations from the mean, scaled to length one. */
function unit(values: readonly number[]): number[] {
  const centre = mean(values);
  const deviations = values.map((value) => value - centre);
  const norm = Math.hypot(...deviations);
  return deviations.map((value) => value / norm);
}

const clamp = (value: number): number => Math.min(1, Math.max(-1, value));

/** Ranks from 1; equal values share the mean of their ranks. */
export function averageRanks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((i, j) => values[i]! - values[j]!);
  const ranks: number[] = Array.from({ length: values.length }, () => 0);
  for (let start = 0, end: number; start < order.length; start = end) {
    end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) ranks[order[i]!] = (start + 1 + end) / 2;
  }
  return ranks;
}

/** Spearman's rank correlation: Pearson's of the average ranks. */
export const spearman: Correlation = (x, y) => pearson(averageRanks(x), averageRanks(y));

/** Concordant minus discordant pairs, and how many pairs are tied in neither, x or y alone. */
function pairsOf(x: readonly number[], y: readonly number[]) {
  let surplus = 0;
  let [untiedX, untiedY] = [0, 0];
  for (let i = 0; i < x.length; i++)
    for (let j = 0; j < i; j++) {
      const [dx, dy] = [Math.sign(x[i]! - x[j]!), Math.sign(y[i]! - y[j]!)];
      surplus += dx * dy;
      if (dx !== 0) untiedX++;
      if (dy !== 0) untiedY++;
    }
  return { surplus, untiedX, untiedY };
}

/** Kendall's tau-b, which corrects for ties. */
export const kendallTauB: Correlation = (x, y) => {
  if (isUndefined(x, y)) return null;
  const { surplus, untiedX, untiedY } = pairsOf(x, y);
  return clamp(surplus / Math.sqrt(untiedX) / Math.sqrt(untiedY));
};

/** Kendall's (Stuart's) tau-c, for tables that are not square. */
export const kendallTauC: Correlation = (x, y) => {
  if (isUndefined(x, y)) return null;
  const levels = Math.min(new Set(x).size, new Set(y).size);
  return clamp((2 * pairsOf(x, y).surplus) / (x.length ** 2 * ((levels - 1) / levels)));
};

export const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0);

export const euclidean = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(...a.map((value, i) => value - b[i]!));

/** True where the cosine is 0 by convention, since a vector has no direction. */
export const isZeroVector = (vector: readonly number[]): boolean => vector.every((value) => value === 0);

/** Cosine of the angle between two vectors. */
export function cosine(a: readonly number[], b: readonly number[]): number {
  if (isZeroVector(a) || isZeroVector(b)) return 0;
  const [normA, normB] = [Math.hypot(...a), Math.hypot(...b)];
  return clamp(a.reduce((sum, value, i) => sum + (value / normA) * (b[i]! / normB), 0));
}
