import type { CallOptions, Reranker } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import type { Candidate } from '../types.ts';

/** The topN best candidates: by the reranker's score, ties by recall; without a reranker in the order of recall. */
export async function rerankCandidates(
  question: string,
  candidates: readonly Candidate[],
  reranker: Reranker | null,
  topN: number,
  options: CallOptions,
): Promise<Candidate[]> {
  if (reranker === null || candidates.length === 0) return candidates.slice(0, topN);
  const scores = await reranker.score(question, candidates, options);
  if (scores.length !== candidates.length || !scores.every(Number.isFinite))
    throw new DiscernError(
      'BACKEND_FAILED',
      `${reranker.id} must give one finite score for each of ${candidates.length} passages`,
    );
  return orderByScore(candidates, scores).slice(0, topN);
}

/** Best score first; equal scores keep the order of recall. */
export function orderByScore(candidates: readonly Candidate[], scores: readonly number[]): Candidate[] {
  return candidates
    .map((candidate, i) => ({ ...candidate, rerankScore: scores[i]! }))
    .sort((a, b) => b.rerankScore - a.rerankScore || a.recallRank - b.recallRank);
}
