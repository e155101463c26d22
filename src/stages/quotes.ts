import type { SegmentCandidate } from '../contracts.ts';
import { addedShare, contentWords, rarity } from '../text/lexical.ts';
import type { Passage } from '../types.ts';
import { mixedScores } from './rerank.ts';

export interface QuoteOffer {
  readonly passage: Passage;
  /** Sentences of the passage; those without scores keep their order. */
  readonly candidates: readonly SegmentCandidate[];
}

/** What a near second sentence must add of the question's words, so that it does not only repeat the first. */
const NEAR_GAIN = 0.1;

/** The same candidates come back at each level of the beam: their words are looked for once. */
const known = new WeakMap<SegmentCandidate, ReadonlySet<string>>();

function wordsIn(candidate: SegmentCandidate): ReadonlySet<string> {
  const words = known.get(candidate) ?? contentWords(candidate.text);
  known.set(candidate, words);
  return words;
}

const asked = new WeakMap<SegmentCandidate, { readonly question: string; readonly words: ReadonlySet<string> }>();

/** The same question comes with the same candidates in every replay. */
function wordsOfQuestion(question: string, first: SegmentCandidate | undefined): ReadonlySet<string> {
  const last = first && asked.get(first);
  if (last?.question === question) return last.words;
  const words = contentWords(question);
  if (first) asked.set(first, { question, words });
  return words;
}

/**
 * Pure: the sentences of each passage, best first. Those that the encoder scored are ordered by `mix` (0..1) of its logit
 * and the rest of similarity, each standardised over all of them; the others follow as they were given.
 */
export function orderQuotes(lists: readonly (readonly SegmentCandidate[])[], mix: number): SegmentCandidate[][] {
  return orderedBy(lists, quoteScores(lists, mix));
}

type Scores = ReadonlyMap<SegmentCandidate, number>;

const orderedBy = (lists: readonly (readonly SegmentCandidate[])[], scores: Scores): SegmentCandidate[][] =>
  lists.map((list) => [
    ...list.filter((candidate) => scores.has(candidate)).sort((a, b) => scores.get(b)! - scores.get(a)!),
    ...list.filter((candidate) => !scores.has(candidate)),
  ]);

function quoteScores(lists: readonly (readonly SegmentCandidate[])[], mix: number): Scores {
  const scored = lists.flat().flatMap((candidate) => {
    const { similarity = 0, encoder = null } = candidate.scores ?? {};
    return encoder === null ? [] : [{ candidate, similarity, encoder }];
  });
  const mixed = mixedScores(
    scored.map(({ similarity }) => similarity),
    scored.map(({ encoder }) => encoder),
    mix,
  );
  return new Map(scored.map(({ candidate }, i) => [candidate, mixed[i]!]));
}

/** The `best` highest scored of what all passages offer; all of them where nothing was scored. */
function bestOf(offered: readonly (readonly SegmentCandidate[])[], best: number, scores: Scores): SegmentCandidate[][] {
  const scored = offered.flat().filter((candidate) => scores.has(candidate));
  if (scored.length === 0) return offered.map((list) => [...list]);
  const kept = new Set(scored.sort((a, b) => scores.get(b)! - scores.get(a)!).slice(0, best));
  return offered.map((list) => list.filter((candidate) => kept.has(candidate)));
}

/**
 * Pure: which quoted sentences may come next, and whether the answer is complete with them. The first segment is free;
 * a later one must bring at least `gain` of the question's words (rare ones weigh more) that nothing said so far has. A
 * second one may bring less where the embedder finds it at most `near` less similar to the question than the first.
 * An answer ends where no other offered sentence may follow.
 */
export function selectQuotes(input: {
  question: string;
  answerSoFar: readonly string[];
  offers: readonly QuoteOffer[];
  perPassage: number;
  /** Of all passages together. */
  best: number;
  gain: number;
  near: number | null;
  mix: number;
}): SegmentCandidate[][] {
  const { question, answerSoFar, offers, perPassage, best, gain, near, mix } = input;
  const given = offers.map(({ candidates }) => candidates);
  const scores = quoteScores(given, mix);
  const lists = orderedBy(given, scores);
  const candidates = lists.flat();
  const wordsOf = new Map(candidates.map((candidate) => [candidate.text, wordsIn(candidate)]));
  const similarityOf = new Map(candidates.map(({ text, scores }) => [text, scores?.similarity ?? Number.NaN]));
  const weights = rarity(wordsOfQuestion(question, candidates[0]), [...wordsOf.values()]);
  const isNear = (text: string, first: string): boolean =>
    near !== null && similarityOf.get(text)! >= (similarityOf.get(first) ?? Number.NaN) - near;
  const mayFollow = (text: string, said: readonly string[], covered: ReadonlySet<string>): boolean => {
    if (said.includes(text)) return false;
    if (said.length === 0) return true;
    const added = addedShare(weights, wordsOf.get(text)!, covered);
    return added >= gain || (said.length === 1 && added >= NEAR_GAIN && isNear(text, said[0]!));
  };
  const covered = new Set(answerSoFar.flatMap((text) => [...(wordsOf.get(text) ?? contentWords(text))]));
  const texts = [...wordsOf.keys()];
  const open = new Set(texts.filter((text) => mayFollow(text, answerSoFar, covered)));
  const offered = lists.map((list) => list.filter(({ text }) => open.has(text)).slice(0, perPassage));
  return bestOf(offered, best, scores).map((list) =>
    list.map((candidate) => {
      const said = [...answerSoFar, candidate.text];
      const then = new Set([...covered, ...wordsOf.get(candidate.text)!]);
      return { ...candidate, end: !texts.some((text) => mayFollow(text, said, then)) };
    }),
  );
}
