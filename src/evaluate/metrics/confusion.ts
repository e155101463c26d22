/**
 * Measures of predicted classes, by the definitions of scikit-learn. Classes are numbered from 0, and one that is
 * neither true nor predicted counts in the macro means. A division by zero gives 0; kappa is null where it is undefined.
 */
export type Confusion = readonly (readonly number[])[];

/** `[true][predicted]`: how often. */
export function confusionOf(truth: readonly number[], predicted: readonly number[], classes: number): Confusion {
  const table = Array.from({ length: classes }, () => Array.from({ length: classes }, () => 0));
  for (const [i, label] of truth.entries()) table[label]![predicted[i]!]! += 1;
  return table;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
const rowSums = (table: Confusion): number[] => table.map(sum);
const columnSums = (table: Confusion): number[] => table.map((_, column) => sum(table.map((row) => row[column]!)));
const diagonal = (table: Confusion): number[] => table.map((row, i) => row[i]!);

/** Share that is right; null without items. */
export const accuracyOf = (table: Confusion): number | null => {
  const n = sum(rowSums(table));
  return n === 0 ? null : sum(diagonal(table)) / n;
};

export interface ClassScores {
  readonly precision: readonly number[];
  readonly recall: readonly number[];
  readonly f1: readonly number[];
  /** How often each class is true. */
  readonly support: readonly number[];
}

export function perClass(table: Confusion): ClassScores {
  const [right, truth, predicted] = [diagonal(table), rowSums(table), columnSums(table)];
  return {
    precision: right.map((count, i) => ratio(count, predicted[i]!)),
    recall: right.map((count, i) => ratio(count, truth[i]!)),
    f1: right.map((count, i) => ratio(2 * count, truth[i]! + predicted[i]!)),
    support: truth,
  };
}

/** Mean over the classes. */
export const macro = (values: readonly number[]): number => ratio(sum(values), values.length);

/** Mean over the classes, weighted by how often each is true. */
export const weighted = (values: readonly number[], support: readonly number[]): number =>
  ratio(sum(values.map((value, i) => value * support[i]!)), sum(support));

/** Mean recall of the classes; null where a class is never true. */
export const balancedAccuracy = (table: Confusion): number | null =>
  rowSums(table).includes(0) ? null : macro(perClass(table).recall);

/** How far apart two classes are when they are confused: equally, or by the steps between grades. */
export const KAPPA_COSTS = {
  none: (a: number, b: number) => (a === b ? 0 : 1),
  linear: (a: number, b: number) => Math.abs(a - b),
  quadratic: (a: number, b: number) => (a - b) ** 2,
} as const;

/** Cohen's kappa: agreement beyond chance. Quadratic is the one for grades such as IsUSE. Null where chance agrees fully. */
export function kappa(table: Confusion, costs: keyof typeof KAPPA_COSTS = 'none'): number | null {
  const [truth, predicted] = [rowSums(table), columnSums(table)];
  const n = sum(truth);
  const cost = (of: (i: number, j: number) => number) =>
    sum(table.flatMap((row, i) => row.map((_, j) => KAPPA_COSTS[costs](i, j) * of(i, j))));
  const byChance = cost((i, j) => (truth[i]! * predicted[j]!) / n);
  return byChance > 0 ? 1 - cost((i, j) => table[i]![j]!) / byChance : null;
}

/** Matthews correlation of any number of classes (Gorodkin, 2004); 0 where one side is constant. */
export function matthews(table: Confusion): number {
  const [truth, predicted] = [rowSums(table), columnSums(table)];
  const n = sum(truth);
  const covariance = (a: readonly number[], b: readonly number[], both: number) =>
    both * n - sum(a.map((count, i) => count * b[i]!));
  const ofTruth = n * n - sum(truth.map((count) => count * count));
  const ofPredicted = n * n - sum(predicted.map((count) => count * count));
  return ratio(covariance(truth, predicted, sum(diagonal(table))), Math.sqrt(ofTruth * ofPredicted));
}
