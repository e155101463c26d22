import { z } from 'zod';
import { containsGold, exactMatch, normalizeAnswer, tokenF1 } from '../metrics/answers.ts';
import { exactMatchZh, tokenF1Zh, zhTokens } from '../metrics/answers-zh.ts';
import { meanOf } from '../metrics/ir-means.ts';
import { type RougeTokenizer, rouge } from '../metrics/rouge.ts';
import { type CaseRunner, Expected, type GoldenCase, type GoldenFile, listed } from './case.ts';

const Case = z.object({ prediction: z.string(), golds: z.array(z.string()) });

const runCase: CaseRunner = (input) => {
  const { prediction, golds } = Case.parse(input);
  const withTokenizer = (tokenizer: RougeTokenizer) => rouge(prediction, golds, tokenizer);
  return {
    em: exactMatch(prediction, golds),
    f1: tokenF1(prediction, golds),
    normalizedPrediction: normalizeAnswer(prediction),
    normalizedGolds: golds.map(normalizeAnswer),
    containsGold: containsVerbatim(prediction, golds),
    containsGoldNormalized: containsGold(prediction, golds),
    rougeL: golds.length === 0 ? {} : { default: withTokenizer('default'), unicode: withTokenizer('unicode') },
    zh: {
      em: exactMatchZh(prediction, golds),
      f1: tokenF1Zh(prediction, golds),
      normalizedPrediction: zhTokens(prediction),
    },
  };
};

/** 1 when a gold answer stands in the prediction letter for letter, else 0: the `match` of Self-RAG's evaluation. */
const containsVerbatim = (prediction: string, golds: readonly string[]): number =>
  golds.some((gold) => prediction.includes(gold)) ? 1 : 0;

const runCorpus: CaseRunner = (input) => {
  const cases = z.array(Case).parse(input);
  const mean = (of: (prediction: string, golds: readonly string[]) => number) =>
    meanOf(cases.map(({ prediction, golds }) => of(prediction, golds)));
  return { n: cases.length, em: mean(exactMatch), f1: mean(tokenF1), containsGold: mean(containsVerbatim) };
};

/** The means over the file stand beside its cases. */
const wholeOf = (file: unknown): GoldenCase | undefined => {
  const { cases, corpus } = z.object({ cases: z.unknown(), corpus: Expected.optional() }).parse(file);
  return corpus && { id: 'corpus', input: cases, expected: corpus, run: runCorpus };
};

export const qa = (file: unknown): GoldenFile => ({ cases: listed(file, 'cases', runCase), whole: wholeOf(file) });
