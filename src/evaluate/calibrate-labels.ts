import { type Calibration, calibrated, firstLogOdds, softmax } from '../calibration.ts';
import { logSumExp } from '../text/math.ts';
import { seededRandom } from '../text/random.ts';
import { fitIsotonic } from './calibrate.ts';

/**
 * Fits of a calibration over several labels, also on rows of which is known only that the first label is wrong. A fit
 * is deterministic.
 */
export const CALIBRATION_METHODS = ['temperature', 'platt', 'isotonic'] as const;
export type CalibrationMethod = (typeof CALIBRATION_METHODS)[number];

export interface LabelledLogits {
  /** One for each label; log-probabilities serve as well. */
  readonly logits: readonly number[];
  /** Number of the true label; `notFirst`: any but the first. */
  readonly label: number | 'notFirst';
}

/** Fits at least one row. */
export function fitCalibration(method: CalibrationMethod, rows: readonly LabelledLogits[]): Calibration {
  switch (method) {
    case 'temperature':
      return { method, temperature: 1 / Math.min(MOST_SCALE, Math.max(1 / MOST_SCALE, newton(rows, false).scale)) };
    case 'platt':
      return { method, ...newton(rows, true) };
    case 'isotonic':
      return { method, ...thinned(rows) };
  }
}

/** Keeps a sure mistake from costing infinitely much. */
const LEAST = 1e-15;

/** Mean negative log-likelihood of what is known of each row. Null without rows. */
export function labelNll(rows: readonly LabelledLogits[], probs: readonly (readonly number[])[]): number | null {
  if (rows.length === 0) return null;
  const chance = ({ label }: LabelledLogits, p: readonly number[]) => (label === 'notFirst' ? 1 - p[0]! : p[label]!);
  return rows.reduce((sum, row, i) => sum - Math.log(Math.max(LEAST, chance(row, probs[i]!))), 0) / rows.length;
}

/** Probabilities of each row by a fit on the other folds. */
export function crossFitted(
  method: CalibrationMethod,
  rows: readonly LabelledLogits[],
  { folds, seed }: { readonly folds: number; readonly seed: number },
): number[][] {
  const next = seededRandom(seed);
  const order = rows
    .map((_, i) => ({ i, at: next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ i }) => i);
  const fold = new Map(order.map((i, place) => [i, place % folds]));
  const fits = Array.from({ length: Math.min(folds, rows.length) }, (_, held) => {
    const others = rows.filter((_, i) => fold.get(i) !== held);
    return others.length === 0 ? null : fitCalibration(method, others);
  });
  return rows.map(({ logits }, i) => calibrated(logits, fits[fold.get(i)!]!));
}

/** Above this a scale says no more: all rows are right, or separable. */
const MOST_SCALE = Math.exp(12);
const STEPS = 100;
/** A step that gains less is the last. */
const ENOUGH = 1e-11;
/** Pulls the biases together where the rows leave them open, such as a label that is never true. */
const RIDGE = 1e-6;
/** Keeps the curvature invertible where all logits are equal. */
const SOLVABLE = 1e-12;

/**
 * Minimises the negative log-likelihood of softmax(scale * logits + bias) by Newton's method with halved steps. The
 * curvature is that of softmax, which is exact for a known label and an upper bound for `notFirst`, so a small enough
 * step always goes down. The last bias is 0; without `biases` all are.
 */
function newton(rows: readonly LabelledLogits[], biases: boolean): { scale: number; bias: number[] } {
  const labels = rows[0]!.logits.length;
  const free = biases ? labels - 1 : 0;
  const centred = rows.map(({ logits, label }) => ({ label, x: logits.map((logit) => logit - logits.at(-1)!) }));
  const scoresAt = (theta: readonly number[], x: readonly number[]) =>
    x.map((value, j) => theta[0]! * value + (j < free ? theta[j + 1]! : 0));
  const lossAt = (theta: readonly number[]) =>
    centred.reduce((sum, { label, x }) => {
      const scores = scoresAt(theta, x);
      return sum + logSumExp(scores) - (label === 'notFirst' ? logSumExp(scores.slice(1)) : scores[label]!);
    }, 0) /
      rows.length +
    RIDGE * theta.slice(1).reduce((sum, bias) => sum + bias * bias, 0);

  let theta = Array.from({ length: 1 + free }, () => 0);
  let loss = lossAt(theta);
  for (let step = 0; step < STEPS; step++) {
    const { gradient, curvature } = slopesAt(theta, centred, scoresAt);
    const move = solve(curvature, gradient);
    let size = 1;
    let tried = theta;
    while (size > 1e-10) {
      tried = theta.map((value, i) => value - size * move[i]!);
      if (lossAt(tried) < loss) break;
      size /= 2;
    }
    if (size <= 1e-10) break;
    theta = tried;
    const before = loss;
    loss = lossAt(theta);
    if (before - loss < ENOUGH) break;
  }
  return { scale: theta[0]!, bias: Array.from({ length: labels }, (_, j) => (j < free ? theta[j + 1]! : 0)) };
}

