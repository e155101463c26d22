import type { Span } from '../types.ts';
import { sentenceSpans } from './sentences.ts';

const segmenter = new Intl.Segmenter('en', { granularity: 'word' });

/** Words that say nothing about the subject. Short on purpose: rare words are found by counting, not by a list. */
const STOP_WORDS = new Set(
  (
    'a about after all also an and any are as at be been before being between both but by can could did do does doing ' +
    'during each for from had has have having he her his how i if in into is it its itself many may me might more most ' +
    'much must my no not of on once one only or other our out over own s same she should so some such t than that the ' +
    'their them then there these they this those through to too under until up us very was we were what when where ' +
    'which while who whom whose why will with would you your'
  ).split(' '),
);

/** The words of a text in lower case, in order; Chinese is cut by its dictionary. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const { segment, isWordLike } of segmenter.segment(text.normalize('NFKC').toLowerCase()))
    if (isWordLike) words.push(segment.replace(/['\u2019]s$/, ''));
  return words;
}

/** The distinct words of a text that say what it is about. */
export const contentWords = (text: string): Set<string> =>
  new Set(wordsOf(text).filter((word) => !STOP_WORDS.has(word)));

/** Share of the content words of `part` that stand in `whole`, 0..1; 0 when it has none. */
export function containment(part: string, whole: ReadonlySet<string>): number {
  const words = contentWords(part);
  return words.size === 0 ? 0 : [...words].filter((word) => whole.has(word)).length / words.size;
}

/**
 * How much each word tells the texts apart: ln(1 + texts / texts with the word). A word that stands in none of them
 * has no weight, since none of them can answer to it.
 */
export function rarity(words: Iterable<string>, texts: readonly ReadonlySet<string>[]): Map<string, number> {
  const weights = new Map<string, number>();
  for (const word of words) {
    const known = texts.filter((text) => text.has(word)).length;
    weights.set(word, known === 0 ? 0 : Math.log(1 + texts.length / known));
  }
  return weights;
}

/** Share of the whole weight that stands on the words of `text` and is not `covered` yet, 0..1. */
export function addedShare(
  weights: ReadonlyMap<string, number>,
  text: ReadonlySet<string>,
  covered: ReadonlySet<string>,
): number {
  let total = 0;
  let added = 0;
  for (const [word, weight] of weights) {
    total += weight;
    if (text.has(word) && !covered.has(word)) added += weight;
  }
  return total === 0 ? 0 : added / total;
}

/** The sentences of a text; one longer than `longest` characters is cut at blanks, or anywhere where it has none. */
export const pieceSpans = (text: string, longest = 600): Span[] =>
  sentenceSpans(text).flatMap((span) => cut(text, span, longest));

function cut(text: string, { start, end }: Span, longest: number): Span[] {
  const pieces: Span[] = [];
  for (let from = start; from < end; ) {
    const to = end - from <= longest ? end : cutAt(text, from, longest);
    pieces.push({ start: from, end: from + text.slice(from, to).trimEnd().length });
    from = to;
    while (from < end && BLANK.test(text[from]!)) from++;
  }
  return pieces;
}

const BLANK = /\s/;

function cutAt(text: string, from: number, longest: number): number {
  const blank = text.slice(from, from + longest + 1).search(/\s\S*$/);
  if (blank > 0) return from + blank;
  const low = text.charCodeAt(from + longest);
  return from + longest - (low >= 0xdc00 && low <= 0xdfff ? 1 : 0); // never between the halves of a character
}
