export interface ClosedSetResult {
  /** Answers by summed score, best first; ties: first seen. */
  readonly ranking: readonly { readonly answer: string; readonly score: number }[];
  readonly best: string | null;
  /** Index of the passage with the best single score, the first of equals; null without passages. */
  readonly bestSinglePassage: number | null;
}

/** Closed-set answers (multiple choice, true/false): sums the segment scores of each answer over the passages. */
export function aggregateClosedSet(
  candidates: readonly { readonly answer: string; readonly score: number }[],
): ClosedSetResult {
  const sums = new Map<string, number>();
  for (const { answer, score } of candidates) sums.set(answer, (sums.get(answer) ?? 0) + score);
  const ranking = [...sums].map(([answer, score]) => ({ answer, score })).sort((a, b) => b.score - a.score);
  const bestSinglePassage = candidates.reduce<number | null>(
    (best, { score }, i) => (best === null || score > candidates[best]!.score ? i : best),
    null,
  );
  return { ranking, best: ranking[0]?.answer ?? null, bestSinglePassage };
}
