import type { GoldQuestion } from '../data/dataset.ts';
import type { Grades } from './ir.ts';

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
