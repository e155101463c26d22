import type { CallOptions, Reranker } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import type { Candidate } from '../types.ts';

/** The topN best candidates, ordered by recall and reranker together; without a reranker in the order of recall. */
export async function rerankCandidates(
  question: string,
  candidates: readonly Candidate[],
  reranker: Reranker | null,
  { topN, mix }: { readonly topN: number; readonly mix: number },
  options: CallOptions,
): Promise<Candidate[]> {
  if (reranker === null || candidates.length === 0) return candidates.slice(0, topN);
  const scores = await reranker.score(question, candidates, options);
  if (scores.length !== candidates.length || !scores.every(Number.isFinite))
    throw new DiscernError(
      'BACKEND_FAILED',
      `${reranker.id} must give one finite score for each of ${candidates.length} passages`,
    );
  return mixedOrder(candidates, scores, mix).slice(0, topN);
}

/** Best mixed score first; equal ones keep the order of recall. `rerankScore` stays what the reranker said. */
export function mixedOrder(candidates: readonly Candidate[], scores: readonly number[], mix: number): Candidate[] {
  const mixed = mixedScores(
    candidates.map(({ recallScore }) => recallScore),
    scores,
    mix,
  );
  return candidates
    .map((candidate, i) => ({ candidate: { ...candidate, rerankScore: scores[i]! }, score: mixed[i]! }))
    .sort((a, b) => b.score - a.score || a.candidate.recallRank - b.candidate.recallRank)
    .map(({ candidate }) => candidate);
}

/**
 * One score for each candidate of a question: `mix` (0..1) of the reranker's and the rest of recall's, both standardised
 * over these candidates, since a logit and a cosine have no common scale. At the ends one of the two as it is.
 */
export function mixedScores(recall: readonly number[], rerank: readonly number[], mix: number): readonly number[] {
  if (mix === 1) return rerank;
  if (mix === 0) return recall;
  const [recalled, reranked] = [standardised(recall), standardised(rerank)];
  return reranked.map((score, i) => mix * score + (1 - mix) * recalled[i]!);
}

/** Mean 0 and deviation 1 (of all values, not of a sample); all 0 where the values are equal. */
export function standardised(values: readonly number[]): number[] {
  const least = Math.min(...values);
  const shifted = values.map((value) => value - least); // equal values give exactly 0
  const mean = shifted.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(shifted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return shifted.map((value) => (deviation === 0 ? 0 : (value - mean) / deviation));
}
