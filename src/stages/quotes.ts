import type { SegmentCandidate } from '../contracts.ts';
import { addedShare, contentWords, rarity } from '../text/lexical.ts';
import type { Passage } from '../types.ts';

export interface QuoteOffer {
  readonly passage: Passage;
  /** Sentences of the passage, best for the question first. */
  readonly candidates: readonly SegmentCandidate[];
}

/** The same candidates come back at each level of the beam: their words are looked for once. */
const known = new WeakMap<SegmentCandidate, ReadonlySet<string>>();

function wordsIn(candidate: SegmentCandidate): ReadonlySet<string> {
  const words = known.get(candidate) ?? contentWords(candidate.text);
  known.set(candidate, words);
  return words;
}

/**
 * Pure: which quoted sentences may come next, and whether the answer is complete with them. The first segment is free;
 * a later one must bring at least `gain` of the question's words (rare ones weigh more) that nothing said so far has.
 * An answer ends where no other offered sentence would bring that much.
 */
export function selectQuotes(input: {
  question: string;
  answerSoFar: readonly string[];
  offers: readonly QuoteOffer[];
  perPassage: number;
  gain: number;
}): SegmentCandidate[][] {
  const { question, answerSoFar, offers, perPassage, gain } = input;
  const wordsOf = new Map(
    offers.flatMap(({ candidates }) => candidates.map((candidate) => [candidate.text, wordsIn(candidate)] as const)),
  );
  const weights = rarity(contentWords(question), [...wordsOf.values()]);
  const said = new Set(answerSoFar.flatMap((text) => [...contentWords(text)]));
  const adds = (text: string, covered: ReadonlySet<string>) => addedShare(weights, wordsOf.get(text)!, covered) >= gain;
  const open = [...wordsOf.keys()].filter(
    (text) => !answerSoFar.includes(text) && (answerSoFar.length === 0 || adds(text, said)),
  );
  return offers.map(({ candidates }) =>
    candidates
      .filter(({ text }) => open.includes(text))
      .slice(0, perPassage)
      .map((candidate) => {
        const covered = new Set([...said, ...wordsOf.get(candidate.text)!]);
        return { ...candidate, end: !open.some((text) => text !== candidate.text && adds(text, covered)) };
      }),
  );
}
