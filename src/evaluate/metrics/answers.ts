import { answerTokens, normalizeAnswer } from '../../text/answer.ts';

/** Answer metrics as the SQuAD v2.0 evaluation script has them. */
export { normalizeAnswer };

/** Gold answers that say something; none left means that there is no answer, and the empty text is right. */
function usable(golds: readonly string[]): string[] {
  const kept = golds.filter((gold) => normalizeAnswer(gold) !== '');
  return kept.length > 0 ? kept : [''];
}

const best = (golds: readonly string[], of: (gold: string) => number): number => Math.max(...usable(golds).map(of));

/** 1 when the prediction is one of the gold answers after normalisation, else 0. */
export const exactMatch = (prediction: string, golds: readonly string[]): number =>
  best(golds, (gold) => (normalizeAnswer(gold) === normalizeAnswer(prediction) ? 1 : 0));

/** F1 of the tokens as multisets, with the best gold answer. */
export const tokenF1 = (prediction: string, golds: readonly string[]): number =>
  best(golds, (gold) => overlapF1(answerTokens(prediction), answerTokens(gold)));

function overlapF1(prediction: readonly string[], gold: readonly string[]): number {
  if (prediction.length === 0 || gold.length === 0) return prediction.length === gold.length ? 1 : 0;
  const left = new Map<string, number>();
  for (const token of gold) left.set(token, (left.get(token) ?? 0) + 1);
  let common = 0;
  for (const token of prediction) {
    const count = left.get(token) ?? 0;
    if (count === 0) continue;
    left.set(token, count - 1);
    common++;
  }
  return (2 * common) / (prediction.length + gold.length);
}

/** 1 when the tokens of a gold answer stand in the prediction in a row, else 0. */
export function containsGold(prediction: string, golds: readonly string[]): number {
  const inside = ` ${normalizeAnswer(prediction)} `;
  return golds.some((gold) => normalizeAnswer(gold) !== '' && inside.includes(` ${normalizeAnswer(gold)} `)) ? 1 : 0;
}
