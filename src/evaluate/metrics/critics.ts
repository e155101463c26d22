import { accuracyOf, balancedAccuracy, type Confusion, confusionOf, kappa, matthews, perClass } from './confusion.ts';
import { calibrationError, reliabilityBins } from './reliability.ts';

/**
 * How good the probabilities of a critic are, by the definitions of scikit-learn. `y` holds true classes numbered from
 * 0 (0 and 1 for one label against the rest). Null where a measure is undefined.
 */
const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Keeps a sure mistake from costing infinitely much. */
const CLIP = 1e-15;
const logOf = (p: number): number => Math.log(Math.min(1 - CLIP, Math.max(CLIP, p)));

/** Brier score of one label: mean of (p - y)^2, 0..1. */
export const brier = (y: readonly number[], p: readonly number[]): number | null =>
  mean(p.map((value, i) => (value - y[i]!) ** 2));

/** Brier score over all classes: mean of the sum over the classes, 0..2, not halved. */
export const brierMulticlass = (y: readonly number[], p: readonly (readonly number[])[]): number | null =>
  mean(p.map((row, i) => row.reduce((sum, value, label) => sum + (value - (label === y[i] ? 1 : 0)) ** 2, 0)));

/** Mean negative log-likelihood of what came true. */
export const logLoss = (y: readonly number[], p: readonly number[]): number | null =>
  mean(p.map((value, i) => -logOf(y[i] === 1 ? value : 1 - value)));

export const logLossMulticlass = (y: readonly number[], p: readonly (readonly number[])[]): number | null =>
  mean(p.map((row, i) => -logOf(row[y[i]!]!)));

/** Counts of both classes at each different score, the highest score first. */
function byScore(y: readonly number[], scores: readonly number[]): { positive: number; negative: number }[] {
  const counts = new Map<number, { positive: number; negative: number }>();
  for (const [i, score] of scores.entries()) {
    const at = counts.get(score) ?? { positive: 0, negative: 0 };
    counts.set(score, at);
    if (y[i] === 1) at.positive += 1;
    else at.negative += 1;
  }
  return [...counts].sort(([a], [b]) => b - a).map(([, at]) => at);
}

/** Chance that a positive scores above a negative, a tie counting a half. Null with one class only. */
export function rocAuc(y: readonly number[], scores: readonly number[]): number | null {
  let [above, right, negatives] = [0, 0, 0];
  for (const { positive, negative } of byScore(y, scores)) {
    right += negative * (above + positive / 2);
    above += positive;
    negatives += negative;
  }
  return above === 0 || negatives === 0 ? null : right / above / negatives;
}

/** Area under the steps of the precision-recall curve. Null without positives. */
export function averagePrecisionScore(y: readonly number[], scores: readonly number[]): number | null {
  let [found, seen, area] = [0, 0, 0];
  for (const { positive, negative } of byScore(y, scores)) {
    found += positive;
    seen += positive + negative;
    area += positive * (found / seen);
  }
  return found === 0 ? null : area / found;
}

/** Mean over the classes of the AUROC of each against the rest. Null where one is undefined. */
export function rocAucOvr(y: readonly number[], p: readonly (readonly number[])[]): number | null {
  const classes = p[0]?.length ?? 0;
  const areas = Array.from({ length: classes }, (_, label) =>
    rocAuc(
      y.map((value) => (value === label ? 1 : 0)),
      p.map((row) => row[label]!),
    ),
  );
  return areas.includes(null) ? null : mean(areas.filter((area) => area !== null));
}

/** The likeliest class; of equals the lowest. */
export const topClass = (probabilities: readonly number[]): number => probabilities.indexOf(Math.max(...probabilities));

/** Expected calibration error of the likeliest class. */
export function topLabelEce(y: readonly number[], p: readonly (readonly number[])[], bins: number): number | null {
  const right = p.map((row, i) => (topClass(row) === y[i] ? 1 : 0));
  const stated = p.map((row) => Math.max(...row));
  return calibrationError(reliabilityBins(right, stated, bins)).ece;
}

/** The grade that a distribution over grades from 1 means: the sum of k * p_k. */
export const expectedLevel = (probabilities: readonly number[]): number =>
  probabilities.reduce((sum, p, i) => sum + (i + 1) * p, 0);

export interface ThresholdScores {
  readonly threshold: number;
  readonly accuracy: number | null;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly balancedAccuracy: number | null;
  readonly mcc: number;
  readonly kappa: number | null;
  /** `[true][predicted]`. */
  readonly confusion: Confusion;
  /** Share that is predicted positive. */
  readonly positiveRate: number | null;
}

/** What a threshold decides: positive when p is strictly above it. */
export function scoresAt(y: readonly number[], p: readonly number[], threshold: number): ThresholdScores {
  const predicted = p.map((value) => (value > threshold ? 1 : 0));
  const confusion = confusionOf(y, predicted, 2);
  const { precision, recall, f1 } = perClass(confusion);
  return {
    threshold,
    accuracy: accuracyOf(confusion),
    precision: precision[1]!,
    recall: recall[1]!,
    f1: f1[1]!,
    balancedAccuracy: balancedAccuracy(confusion),
    mcc: matthews(confusion),
    kappa: kappa(confusion),
    confusion,
    positiveRate: mean(predicted),
  };
}

/** The threshold with the best F1; of equals the lowest. Null when none is offered. */
export function bestF1(
  y: readonly number[],
  p: readonly number[],
  thresholds: readonly number[],
): { readonly threshold: number; readonly f1: number } | null {
  return [...thresholds]
    .sort((a, b) => a - b)
    .map((threshold) => ({ threshold, f1: scoresAt(y, p, threshold).f1 }))
    .reduce<{ threshold: number; f1: number } | null>(
      (best, one) => (best === null || one.f1 > best.f1 ? one : best),
      null,
    );
}
