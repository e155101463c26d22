import { type EntailmentProbs, isEquivalent, type MeaningDistribution } from '../../semantics.ts';

/**
 * SePer (arXiv 2503.01478, section 3): how much of a model's belief lies on the meaning of a reference answer.
 * It needs reference answers, so it is for evaluation only. Likelihoods meet their own pairs here; the published code
 * mixes them up with several references.
 */

/** Entailment between an answer and a reference, both ways. */
export interface GoldEntailment {
  readonly answerToGold: EntailmentProbs;
  readonly goldToAnswer: EntailmentProbs;
}

/** `pairs[answer][gold]`. */
export type GoldPairs = readonly (readonly GoldEntailment[])[];

/** For each reference: the weight of the answers times their entailment in the better direction. */
export const seperSoftPerGold = (weights: readonly number[], pairs: GoldPairs, golds: number): number[] =>
  Array.from({ length: golds }, (_, gold) =>
    weights.reduce((sum, weight, i) => {
      const { answerToGold, goldToAnswer } = pairs[i]![gold]!;
      return sum + weight * Math.max(answerToGold.entailment, goldToAnswer.entailment);
    }, 0),
  );

/** Soft SePer: the best reference counts. Null without references. */
export const seperSoft = (perGold: readonly number[]): number | null =>
  perGold.length === 0 ? null : Math.max(...perGold);

/** For each cluster: whether its first member means the same as some reference, loosely, whatever made the clusters. */
export const clustersMatchingGold = (representatives: readonly number[], pairs: GoldPairs): boolean[] =>
  representatives.map((answer) =>
    pairs[answer]!.some(({ answerToGold, goldToAnswer }) => isEquivalent(answerToGold, goldToAnswer, 'loose')),
  );

/** Hard SePer: the mass of the clusters that match a reference. Null where nothing has weight, or without references. */
export function seperHard(
  meanings: MeaningDistribution | null,
  representatives: readonly number[],
  pairs: GoldPairs,
): number | null {
  if (meanings === null || pairs.every((golds) => golds.length === 0)) return null;
  const matches = clustersMatchingGold(representatives, pairs);
  return meanings.probabilities.reduce((sum, probability, cluster) => (matches[cluster] ? sum + probability : sum), 0);
}

/** `a - b`; null where either is undefined. */
export const difference = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? null : a - b;

/** Whether the context is kept: what it gains is strictly above the threshold. What is undefined keeps nothing. */
export const keepsContext = (gain: number | null, threshold: number): boolean => gain !== null && gain > threshold;
