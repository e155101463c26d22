/**
 * ROUGE by the definitions of Google's rouge_score, without stemming. Its own tokens are runs of a-z and 0-9, so text
 * in other scripts scores 0: `unicode` is for that.
 */
export type RougeTokenizer = 'default' | 'unicode';

/** Chinese characters and kana, with the sign for a long vowel. */
const CJK = '[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\u30fc]';
const UNICODE_TOKEN = new RegExp(`${CJK}|(?:(?!${CJK})[\\p{L}\\p{N}])+`, 'gu');

/** `unicode`: NFKC, lower case, one token per ideograph or kana, other runs of letters and digits. */
export const rougeTokens = (text: string, tokenizer: RougeTokenizer): string[] =>
  tokenizer === 'default'
    ? (text.toLowerCase().match(/[a-z0-9]+/g) ?? [])
    : (text.normalize('NFKC').toLowerCase().match(UNICODE_TOKEN) ?? []);

export interface Overlap {
  readonly precision: number;
  readonly recall: number;
  readonly f: number;
}

const overlapOf = (common: number, predicted: number, gold: number): Overlap => {
  const [precision, recall] = [common / Math.max(1, predicted), common / Math.max(1, gold)];
  return { precision, recall, f: common === 0 ? 0 : (2 * precision * recall) / (precision + recall) };
};

/** Overlap of the n-grams as multisets. */
export function rougeN(prediction: readonly string[], gold: readonly string[], n: number): Overlap {
  const grams = (tokens: readonly string[]) =>
    tokens.slice(0, Math.max(0, tokens.length - n + 1)).map((_, i) => JSON.stringify(tokens.slice(i, i + n)));
  const [ours, theirs] = [grams(prediction), grams(gold)];
  return overlapOf(commonCount(ours, theirs), ours.length, theirs.length);
}

/** How many items two lists share, each as often as in both. */
export function commonCount(a: readonly string[], b: readonly string[]): number {
  const left = new Map<string, number>();
  for (const item of b) left.set(item, (left.get(item) ?? 0) + 1);
  return a.filter((item) => {
    const count = left.get(item) ?? 0;
    left.set(item, count - 1);
    return count > 0;
  }).length;
}

/** Overlap by the longest common subsequence of tokens. */
export const rougeL = (prediction: readonly string[], gold: readonly string[]): Overlap =>
  overlapOf(longestCommon(prediction, gold), prediction.length, gold.length);

function longestCommon(a: readonly string[], b: readonly string[]): number {
  let previous: number[] = Array.from({ length: b.length + 1 }, () => 0);
  for (const token of a) {
    const row = [0];
    for (const [j, other] of b.entries())
      row.push(token === other ? previous[j]! + 1 : Math.max(row[j]!, previous[j + 1]!));
    previous = row;
  }
  return previous[b.length]!;
}

export interface Rouge extends Overlap {
  readonly rouge1F: number;
  readonly rouge2F: number;
}

/** ROUGE-L with the gold answer that fits best by f (the first of equals), and ROUGE-1 and 2 with the same one. Null without golds. */
export function rouge(
  prediction: string,
  golds: readonly string[],
  tokenizer: RougeTokenizer = 'default',
): Rouge | null {
  const ours = rougeTokens(prediction, tokenizer);
  const scored = golds.map((gold) => {
    const theirs = rougeTokens(gold, tokenizer);
    return { ...rougeL(ours, theirs), rouge1F: rougeN(ours, theirs, 1).f, rouge2F: rougeN(ours, theirs, 2).f };
  });
  return scored.reduce<Rouge | null>((best, one) => (best === null || one.f > best.f ? one : best), null);
}
