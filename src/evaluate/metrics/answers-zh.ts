import { commonCount } from './rouge.ts';

/**
 * EM and F1 for Chinese text, by the rules of the MLQA evaluation script; two empty sides agree here, as in SQuAD v2.0.
 */
const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;
const TOKEN = /[\u4e00-\u9fa5]|[^\p{White_Space}\u4e00-\u9fa5]+/gu;

/** Lower case, no punctuation, one token per Chinese character; other runs are split on blanks. */
export const zhTokens = (text: string): string[] => text.toLowerCase().replace(PUNCTUATION, '').match(TOKEN) ?? [];

/** Gold answers that say something; none left means that there is no answer. */
function goldTokens(golds: readonly string[]): string[][] {
  const kept = golds.map(zhTokens).filter((tokens) => tokens.length > 0);
  return kept.length > 0 ? kept : [[]];
}

/** 1 when the tokens are those of a gold answer, else 0. */
export function exactMatchZh(prediction: string, golds: readonly string[]): number {
  const ours = JSON.stringify(zhTokens(prediction));
  return goldTokens(golds).some((tokens) => JSON.stringify(tokens) === ours) ? 1 : 0;
}

/** F1 of the tokens as multisets, with the best gold answer. */
export function tokenF1Zh(prediction: string, golds: readonly string[]): number {
  const ours = zhTokens(prediction);
  const f1 = (gold: readonly string[]) =>
    ours.length + gold.length === 0 ? 1 : (2 * commonCount(ours, gold)) / (ours.length + gold.length);
  return Math.max(...goldTokens(golds).map(f1));
}

/** 1 when the tokens of a gold answer stand in the prediction in a row, else 0. */
export function containsGoldZh(prediction: string, golds: readonly string[]): number {
  const inside = ` ${zhTokens(prediction).join(' ')} `;
  const tokens = golds.map(zhTokens).filter((gold) => gold.length > 0);
  return tokens.some((gold) => inside.includes(` ${gold.join(' ')} `)) ? 1 : 0;
}
