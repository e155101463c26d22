import { DiscernError } from '../../../errors.ts';
import type { Answer } from '../../../types.ts';
import type { GoldQuestion } from '../../data/dataset.ts';
import type { AnswerMetric, MetricTable } from '../answer-metric.ts';
import { judgedId, judgementsOf } from '../gold.ts';
import { type Grades, type IrMeasure, metricNames, metricOf } from '../ir.ts';
import { docIdOf, firstEvent } from '../observed.ts';
import { pairwiseAccuracy, type Scored } from '../ranking.ts';

/**
 * Rankings of documents by the search before the first segment. A document stands where its first passage stands. Nothing was
 * searched or found: an empty list, so 0. Null where nobody judged a document for the question.
 */
type Ids = readonly string[];
interface Rankings {
  readonly recall: Ids;
  readonly rerank: Ids;
}

const named = (answer: Answer, grades: Grades, passages: readonly { readonly passageId: string }[]): string[] =>
  passages.map(({ passageId }) => judgedId(grades, docIdOf(answer, passageId)));

const rankingsOf = (answer: Answer, grades: Grades): Rankings => ({
  recall: named(answer, grades, firstEvent(answer, 'recall-end')?.candidates ?? []),
  rerank: named(answer, grades, firstEvent(answer, 'rerank-end')?.kept ?? []),
});

const EMPTY = '0 where nothing was searched before the first segment, null where nobody judged';

interface Family {
  readonly stage: AnswerMetric['stage'];
  readonly description: (ir: string) => string;
  readonly value: (measure: IrMeasure, rankings: Rankings, grades: Grades) => number;
}

const FAMILIES: Readonly<Record<string, Family>> = {
  recall: {
    stage: 'recall',
    description: (ir) => `${ir} of the documents in the order of recall, 0..1; ${EMPTY}`,
    value: (measure, { recall }, grades) => measure(recall, grades),
  },
  rerank: {
    stage: 'rerank',
    description: (ir) => `${ir} of the first topN documents after reranking, 0..1; ${EMPTY}`,
    value: (measure, { rerank }, grades) => measure(rerank, grades),
  },
  lift: {
    stage: 'rerank',
    description: (ir) =>
      `${ir} after reranking minus before, on the same candidates (those behind topN in the order of recall), -1..1; ${EMPTY}`,
    // A document that is behind topN with one passage and before it with another stands where it stands first.
    value: (measure, { recall, rerank }, grades) => measure([...rerank, ...recall], grades) - measure(recall, grades),
  },
};

/** The metric of a name such as `lift.ndcg@10`; null where it is none of these. */
export function rankingMetric(name: string): Omit<AnswerMetric, 'name'> | null {
  const [, family = '', ir = ''] = /^([a-z]+)\.(.+)$/.exec(name) ?? [];
  if (!Object.hasOwn(FAMILIES, family)) return null;
  const measure = irMeasure(ir);
  if (measure === null) return null;
  const { stage, description, value } = FAMILIES[family]!;
  const of = (answer: Answer, gold: GoldQuestion): number | null => {
    const grades = judgementsOf(gold);
    return grades === null ? null : value(measure, rankingsOf(answer, grades), grades);
  };
  return { stage, better: 'higher', description: description(ir), of };
}

function irMeasure(name: string): IrMeasure | null {
  try {
    return metricOf(name);
  } catch (error) {
    if (DiscernError.is(error, 'INPUT_INVALID')) return null;
    throw error;
  }
}

export const rankingMetricNames = (): string[] =>
  Object.keys(FAMILIES).flatMap((family) => metricNames().map((name) => `${family}.${name}`));

const PAIRS = 'share of the pairs of documents of different grades that the scores order rightly, a tie a half, 0..1';

const pairwise = (
  { relevant }: GoldQuestion,
  answer: Answer,
  scored: readonly { readonly passageId: string; readonly score: number | null }[],
): number | null => {
  if (relevant === null || scored.some(({ score }) => score === null)) return null;
  const rows = scored.map(({ passageId, score }) => [judgedId(relevant, docIdOf(answer, passageId)), score!] as const);
  return pairwiseAccuracy(rows satisfies Scored, relevant);
};

export const PAIRWISE_METRICS: MetricTable = {
  'recall.pairwise': {
    ...{ stage: 'recall', better: 'higher', description: `${PAIRS}; of recall; null without such a pair` },
    of: (answer, gold) => pairwise(gold, answer, firstEvent(answer, 'recall-end')?.candidates ?? []),
  },
  'rerank.pairwise': {
    stage: 'rerank',
    better: 'higher',
    description: `${PAIRS}; of the reranker among the first topN; null without such a pair or without a reranker`,
    of: (answer, gold) => pairwise(gold, answer, firstEvent(answer, 'rerank-end')?.kept ?? []),
  },
};
