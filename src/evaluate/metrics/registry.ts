import { DiscernError } from '../../errors.ts';
import { plainText } from '../../stages/answer.ts';
import type { Answer } from '../../types.ts';
import type { GoldQuestion } from '../data/dataset.ts';
import { containsGold, exactMatch, tokenF1 } from './answers.ts';

export type MetricStage = 'recall' | 'rerank' | 'critics' | 'gate' | 'generation' | 'end to end' | 'cost';

/** A figure of one answered question. Its mean over questions is what tables show. */
export interface AnswerMetric {
  readonly name: string;
  readonly stage: MetricStage;
  readonly better: 'higher' | 'lower';
  /** One sentence: what it is, and its range. */
  readonly description: string;
  /** Null where it is undefined for this question. */
  readonly of: (answer: Answer, gold: GoldQuestion) => number | null;
}

type Entry = Omit<AnswerMetric, 'name'>;

const said = (answer: Answer): string => (answer.unanswered === null ? plainText(answer) : '');

const METRICS: Readonly<Record<string, Entry>> = {
  f1: {
    ...{ stage: 'end to end', better: 'higher', description: 'overlap of tokens with the best gold answer, 0..1' },
    of: (answer, { answers }) => (answers === null ? null : tokenF1(said(answer), answers)),
  },
  em: {
    ...{ stage: 'end to end', better: 'higher', description: '1 where the answer is a gold answer, else 0' },
    of: (answer, { answers }) => (answers === null ? null : exactMatch(said(answer), answers)),
  },
  contains: {
    ...{ stage: 'end to end', better: 'higher', description: '1 where a gold answer stands in the answer, else 0' },
    of: (answer, { answers }) => (!answers?.length ? null : containsGold(said(answer), answers)),
  },
  calls: {
    ...{ stage: 'cost', better: 'lower', description: 'calls to models' },
    of: ({ cost }) => cost.calls,
  },
};

/** The metric of a name such as `f1` or `recall.ndcg@10`. Throws INPUT_INVALID with the names that are known. */
export function answerMetric(name: string): AnswerMetric {
  const found = Object.hasOwn(METRICS, name) ? METRICS[name] : undefined;
  if (found === undefined)
    throw new DiscernError('INPUT_INVALID', `metric "${name}" is not known; known: ${answerMetricNames().join(', ')}`);
  return { name, ...found };
}

export const answerMetricNames = (): string[] => Object.keys(METRICS);
