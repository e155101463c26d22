import type { CallOptions, Entailed, Entailment, EntailmentRequest, SampledAnswer } from '../contracts.ts';
import { clusterAnswers, isEquivalent, meaningDistribution, meanLogprob, sameMeaning } from '../semantics.ts';
import { answerKey } from '../text/answer.ts';
import type { Meaning } from '../types.ts';

/** `head`: an answer-equivalence model's probability above a half; `strict`, `loose`: by entailment in both directions. */
export type EquivalenceRule = 'head' | 'strict' | 'loose';

/** Whether the answers at two places mean the same. */
export type SameMeaning = (first: number, second: number) => boolean;

/**
 * Compares answers to one question, each pair of different texts once and all in one batch. Texts that are equal after
 * SQuAD normalisation mean the same and are one text; an empty one means nothing but itself.
 */
export async function compareAnswers(
  question: string,
  answers: readonly string[],
  entailment: Entailment,
  rule: EquivalenceRule,
  options: CallOptions = {},
): Promise<SameMeaning> {
  const names = answers.map(answerKey);
  const places = new Map<string, number>();
  for (const [i, name] of names.entries()) if (name !== '' && !places.has(name)) places.set(name, i);
  const texts = [...places.values()];
  const pairs = texts.flatMap((first, i) => texts.slice(i + 1).map((second) => [first, second] as const));
  const request = (first: number, second: number): EntailmentRequest => ({
    question,
    first: answers[first]!,
    second: answers[second]!,
  });
  const same = new Set<string>();
  const keyOf = (first: string, second: string) => JSON.stringify([first, second].sort());
  const keep = (alike: (i: number) => boolean) =>
    pairs.forEach(([first, second], i) => {
      if (alike(i)) same.add(keyOf(names[first]!, names[second]!));
    });
  if (rule === 'head') {
    const asked = pairs.map(([first, second]) => request(first, second));
    const chances = asked.length === 0 ? [] : await entailment.equivalent(asked, options);
    keep((i) => sameMeaning(chances[i]!));
  } else {
    const asked = pairs.flatMap(([first, second]) => [request(first, second), request(second, first)]);
    const said: Entailed[] = asked.length === 0 ? [] : await entailment.entail(asked, options);
    keep((i) => isEquivalent(said[2 * i]!, said[2 * i + 1]!, rule));
  }
  return (first, second) => {
    const [one, other] = [names[first]!, names[second]!];
    return one === other || same.has(keyOf(one, other));
  };
}

/**
 * Length-normalised log-likelihoods of sampled answers. Where a backend gives no log-probabilities every answer weighs
 * the same (`discrete`). An empty answer has no weight.
 */
export const likelihoodsOf = (answers: readonly SampledAnswer[]): number[] =>
  answers.map(({ text, logprobs }) =>
    answerKey(text) === '' ? Number.NEGATIVE_INFINITY : logprobs === null ? 0 : meanLogprob(logprobs),
  );

/** Without what sums and logarithms leave over: against a threshold of 0 it would decide. Never -0. */
export const rounded = (value: number): number => Math.round(value * 1e12) / 1e12 + 0;

export interface Meanings {
  /** Likeliest first. */
  readonly meanings: readonly Meaning[];
  /** Semantic entropy, nats. */
  readonly entropy: number;
}

/** The distribution of the answers of one condition over their meanings; null where no answer has any weight. */
export function meaningsOf(answers: readonly SampledAnswer[], same: SameMeaning): Meanings | null {
  const clusters = clusterAnswers(answers.length, same);
  const distribution = meaningDistribution(clusters, likelihoodsOf(answers));
  if (distribution === null) return null;
  const meanings = distribution.probabilities.map((probability, i) => ({
    text: answers[clusters.representatives[i]!]!.text,
    probability: rounded(probability),
  }));
  return { meanings: meanings.sort((a, b) => b.probability - a.probability), entropy: rounded(distribution.entropy) };
}
