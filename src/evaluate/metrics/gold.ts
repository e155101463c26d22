import type { GoldQuestion } from '../data/dataset.ts';
import { type Grades, relevantCount } from './ir.ts';
import { meanOf } from './ir-means.ts';

/**
 * The name that the judgements have for a document: its id, or what stands behind a `#` in it, since an index calls
 * `folder/corpus.jsonl#12` what a dataset calls `12`. The id itself where nobody judged it.
 */
export function judgedId(relevant: Grades, docId: string): string {
  if (relevant.has(docId)) return docId;
  // The longest first: the id of a record may hold a `#` itself.
  for (let at = docId.indexOf('#'); at >= 0; at = docId.indexOf('#', at + 1)) {
    const record = docId.slice(at + 1);
    if (relevant.has(record)) return record;
  }
  return docId;
}

/** The grade of a document; 0 where nobody judged it. */
export const gradeOf = (relevant: Grades, docId: string): number => relevant.get(judgedId(relevant, docId)) ?? 0;

/** Graded 1 or more. */
export const isRelevant = (relevant: Grades, docId: string): boolean => gradeOf(relevant, docId) >= 1;

/** What should be found; null where nobody judged a document, so that the question is none of the qrels. */
export const judgementsOf = ({ relevant }: GoldQuestion): Grades | null =>
  relevant === null || relevant.size === 0 ? null : relevant;

/** How many relevant documents there are among these, each once. */
export function foundCount(docIds: readonly string[], relevant: Grades): number {
  const found = docIds.filter((docId) => isRelevant(relevant, docId)).map((docId) => judgedId(relevant, docId));
  return new Set(found).size;
}

/** Share of the relevant documents that are among these; 0 where none is relevant, null where nobody judged. */
export function foundShare(docIds: readonly string[], gold: GoldQuestion): number | null {
  const relevant = judgementsOf(gold);
  return relevant === null ? null : foundCount(docIds, relevant) / Math.max(1, relevantCount(relevant));
}

/** Share of these that are relevant; null without any. */
export const relevantShare = (docIds: readonly string[], relevant: Grades): number | null =>
  meanOf(docIds.map((docId) => (isRelevant(relevant, docId) ? 1 : 0)));
