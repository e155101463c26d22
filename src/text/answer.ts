/**
 * Short answers as the SQuAD v2.0 evaluation script compares them. Its word boundary is Unicode-aware and JavaScript's is
 * not, so the articles are found by hand.
 */
const PUNCTUATION = /[!-/:-@[-`{-~]/g;
const ARTICLE = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
const BLANKS = /\p{White_Space}+/u;

/** Lower case, no ASCII punctuation, no articles, single blanks. Accents and other punctuation stay. */
export const normalizeAnswer = (text: string): string => answerTokens(text).join(' ');

/** Its words. */
export const answerTokens = (text: string): string[] =>
  text
    .toLowerCase()
    .replace(PUNCTUATION, '')
    .replace(ARTICLE, ' ')
    .split(BLANKS)
    .filter((token) => token !== '');

/** Equal for answers that are one text: the normal form, or the bare words where nothing else is left of it (`A`, `The`). */
export const answerKey = (text: string): string =>
  normalizeAnswer(text) || (text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).join(' ');
