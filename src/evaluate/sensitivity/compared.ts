import { type MeanInterval, meanInterval } from '../metrics/mean.ts';
import { type PairedDifference, pairedDifference } from '../metrics/paired.ts';
import type { Outcome } from '../tune/surface.ts';

/** What questions come to when something was changed, against what they came to before. */
export interface Compared {
  /** Share of the questions that could be replayed, 0..1. What is missing is left out, never estimated. */
  readonly coverage: number;
  /** Of the metric, over the questions that were replayed; null where it is undefined for all of them. */
  readonly value: MeanInterval | null;
  /** Changed minus unchanged on the same questions, in units of the metric. */
  readonly difference: PairedDifference | null;
  /** Mean calls to models, and by how many there are fewer than before on the same questions. */
  readonly calls: number | null;
  readonly callsSaved: number | null;
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Outcomes of one metric before and after, one for each question; `coverage` where several draws stand behind one outcome. */
export function compareOutcomes(
  before: readonly (Outcome | null)[],
  after: readonly (Outcome | null)[],
  seed: number,
  coverage?: number,
): Compared {
  const [a, b] = [valuesOf(before), valuesOf(after)];
  const known = b.filter((value) => value !== null);
  const both = after.flatMap((outcome, i) => (outcome && before[i] ? [{ was: before[i], now: outcome }] : []));
  return {
    coverage: coverage ?? after.filter((outcome) => outcome !== null).length / after.length,
    value: known.length === 0 ? null : meanInterval(known, seed),
    difference: pairedDifference(a, b, seed),
    calls: mean(after.flatMap((outcome) => outcome?.cost.calls ?? [])),
    callsSaved: mean(both.map(({ was, now }) => was.cost.calls - now.cost.calls)),
  };
}

/** The first metric of each outcome; null where it was not replayed, or is undefined. */
export const valuesOf = (outcomes: readonly (Outcome | null)[]): (number | null)[] =>
  outcomes.map((outcome) => outcome?.values[0] ?? null);

/** What the interval of a difference allows to say, where more is `better`. */
export type Finding = 'better' | 'worse' | 'none';

export function findingOf(difference: PairedDifference | null, better: 'higher' | 'lower'): Finding {
  if (difference === null) return 'none';
  const [low, high] = difference.ci95;
  if (low > ROUNDING) return better === 'higher' ? 'better' : 'worse';
  if (high < -ROUNDING) return better === 'higher' ? 'worse' : 'better';
  return 'none';
}

/** Sums of the same numbers in another order differ by less. */
const ROUNDING = 1e-12;

/**
 * With a smaller share of questions, nothing is said to make no difference: those that are left are the ones that a change
 * hardly touches, since it leads the others to where nothing was recorded.
 */
export const COVERED = 0.9;
