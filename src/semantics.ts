import { logSumExp } from './text/math.ts';

/**
 * Meanings of sampled answers: likelihood weights, clusters by entailment, semantic entropy (SePer, arXiv 2503.01478,
 * section 3; Kuhn et al., arXiv 2302.09664). No reference answers here: what needs them is in evaluate/metrics/seper.ts.
 */
export const ENTAILMENT_LABELS = ['contradiction', 'neutral', 'entailment'] as const;
export type EntailmentLabel = (typeof ENTAILMENT_LABELS)[number];

/** What an entailment model says of one premise and one hypothesis. */
export type EntailmentProbs = Readonly<Record<EntailmentLabel, number>>;

/** A model's output in the order of its own label table, as probabilities by name. */
export function entailmentOf(labels: readonly EntailmentLabel[], values: readonly number[]): EntailmentProbs {
  const of = (label: EntailmentLabel) => values[labels.indexOf(label)] ?? 0;
  return { contradiction: of('contradiction'), neutral: of('neutral'), entailment: of('entailment') };
}

/** The likeliest label; of equals the first in the order contradiction, neutral, entailment. */
export const topEntailment = (probs: EntailmentProbs): EntailmentLabel =>
  ENTAILMENT_LABELS.reduce((best, label) => (probs[label] > probs[best] ? label : best));

/** `strict`: each entails the other. `loose`: neither contradicts the other, and they are not neutral both ways. */
export type Equivalence = 'strict' | 'loose';

/** Whether two texts mean the same, from the entailment of one by the other in both directions. */
export function isEquivalent(forward: EntailmentProbs, backward: EntailmentProbs, how: Equivalence): boolean {
  const labels = [topEntailment(forward), topEntailment(backward)];
  if (how === 'strict') return labels.every((label) => label === 'entailment');
  return !labels.includes('contradiction') && labels.includes('entailment');
}

/** The same by an answer-equivalence model (the rule `head`): its probability is strictly above a half. */
export const sameMeaning = (probability: number): boolean => probability > 0.5;

/** Length-normalised log-likelihood of an answer: the mean over its tokens. An answer without tokens has no weight. */
export const meanLogprob = (logprobs: readonly number[]): number =>
  logprobs.length === 0
    ? Number.NEGATIVE_INFINITY
    : logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length;

/** Softmax of log-likelihoods, in log space. All are -Infinity when none of the answers has any weight. */
export function logWeights(logLikelihoods: readonly number[]): number[] {
  const total = logSumExp(logLikelihoods);
  return logLikelihoods.map((value) => (total === Number.NEGATIVE_INFINITY ? total : value - total));
}

/** The weight of each answer among the samples: they sum to one, or are all 0 (see `isDegenerate`). */
export const likelihoodWeights = (logLikelihoods: readonly number[]): number[] =>
  logWeights(logLikelihoods).map(Math.exp);

/** True when no answer has any weight: then there is no distribution over meanings, and nothing can be decided by it. */
export const isDegenerate = (logLikelihoods: readonly number[]): boolean =>
  logSumExp(logLikelihoods) === Number.NEGATIVE_INFINITY;

/** Which later answers an opened cluster takes: every equivalent one (the published code), or only unassigned ones. */
export type ClusterRule = 'takeOver' | 'firstMatch';

export interface Clusters {
  /** The cluster of each answer, numbered by their opening. */
  readonly ids: readonly number[];
  /** The answer that opened each cluster. */
  readonly representatives: readonly number[];
}

/** Greedy clusters in sample order: an answer that is in no cluster opens one and takes later equivalent answers. */
export function clusterAnswers(
  count: number,
  equivalent: (opener: number, other: number) => boolean,
  rule: ClusterRule = 'takeOver',
): Clusters {
  const ids: number[] = Array.from({ length: count }, () => -1);
  const representatives: number[] = [];
  for (let opener = 0; opener < count; opener++) {
    if (ids[opener] !== -1) continue;
    ids[opener] = representatives.length;
    for (let other = opener + 1; other < count; other++)
      if ((rule === 'takeOver' || ids[other] === -1) && equivalent(opener, other)) ids[other] = representatives.length;
    representatives.push(opener);
  }
  return { ids, representatives };
}

export interface MeaningDistribution {
  readonly probabilities: readonly number[];
  readonly logProbabilities: readonly number[];
  /** Semantic entropy in nats. */
  readonly entropy: number;
  readonly perplexity: number;
}

/** How the weight of the answers spreads over their clusters; null when there is no weight at all. */
export function meaningDistribution(
  { ids, representatives }: Clusters,
  logLikelihoods: readonly number[],
): MeaningDistribution | null {
  if (isDegenerate(logLikelihoods)) return null;
  const weights = logWeights(logLikelihoods);
  const logProbabilities = representatives.map((_, cluster) => logSumExp(weights.filter((_, i) => ids[i] === cluster)));
  const probabilities = logProbabilities.map(Math.exp);
  const entropy = entropyOf(probabilities);
  return { probabilities, logProbabilities, entropy, perplexity: Math.exp(entropy) };
}

/** Entropy of the shares of answers in each cluster, whatever their likelihood: for models without log-probabilities. */
export function discreteEntropy({ ids, representatives }: Clusters): number {
  return entropyOf(representatives.map((_, cluster) => ids.filter((id) => id === cluster).length / ids.length));
}

/** Entropy in nats; 0 log 0 is 0. */
export const entropyOf = (probabilities: readonly number[]): number =>
  probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);

/** Mean negative log-likelihood of the answers; null where it is not finite. */
export function predictiveEntropy(logLikelihoods: readonly number[]): number | null {
  const mean = -logLikelihoods.reduce((sum, value) => sum + value, 0) / logLikelihoods.length;
  return Number.isFinite(mean) ? mean : null;
}