function slopesAt(
  theta: readonly number[],
  rows: readonly { readonly label: number | 'notFirst'; readonly x: readonly number[] }[],
  scoresAt: (theta: readonly number[], x: readonly number[]) => number[],
): { gradient: number[]; curvature: number[][] } {
  const size = theta.length;
  const gradient = theta.map((value, i) => (i === 0 ? 0 : 2 * RIDGE * value));
  const curvature = theta.map((_, i) => theta.map((_, j) => (i !== j ? 0 : i === 0 ? SOLVABLE : 2 * RIDGE)));
  for (const { label, x } of rows) {
    const p = softmax(scoresAt(theta, x));
    const rest = Math.max(LEAST, 1 - p[0]!);
    const excess = p.map(
      (value, j) => value - (label === 'notFirst' ? (j === 0 ? 0 : value / rest) : j === label ? 1 : 0),
    );
    // Derivatives of the label's score: by the scale its x, by its own bias 1.
    const by = (j: number, i: number) => (i === 0 ? x[j]! : i - 1 === j ? 1 : 0);
    const means = theta.map((_, i) => p.reduce((sum, value, j) => sum + value * by(j, i), 0));
    for (let i = 0; i < size; i++) {
      gradient[i]! += excess.reduce((sum, value, j) => sum + value * by(j, i), 0) / rows.length;
      for (let k = 0; k < size; k++)
        curvature[i]![k]! +=
          (p.reduce((sum, value, j) => sum + value * by(j, i) * by(j, k), 0) - means[i]! * means[k]!) / rows.length;
    }
  }
  return { gradient, curvature };
}

/** Gaussian elimination with pivots; the matrix is positive definite. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  const size = rows.length;
  for (let i = 0; i < size; i++) {
    const pivot = rows.findIndex(
      (row, k) => k >= i && Math.abs(row[i]!) === Math.max(...rows.slice(i).map((each) => Math.abs(each[i]!))),
    );
    [rows[i], rows[pivot]] = [rows[pivot]!, rows[i]!];
    for (let k = i + 1; k < size; k++) {
      const factor = rows[k]![i]! / rows[i]![i]!;
      for (let j = i; j <= size; j++) rows[k]![j]! -= factor * rows[i]![j]!;
    }
  }
  const result = Array.from({ length: size }, () => 0);
  for (let i = size - 1; i >= 0; i--)
    result[i] =
      (rows[i]![size]! - result.reduce((sum, value, j) => (j > i ? sum + value * rows[i]![j]! : sum), 0)) /
      rows[i]![i]!;
  return result;
}

/**
 * The rising curve of the first label over its log-odds, with only the points that shape it: the ends of each flat
 * stretch. It stays 1 / (rows + 2) away from 0 and 1, so that nothing is certain.
 */
function thinned(rows: readonly LabelledLogits[]): { x: number[]; y: number[] } {
  const { x, y } = fitIsotonic(
    rows.map(({ logits }) => firstLogOdds(logits)),
    rows.map(({ label }) => (label === 0 ? 1 : 0)),
  );
  const least = 1 / (rows.length + 2);
  const kept = x.map((_, i) => i).filter((i) => y[i] !== y[i - 1] || y[i] !== y[i + 1]);
  return {
    x: kept.map((i) => x[i]!),
    y: kept.map((i) => Math.min(1 - least, Math.max(least, y[i]!))),
  };
}
