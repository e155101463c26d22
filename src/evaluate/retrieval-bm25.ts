import MiniSearch from 'minisearch';
import { passageText } from '../text/passage.ts';
import type { Passage } from '../types.ts';

/** The customary settings of BM25 for passages. */
const K1 = 0.9;
const B = 0.4;

/** Runs of letters and digits in lower case; a Chinese character is a word of its own. No stemming, no stop words. */
const termsOf = (text: string): string[] =>
  text.toLowerCase().match(/\p{Script=Han}|(?:(?!\p{Script=Han})[\p{L}\p{N}])+/gu) ?? [];

/**
 * BM25 over titles and texts: the ids of the k best passages, ties by their order in the corpus.
 *
 * MiniSearch multiplies a sum of BM25 by the number of words that matched, which is undone here; the length of a passage
 * is the number of its different words.
 */
export function bm25Search(corpus: readonly Passage[]): (query: string, k: number) => string[] {
  const index = new MiniSearch<{ id: number; text: string }>({
    fields: ['text'],
    tokenize: termsOf,
    processTerm: (term) => term,
    searchOptions: { bm25: { k: K1, b: B, d: 0 }, combineWith: 'OR' },
  });
  index.addAll(corpus.map((passage, id) => ({ id, text: passageText(passage) })));
  return (query, k) =>
    index
      .search(query)
      .map(({ id, score, queryTerms }) => ({ id: id as number, score: score / Math.max(1, queryTerms.length) }))
      .sort((a, b) => b.score - a.score || a.id - b.id)
      .slice(0, k)
      .map(({ id }) => corpus[id]!.id);
}
