import type { SampledAnswer } from '../contracts.ts';
import { clusterAnswers, isDegenerate, likelihoodWeights } from '../semantics.ts';
import type { GateFeatures, Meaning } from '../types.ts';
import { likelihoodsOf, meaningsOf, rounded, type SameMeaning } from './meanings.ts';

/** What is known of a context without sampling. Null where a part is missing. */
export interface ContextScores {
  /** P(relevant) of the best passage, and its lead over the next one; null for one passage alone. */
  readonly isRel: number | null;
  readonly isRelMargin: number | null;
  /** Scores of the best passage. */
  readonly rerank: number | null;
  readonly recall: number | null;
}

export interface SampledContext {
  readonly with: readonly SampledAnswer[];
  readonly without: readonly SampledAnswer[];
  /** Over both lists, `with` first. */
  readonly same: SameMeaning;
  /** P(fully supported by the context) of each answer of `with`; null where no critic says so. */
  readonly support: readonly number[] | null;
}

export interface GateMeasures {
  readonly features: GateFeatures;
  readonly entropy: { readonly with: number | null; readonly without: number | null };
  readonly meanings: { readonly with: readonly Meaning[]; readonly without: readonly Meaning[] };
}

/** Without samples: only what the scores say. */
export const unsampled = (scores: ContextScores): GateMeasures => ({
  features: {
    ...{ entropyReduction: null, pseudoSeper: null, disagreement: null, closedBookDoubt: null, supported: null },
    ...scores,
  },
  entropy: { with: null, without: null },
  meanings: { with: [], without: [] },
});

/**
 * Everything that the gate can be decided by. Entropies are over each condition's own clusters; pseudo-SePer and
 * disagreement over the clusters of all answers together: the mass of the with-context majority meaning, with minus
 * without, and 1 minus the mass that both conditions put on the same meanings.
 */
export function measureContext(sampled: SampledContext, scores: ContextScores): GateMeasures {
  const { same } = sampled;
  const count = sampled.with.length;
  const context = meaningsOf(sampled.with, same);
  const alone = meaningsOf(sampled.without, (first, second) => same(count + first, count + second));
  const pooled = pooledMass(sampled);
  return {
    features: {
      entropyReduction: context && alone && rounded(alone.entropy - context.entropy),
      pseudoSeper: pooled && rounded(pseudoSeper(pooled)),
      disagreement: pooled && rounded(1 - sum(pooled.map(([mine, other]) => Math.min(mine, other)))),
      closedBookDoubt: alone && rounded(1 - alone.meanings[0]!.probability),
      supported: supportedMass(sampled),
      ...scores,
    },
    entropy: { with: context?.entropy ?? null, without: alone?.entropy ?? null },
    meanings: { with: context?.meanings ?? [], without: alone?.meanings ?? [] },
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Mass with and without the context of each meaning of all answers together; null where either has no weight. */
function pooledMass({ with: context, without, same }: SampledContext): (readonly [number, number])[] | null {
  const likelihoods = [likelihoodsOf(context), likelihoodsOf(without)] as const;
  if (likelihoods.some(isDegenerate)) return null;
  const [mine, other] = likelihoods.map(likelihoodWeights) as [number[], number[]];
  const { ids, representatives } = clusterAnswers(context.length + without.length, same);
  const massOf = (weights: readonly number[], from: number, cluster: number) =>
    rounded(sum(weights.filter((_, i) => ids[from + i] === cluster)));
  return representatives.map((_, cluster) => [massOf(mine, 0, cluster), massOf(other, context.length, cluster)]);
}

/** Of two majorities the one with more mass without the context counts, whatever the order of the samples. */
function pseudoSeper(pooled: readonly (readonly [number, number])[]): number {
  const [mine, other] = pooled.reduce((best, one) =>
    one[0] > best[0] || (one[0] === best[0] && one[1] > best[1]) ? one : best,
  );
  return mine - other;
}

/** The mass of the answers with context that it fully supports (ours). */
function supportedMass({ with: context, support }: SampledContext): number | null {
  const likelihoods = likelihoodsOf(context);
  if (support === null || isDegenerate(likelihoods)) return null;
  return rounded(sum(likelihoodWeights(likelihoods).map((weight, i) => weight * support[i]!)));
}
