import type { Grades } from './ir.ts';

export type Scored = readonly (readonly [id: string, score: number])[];

/**
 * Ids by score, best first, each once. `arrival` leaves ties in the order of the list, which is what a reader saw;
 * `trec` does what trec_eval does: scores as float32, ties by id, descending by bytes.
 */
export function rankByScore(scored: Scored, ties: 'arrival' | 'trec' = 'arrival'): string[] {
  const rows = ties === 'trec' ? scored.map(([id, score]) => [id, Math.fround(score)] as const) : [...scored];
  rows.sort(([idA, a], [idB, b]) => (a === b ? (ties === 'trec' ? compareBytes(idB, idA) : 0) : a > b ? -1 : 1));
  return [...new Set(rows.map(([id]) => id))];
}

/** Order of two texts by their UTF-8 bytes, which is the order of their code points. */
export function compareBytes(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const gap = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
    if (gap !== 0) return gap;
  }
  return left.length - right.length;
}

/**
 * Share of the pairs of returned ids with different grades that the scores order rightly, a tie counting a half; null
 * where there is no such pair. Not judged is grade 0, and so is a grade below it. `judgedOnly` leaves the unjudged out.
 */
export function pairwiseAccuracy(scored: Scored, grades: Grades, judgedOnly = false): number | null {
  const kept = new Map<string, number>();
  for (const [id, score] of scored) if (!kept.has(id) && (!judgedOnly || grades.has(id))) kept.set(id, score);
  const rows = [...kept].map(([id, score]) => ({ score, grade: Math.max(0, grades.get(id) ?? 0) }));
  let pairs = 0;
  let right = 0;
  for (const better of rows.filter(({ grade }) => grade > 0))
    for (const worse of rows) {
      if (better.grade <= worse.grade) continue;
      pairs += 1;
      right += better.score > worse.score ? 1 : better.score === worse.score ? 0.5 : 0;
    }
  return pairs === 0 ? null : right / pairs;
}
