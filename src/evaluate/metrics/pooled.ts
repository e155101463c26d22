import type { Answer } from '../../types.ts';
import type { GoldQuestion } from '../data/dataset.ts';
import { bootstrap } from './bootstrap.ts';
import { accuracyOf, confusionOf, macro, perClass } from './confusion.ts';
import { brier, rocAuc } from './critics.ts';
import { isRelevant } from './gold.ts';
import type { MeanInterval } from './mean.ts';
import { docIdOf, firstEvent } from './observed.ts';
import { calibrationError, reliabilityBins } from './reliability.ts';

/** What the critic said of a passage, what was made of it, and what is true. */
export interface RelevanceObservation {
  /** P(relevant). */
  readonly p: number;
  readonly kept: boolean;
  /** Whether its document is relevant. */
  readonly relevant: boolean;
}

/** One for each passage that IsREL judged before the first segment; none where nobody judged the question. */
export function relevanceObservations(answer: Answer, { relevant }: GoldQuestion): RelevanceObservation[] {
  if (relevant === null) return [];
  return (firstEvent(answer, 'relevance-decided')?.passages ?? []).flatMap(({ passageId, value, kept }) =>
    value === null ? [] : [{ p: value, kept, relevant: isRelevant(relevant, docIdOf(answer, passageId)) }],
  );
}

/** How good IsREL is on the passages of many questions together. Null where a figure is undefined. */
export interface RelevanceFigures {
  /** Null unless both relevant and irrelevant passages are there. */
  readonly auroc: number | null;
  /** In 15 bins of equal width. */
  readonly ece: number | null;
  readonly brier: number | null;
  /** Of the decisions: kept against relevant. So is the next. */
  readonly accuracy: number | null;
  readonly macroF1: number | null;
  /** Passages. */
  readonly n: number;
}

const BINS = 15;

export function isRelFigures(observations: readonly RelevanceObservation[]): RelevanceFigures {
  const p = observations.map((observation) => observation.p);
  const truth = observations.map(({ relevant }) => (relevant ? 1 : 0));
  const decided = observations.map(({ kept }) => (kept ? 1 : 0));
  const confusion = confusionOf(truth, decided, 2);
  return {
    auroc: rocAuc(truth, p),
    ece: calibrationError(reliabilityBins(truth, p, BINS)).ece,
    brier: brier(truth, p),
    accuracy: accuracyOf(confusion),
    macroF1: observations.length === 0 ? null : macro(perClass(confusion).f1),
    n: observations.length,
  };
}

/** The same with bootstrap intervals over the questions: passages of one are drawn together, and `n` counts questions. */
export const isRelIntervals = (
  byQuestion: readonly (readonly RelevanceObservation[])[],
  seed: number,
): Readonly<Record<keyof Omit<RelevanceFigures, 'n'>, MeanInterval | null>> =>
  bootstrap([byQuestion.length], seed, ([places]) => {
    const { n: _, ...figures } = isRelFigures(places!.flatMap((place) => byQuestion[place]!));
    return figures;
  });
